//! Interceptors, on both sides and over every transport: what their tests share.

mod edges;
mod endings;
mod foreign;
mod order;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request as HttpRequest, StatusCode, Uri, uri::PathAndQuery};
use rust_scaffold::{
    CallEnd, Channel, Code, ConnectInfo, HttpBody, InterceptedCall, Interceptor, MessageCount,
    Next, Reply, Request, Response, Role, Server, SharedInterceptor, Status, Streaming,
    tonic::{body::Body, client::Grpc},
};
use tokio::time::timeout;
use tokio_stream::{StreamExt as _, iter};
use tonic_prost::ProstCodec;
use tower::{service_fn, util::MapRequestLayer};
use tower_service::Service as _;

use crate::{
    calculator::{AddRequest, AddResponse, CalculatorClient, MockCalculator},
    routes,
    station::{Station, point, query},
    telemetry::{Point, Query, TelemetryClient, TelemetryServer},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);

/// What has happened, in order.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Waits until there are `count` lines: the other side may still be at it when a client has its response.
    async fn lines(&self, count: usize) -> Vec<String> {
        let enough = async {
            while self.0.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(LONG, enough).await;
        self.take()
    }
}

/// Notes when calls and replies pass it.
struct Named(&'static str, Log);

impl Interceptor for Named {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        self.1.push(format!("> {}", self.0));
        let reply = next.run(call).await;
        self.1.push(format!("< {}", self.0));
        reply
    }
}

/// The codes of a call of each kind.
async fn codes(client: &TelemetryClient) -> [Code; 4] {
    fn code<T>(result: Result<T, Status>) -> Code {
        result.map_or_else(|status| status.code(), |_| Code::Ok)
    }
    [
        code(client.latest(query("a", 1)).await),
        code(client.watch(query("a", 1)).await),
        code(client.upload(iter([point("a")])).await),
        code(client.tail(iter([query("a", 1)])).await),
    ]
}

/// Notes how calls end.
#[derive(Clone, Default)]
struct Ends(Arc<Mutex<Vec<End>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    code: Code,
    message: String,
    last_word: Option<String>,
    requests: MessageCount,
    responses: MessageCount,
}

impl Interceptor for Ends {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let ends = Arc::clone(&self.0);
        let note = move |end: &CallEnd<'_>| {
            let last_word = end.trailers().get("last-word");
            ends.lock().unwrap().push(End {
                code: end.code(),
                message: end.error().map_or_else(String::new, |status| status.message().to_owned()),
                last_word: last_word.map(|word| word.to_str().unwrap().to_owned()),
                requests: end.requests(),
                responses: end.responses(),
            });
        };
        next.on_end(note).run(call).await
    }
}

impl Ends {
    /// The one call that has ended: the other side may still be at it when a client has its response.
    async fn only(&self) -> End {
        let ended = async {
            while self.0.lock().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(LONG, ended).await;
        let mut ends = std::mem::take(&mut *self.0.lock().unwrap());
        assert_eq!(ends.len(), 1, "{ends:?}");
        ends.remove(0)
    }
}

/// A request with a word that comes back in trailers.
fn with_word<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("word", "hello".parse().unwrap());
    request
}

/// As many messages of the series `a` or `b`, of which each takes 3 bytes, and `limit`s 2 more.
fn count(messages: u64, bytes: u64) -> (u64, u64) {
    (messages, bytes)
}

fn counts(end: &End) -> [(u64, u64); 2] {
    [&end.requests, &end.responses].map(|count| (count.messages, count.bytes))
}

/// The status with which a stream of responses fails, before its headers or after them.
async fn failure_of(response: Result<Response<Streaming<Point>>, Status>) -> Status {
    match response {
        Ok(points) => points.into_inner().collect::<Result<Vec<_>, _>>().await.unwrap_err(),
        Err(status) => status,
    }
}

/// Gives calls little time.
struct Hurrying;

impl Interceptor for Hurrying {
    async fn intercept(&self, mut call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        call.set_timeout(Duration::from_millis(50));
        let earlier = call.deadline().unwrap();
        call.set_timeout(LONG);
        assert_eq!(call.deadline(), Some(earlier));
        next.run(call).await
    }
}

/// Panics before the call, after it, or when it is told of the end.
struct Panicking(&'static str);

impl Interceptor for Panicking {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let when = call.metadata().get("panics").map(|when| when.to_str().unwrap().to_owned());
        let panics = move |now| assert!(when.as_deref() != Some(now), "this interceptor panics");
        panics("before");
        let reply = next.on_end({
            let panics = panics.clone();
            move |_| panics("end")
        });
        let reply = reply.run(call).await;
        panics(self.0);
        reply
    }
}
