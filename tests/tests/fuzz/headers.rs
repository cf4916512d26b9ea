//! Whatever headers and trailers come, on either side: as HTTP libraries hand them over.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use rust_scaffold::{
    Channel, Request, Status, Streaming,
    metadata::{KeyAndValueRef, MetadataMap},
    tonic,
};
use tokio::{runtime::Builder, time::timeout};
use tower_service::Service;

use crate::{
    mutate::{change_bytes, change_text},
    random::Random,
    service::Echo,
    telemetry::{Point, Query, TelemetryClient, TelemetryServer},
};

/// How many calls have come to a status that was sent.
pub(crate) static STATUSES: AtomicU64 = AtomicU64::new(0);

/// What is left after so long, in virtual time, hangs.
const HANGS: Duration = Duration::from_secs(24 * 3600);
/// An empty message.
const MESSAGE: &[u8] = &[0, 0, 0, 0, 0];

/// What headers are made of: mostly gRPC's own, and values that are legal for some of them.
const NAMES: [&str; 16] = [
    "grpc-status",
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "grpc-timeout",
    "grpc-encoding",
    "grpc-accept-encoding",
    "content-type",
    "te",
    "content-length",
    "x-bin",
    "trace-bin",
    "x-word",
    "user-agent",
    ":status",
    "X-Upper",
];
const VALUES: [&str; 24] = [
    "0",
    "5",
    "16",
    "99",
    "-1",
    "application/grpc",
    "application/grpc+proto",
    "text/html",
    "trailers",
    "gzip",
    "identity,gzip,,zstd",
    "10S",
    "1n",
    "99999999H",
    "0m",
    "S",
    "caf%E9 %ZZ %",
    "%F0%9F%A6%80",
    "AQI=",
    "AQI,AwQ=",
    "-_-_",
    "=====",
    "AAAAA",
    "18446744073709551616",
];

/// Two blocks of headers, as lines.
pub(crate) fn any(random: &mut Random) -> Vec<u8> {
    let mut text = String::from("content-type: application/grpc\n");
    for _ in 0..random.within(0..4) {
        line(&mut text, random);
    }
    text.push('\n');
    for _ in 0..random.within(0..6) {
        line(&mut text, random);
    }
    for _ in 0..random.within(0..3) {
        change_text(&mut text, &VALUES, random);
    }
    let mut bytes = text.into_bytes();
    for _ in 0..random.within(0..4) {
        change_bytes(&mut bytes, random);
    }
    bytes
}

fn line(text: &mut String, random: &mut Random) {
    text.extend([random.one_of(&NAMES), ": ", random.one_of(&VALUES), "\n"]);
}

/// The blocks, without lines that HTTP would not let pass.
fn parse(bytes: &[u8]) -> [HeaderMap; 2] {
    let mut blocks = [HeaderMap::new(), HeaderMap::new()];
    let mut current = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            current = 1;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii_start());
        if let (Ok(name), Ok(value)) = (name, value) {
            blocks[current].append(name, value);
        }
    }
    blocks
}

/// Answers a client's calls with headers, maybe a message, and trailers, and reads what there is.
pub(crate) fn client_reads(bytes: &[u8]) {
    let [headers, trailers] = parse(bytes);
    for data in [MESSAGE, &[]] {
        let answer = Answer { headers: headers.clone(), data, trailers: trailers.clone() };
        let client = TelemetryClient::new(Channel::new(answer));
        run(async {
            let unary = client.latest(Query::default()).await;
            look(unary.map(|response| response.metadata().clone()));
            let upload = client.upload(Streaming::from_iter([Point::default()])).await;
            look(upload.map(|response| response.metadata().clone()));
            look(watched(&client).await);
        });
    }
}

async fn watched(client: &TelemetryClient) -> Result<MetadataMap, Status> {
    let response = client.watch(Query::default()).await?;
    look(Ok(response.metadata().clone()));
    let mut points = response.into_inner();
    while points.message().await?.is_some() {}
    points.skip_to_trailers().await
}

