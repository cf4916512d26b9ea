//! A service with calls of each kind, failures with details, and streams that do not end.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use rust_scaffold::{
    Code, Request, Response, Status, Streaming, Trailers,
    error_details::{ErrorDetails, StatusExt as _},
    metadata::MetadataMap,
    prost::Message as _,
    prost_types::Any,
};
use tokio::time::{Interval, interval};
use tokio_stream::{Stream, StreamExt as _};

use crate::shop::v1::{Answer, Count, Order, Orders, Question, Receipt, Refusal, Step};

#[derive(Default)]
pub(crate) struct Shop {
    gone: Arc<AtomicU32>,
}

impl Orders for Shop {
    async fn place(&self, call: Request<Order>) -> Result<Response<Order>, Status> {
        let tenant = call.metadata().get("tenant").cloned();
        let order = call.into_inner();
        if order.customer == "nobody" {
            return Err(refusal());
        }
        if order.items.is_empty() {
            let details = ErrorDetails::with_bad_request_violation("items", "an order needs items");
            let text = "the order cannot be placed";
            return Err(Status::with_error_details(Code::InvalidArgument, text, details));
        }
        let mut response = Response::new(Order { id: 9_007_199_254_740_993, ..order });
        let mut trailers = MetadataMap::new();
        trailers.insert("cups", "1".parse().map_err(|_| Status::internal("no number"))?);
        response.extensions_mut().insert(Trailers(trailers));
        if let Some(tenant) = tenant {
            response.metadata_mut().insert("tenant", tenant);
        }
        Ok(response)
    }

    async fn place_all(
        &self,
        call: Request<Streaming<Order>>,
    ) -> Result<Response<Receipt>, Status> {
        let mut orders = call.into_inner();
        let mut receipt = Receipt::default();
        while let Some(order) = orders.message().await? {
            receipt.orders += 1;
            receipt.ids.push(order.id);
        }
        Ok(Response::new(receipt))
    }

    async fn follow(&self, _: Request<Order>) -> Result<Response<Streaming<Step>>, Status> {
        let steps = Steps {
            ticks: interval(Duration::from_millis(20)),
            number: 0,
            gone: Arc::clone(&self.gone),
        };
        Ok(Response::new(Streaming::new(steps)))
    }

    async fn ask(
        &self,
        call: Request<Streaming<Question>>,
    ) -> Result<Response<Streaming<Answer>>, Status> {
        let answer = |Question { text }| Answer { text: format!("Yes: {text}") };
        let answers = call.into_inner().map(move |question| question.map(answer));
        Ok(Response::new(Streaming::new(answers)))
    }

    async fn wait(&self, _: Request<Question>) -> Result<Response<Answer>, Status> {
        std::future::pending().await
    }

    async fn count_gone(&self, _: Request<Question>) -> Result<Response<Count>, Status> {
        Ok(Response::new(Count { count: self.gone.load(Ordering::Relaxed) }))
    }
}

/// A failure whose details are of a type of the service's own, and of one that nobody knows.
fn refusal() -> Status {
    let apology = Refusal { apology: "Sorry".to_owned(), times: -2 };
    let known = Any {
        type_url: "type.googleapis.com/shop.v1.Refusal".to_owned(),
        value: apology.encode_to_vec(),
    };
    let unknown =
        Any { type_url: "type.googleapis.com/other.Unknown".to_owned(), value: vec![8, 1] };
    let status = RpcStatus { code: Code::FailedPrecondition.into(), details: vec![known, unknown] };
    let text = "nobody orders nothing";
    Status::with_details(Code::FailedPrecondition, text, status.encode_to_vec().into())
}

/// `google.rpc.Status`
#[derive(Clone, PartialEq, rust_scaffold::prost::Message)]
#[prost(prost_path = "rust_scaffold::prost")]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// Steps without an end. Counts itself when nobody wants more of them.
struct Steps {
    ticks: Interval,
    number: u32,
    gone: Arc<AtomicU32>,
}

impl Stream for Steps {
    type Item = Result<Step, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ticks.poll_tick(cx).map(|_| {
            self.number += 1;
            let text = format!("step {}", self.number);
            Some(Ok(Step { number: self.number, text }))
        })
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.gone.fetch_add(1, Ordering::Relaxed);
    }
}
