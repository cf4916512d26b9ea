//! A server that fails as it is asked to.

use std::{
    collections::HashMap,
    future::poll_fn,
    io::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::{Reason, RecvStream, server::SendResponse};
use http::{HeaderMap, Response};
use rust_scaffold::{Request, Status, prost::Message as _};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use crate::{
    calculator::{AddRequest, AddResponse, Calculator, SubtractRequest, SubtractResponse},
    fault::{Act, FAULTS},
};

/// How often each call was answered.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    answered: Mutex<HashMap<i32, u32>>,
    refused: Mutex<HashMap<i32, u32>>,
}

impl Ledger {
    pub(crate) fn times(&self, call: i32) -> u32 {
        self.answered.lock().unwrap().remove(&call).unwrap_or(0)
    }

    fn enter(&self, call: i32) {
        *self.answered.lock().unwrap().entry(call).or_default() += 1;
    }

    /// Whether the call was not refused before.
    fn refuse(&self, call: i32) -> bool {
        self.refused.lock().unwrap().insert(call, 1).is_none()
    }
}

type Answer<T> = Result<rust_scaffold::Response<T>, Status>;

/// The same calls, served by our server.
impl Calculator for Ledger {
    async fn add(&self, request: Request<AddRequest>) -> Answer<AddResponse> {
        self.enter(request.get_ref().a);
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(rust_scaffold::Response::new(AddResponse { result: 0 }))
    }

    async fn subtract(&self, _: Request<SubtractRequest>) -> Answer<SubtractResponse> {
        Err(Status::unimplemented("not this one"))
    }
}

/// A server that is running.
pub(crate) struct Faulty {
    pub(crate) address: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Faulty {
    pub(crate) async fn start(ledger: Arc<Ledger>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&ledger)));
            }
        });
        Self { address, task }
    }
}

/// GOAWAY of a server that has begun with no stream after `last`.
fn go_away(last: u32) -> Vec<u8> {
    [&[0, 0, 8, 7, 0, 0, 0, 0, 0], &last.to_be_bytes()[..], &[0; 4]].concat()
}

/// What a connection has told its client, which it keeps to.
#[derive(Debug, Default)]
struct Promise {
    /// The last stream that was answered.
    answered: u32,
    has_gone_away: bool,
}

async fn serve(stream: TcpStream, ledger: Arc<Ledger>) {
    let stream = stream.into_std().unwrap();
    let raw = Arc::new(stream.try_clone().unwrap());
    let stream = TcpStream::from_std(stream).unwrap();
    stream.set_nodelay(true).unwrap();
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let close = Arc::new(Notify::new());
    let promise = Arc::new(Mutex::default());
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(Ok((request, stream))) = accepted else { return };
                let (raw, close) = (Arc::clone(&raw), Arc::clone(&close));
                let promise = Arc::clone(&promise);
                let call = Call { stream, half: None, raw, close, promise };
                tokio::spawn(call.act(request.into_body(), Arc::clone(&ledger)));
            }
            () = close.notified() => return,
        }
    }
}

struct Call {
    stream: SendResponse<Bytes>,
    /// An answer that is not ended.
    half: Option<h2::SendStream<Bytes>>,
    raw: Arc<std::net::TcpStream>,
    close: Arc<Notify>,
    promise: Arc<Mutex<Promise>>,
}