/// Reads everything that a program could.
fn look(outcome: Result<MetadataMap, Status>) {
    let metadata = match outcome {
        Ok(metadata) => metadata,
        Err(status) => {
            assert!(!format!("{status} {status:?} {:?}", status.details()).is_empty());
            STATUSES.fetch_add(1, Ordering::Relaxed);
            status.metadata().clone()
        }
    };
    assert!(!format!("{metadata:?}").is_empty());
    for field in metadata.iter() {
        match field {
            KeyAndValueRef::Ascii(name, value) => {
                let _ = (name.as_str(), value.to_str());
            }
            KeyAndValueRef::Binary(name, value) => {
                let _ = (name.as_str(), value.to_bytes());
            }
        }
    }
}

/// Sends a server requests of each kind with headers, and reads the answers.
pub(crate) fn server_reads(bytes: &[u8]) {
    let [headers, more] = parse(bytes);
    for method in ["Latest", "Watch", "Upload", "Tail", "Last"] {
        let path = format!("/telemetry.Telemetry/{method}");
        let mut request = http::Request::post(path).body(Full::from(MESSAGE)).unwrap();
        *request.headers_mut() = headers.clone();
        request.headers_mut().extend(more.clone());
        run(async {
            let response = TelemetryServer::new(Echo).call(request).await.unwrap();
            let _ = response.into_body().collect().await;
        });
    }
}

/// Gives a call a timeout, which its server is to be told nearly as it was.
pub(crate) fn timeout_is_passed_on(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let told = Arc::new(Mutex::new(None));
    let mut request = Request::new(Query::default());
    let headers = HeaderMap::from_iter([(HeaderName::from_static("grpc-timeout"), value.clone())]);
    *request.metadata_mut() = MetadataMap::from_headers(headers);
    let client = TelemetryClient::new(Channel::new(Told(Arc::clone(&told))));
    run(async { look(client.latest(request).await.map(|response| response.metadata().clone())) });
    if let Some(told) = told.lock().unwrap().take() {
        let asked = nanos(&value).expect("others are refused").min(nanos_of_a_year());
        let told = nanos(&told).expect("what is sent is legal");
        assert!(told >= asked && told <= asked + asked / 100 + 1, "{value:?} became {told}");
    }
}

fn nanos_of_a_year() -> u128 {
    Duration::from_secs(365 * 24 * 3600).as_nanos()
}

/// What a timeout says, by the letter of the specification.
fn nanos(value: &HeaderValue) -> Option<u128> {
    let (unit, digits) = value.as_bytes().split_last()?;
    let legal = (1..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let amount = std::str::from_utf8(digits).ok()?.parse::<u128>().ok().filter(|_| legal)?;
    let second = 1_000_000_000;
    let size = match unit {
        b'H' => 3_600 * second,
        b'M' => 60 * second,
        b'S' => second,
        b'm' => second / 1_000,
        b'u' => second / 1_000_000,
        b'n' => 1,
        _ => return None,
    };
    Some(amount * size)
}

/// A timeout, or something like it.
pub(crate) fn any_timeout(random: &mut Random) -> Vec<u8> {
    let mut digits = String::new();
    for _ in 0..random.within(1..9) {
        digits.push(random.one_of(&['0', '1', '5', '9', '9']));
    }
    let mut bytes = (digits + random.one_of(&["H", "M", "S", "m", "u", "n"])).into_bytes();
    if random.within(0..4) == 0 {
        change_bytes(&mut bytes, random);
    }
    bytes
}

/// Runs `test` in virtual time.
fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async { timeout(HANGS, test).await }).expect("it hangs");
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

#[derive(Clone)]
struct Answer {
    headers: HeaderMap,
    data: &'static [u8],
    trailers: HeaderMap,
}

impl Service<http::Request<tonic::body::Body>> for Answer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<tonic::body::Body>) -> Self::Future {
        let trailers = self.trailers.clone();
        let data = Full::from(self.data);
        let body = match trailers.is_empty() {
            true => data.boxed_unsync(),
            false => data.with_trailers(async { Some(Ok(trailers)) }).boxed_unsync(),
        };
        let mut response = http::Response::new(body);
        response.headers_mut().clone_from(&self.headers);
        ready(Ok(response))
    }
}

/// Notes the timeouts of calls.
#[derive(Clone)]
struct Told(Arc<Mutex<Option<HeaderValue>>>);

impl Service<http::Request<tonic::body::Body>> for Told {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        *self.0.lock().unwrap() = request.headers().get("grpc-timeout").cloned();
        ready(Ok(http::Response::new(Full::default().boxed_unsync())))
    }
}