impl Call {
    async fn act(mut self, mut body: RecvStream, ledger: Arc<Ledger>) {
        let mut received = BytesMut::new();
        while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
            let Ok(data) = data else { return };
            let _ = body.flow_control().release_capacity(data.len());
            received.extend_from_slice(&data);
        }
        let request = AddRequest::decode(&received[5..]).unwrap();
        let act = FAULTS[request.b as usize].act;
        // What fails may be sent to one who has gone.
        let _ = self.answer(act, request.a, &ledger);
        // Who lets go of a stream resets it.
        let held = [Act::Stall, Act::Close, Act::CloseHalfWay, Act::Garbage, Act::GoAway];
        if held.contains(&act) {
            poll_fn(|cx| match &mut self.half {
                Some(half) => half.poll_reset(cx),
                None => self.stream.poll_reset(cx),
            })
            .await
            .ok();
        }
    }

    fn answer(&mut self, act: Act, call: i32, ledger: &Ledger) -> Result<(), h2::Error> {
        let message = frame(0, &AddResponse { result: call }.encode_to_vec());
        match act {
            Act::Answer if self.may_answer() => {
                ledger.enter(call);
                self.send(message, Some(status("0")))
            }
            Act::Answer => Ok(()),
            Act::Fail => self.send(Bytes::new(), Some(status("9"))),
            Act::Reset(reason) => self.reset(reason),
            Act::RefuseOnce if ledger.refuse(call) => self.reset(Reason::REFUSED_STREAM),
            Act::RefuseOnce => self.answer(Act::Answer, call, ledger),
            Act::Stall => Ok(()),
            Act::Truncate => self.send(message.slice(..message.len() - 1), Some(status("0"))),
            Act::NoTrailers => self.send(message, None),
            Act::NoStatus => self.send(message, Some(HeaderMap::new())),
            Act::BadStatus => self.send(message, Some(status("well"))),
            Act::BadFlag => self.send(frame(1, b"x"), Some(status("0"))),
            Act::TwoMessages => {
                let twice = [&message[..], &message[..]].concat();
                self.send(twice.into(), Some(status("0")))
            }
            Act::NoMessage => self.send(Bytes::new(), Some(status("0"))),
            Act::Huge => self.send(Bytes::from_static(&[0, 0x7f, 0, 0, 0, 1]), Some(status("0"))),
            Act::LongTrailers => self.send(message, Some(long(status("0")))),
            Act::LongHeaders => self.head(long(grpc()))?.send_trailers(status("0")),
            Act::Page(code) => self.page(code),
            Act::NoProtobuf => self.send(frame(0, &[0xff]), Some(status("0"))),
            Act::UnknownEncoding => {
                let mut headers = grpc();
                headers.insert("grpc-encoding", "snappy".parse().unwrap());
                self.head(headers)?.send_trailers(status("0"))
            }
            Act::Close => self.close(),
            Act::CloseHalfWay => {
                let mut half = self.head(grpc())?;
                half.send_data(message.slice(..message.len() - 1), false)?;
                self.half = Some(half);
                self.close()
            }
            Act::Garbage => self.write(&[0xff; 64]),
            Act::GoAway if ledger.refuse(call) => self.go_away(),
            Act::GoAway => self.answer(Act::Answer, call, ledger),
        }
    }

    /// Whether the client has not been told that the call was not begun with.
    fn may_answer(&self) -> bool {
        let (mut promise, id) = (self.promise.lock().unwrap(), self.stream.stream_id().as_u32());
        let may = !promise.has_gone_away || id <= promise.answered;
        promise.answered = promise.answered.max(if may { id } else { 0 });
        may
    }

    /// Goes away before this call, if that is still true.
    fn go_away(&mut self) -> Result<(), h2::Error> {
        let promise = Arc::clone(&self.promise);
        let mut promise = promise.lock().unwrap();
        if promise.has_gone_away || self.stream.stream_id().as_u32() < promise.answered {
            return self.reset(Reason::REFUSED_STREAM);
        }
        promise.has_gone_away = true;
        self.write(&go_away(promise.answered))
    }

    fn close(&self) -> Result<(), h2::Error> {
        self.close.notify_one();
        Ok(())
    }

    /// Writes what the HTTP/2 library would not.
    fn write(&self, bytes: &[u8]) -> Result<(), h2::Error> {
        // The connection may be closed.
        let _ = (&*self.raw).write(bytes);
        Ok(())
    }

    fn reset(&mut self, reason: Reason) -> Result<(), h2::Error> {
        self.stream.send_reset(reason);
        Ok(())
    }

    fn page(&mut self, code: u16) -> Result<(), h2::Error> {
        let page = Response::builder().status(code).header("content-type", "text/html");
        let mut stream = self.stream.send_response(page.body(()).unwrap(), false)?;
        stream.send_data(Bytes::from_static(b"<h1>no</h1>"), true)
    }

    fn head(&mut self, headers: HeaderMap) -> Result<h2::SendStream<Bytes>, h2::Error> {
        let mut response = Response::new(());
        *response.headers_mut() = headers;
        self.stream.send_response(response, false)
    }

    fn send(&mut self, data: Bytes, trailers: Option<HeaderMap>) -> Result<(), h2::Error> {
        let mut stream = self.head(grpc())?;
        // Empty frames would count as an attack.
        if !data.is_empty() {
            stream.send_data(data, trailers.is_none())?;
        }
        trailers.map_or(Ok(()), |trailers| stream.send_trailers(trailers))
    }
}

fn frame(flag: u8, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(flag);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.extend_from_slice(message);
    frame.freeze()
}

fn grpc() -> HeaderMap {
    HeaderMap::from_iter([(http::header::CONTENT_TYPE, "application/grpc".parse().unwrap())])
}

fn status(code: &str) -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())])
}

/// More than a client takes, in front of `headers`.
fn long(headers: HeaderMap) -> HeaderMap {
    let long = [("long".parse().unwrap(), "x".repeat(20_000).parse().unwrap())];
    let mut all = HeaderMap::from_iter(long);
    all.extend(headers);
    all
}
