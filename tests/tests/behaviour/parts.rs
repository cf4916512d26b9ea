//! Requests and responses that arrive in parts: the message, and later the end behind it.

use std::{slice::from_ref, time::Duration};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client::SendRequest};
use http::{Request, Response};
use rust_scaffold::{Code, Server, Status};
use tokio::net::TcpStream;

use crate::{
    http::frames,
    routes::listen,
    station::{Station, point, query},
    telemetry::{Point, TelemetryClient, TelemetryServer},
};

/// Longer than the server needs to take notice of what was sent.
const A_WHILE: Duration = Duration::from_millis(50);

async fn connect() -> SendRequest<Bytes> {
    let (listener, address) = listen().await;
    let server = Server::new().add_service(TelemetryServer::new(Station::default()));
    tokio::spawn(server.serve_listener(listener));
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

type Answer = tokio::task::JoinHandle<Result<Code, Reason>>;

/// Begins with a call of `Latest`, whose answer says how it ended.
async fn begin(client: &SendRequest<Bytes>, timeout: &str) -> (SendStream<Bytes>, Answer) {
    let request = Request::post("http://localhost/telemetry.Telemetry/Latest")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", timeout)
        .body(())
        .unwrap();
    let mut client = client.clone().ready().await.unwrap();
    let (response, stream) = client.send_request(request, false).unwrap();
    let answer = tokio::spawn(async move {
        let response = response.await.map_err(|error| error.reason().unwrap())?;
        let status = response.headers().get("grpc-status").cloned();
        let status = match status {
            Some(status) => status,
            None => trailers(response.into_body()).await?,
        };
        Ok(status.to_str().unwrap().parse::<i32>().unwrap().into())
    });
    (stream, answer)
}

/// The same with the request's message, but not its end.
async fn begin_with_message(
    client: &SendRequest<Bytes>,
    timeout: &str,
) -> (SendStream<Bytes>, Answer) {
    let (mut stream, answer) = begin(client, timeout).await;
    stream.send_data(frames(&[query("a", 1)]), false).unwrap();
    (stream, answer)
}

async fn trailers(mut body: RecvStream) -> Result<http::HeaderValue, Reason> {
    while let Some(data) = body.data().await {
        data.map_err(|error| error.reason().unwrap())?;
    }
    let trailers = body.trailers().await.map_err(|error| error.reason().unwrap())?.unwrap();
    Ok(trailers.get("grpc-status").unwrap().clone())
}

#[tokio::test]
async fn a_call_is_answered_once_its_last_part_has_come() {
    let client = connect().await;
    let message = frames(&[query("a", 1)]);
    let (mut stream, answer) = begin(&client, "10S").await;
    for part in [message.slice(..3), message.slice(3..)] {
        tokio::time::sleep(A_WHILE).await;
        stream.send_data(part, false).unwrap();
    }
    tokio::time::sleep(A_WHILE).await;
    assert!(!answer.is_finished());
    stream.send_data(Bytes::new(), true).unwrap();
    assert_eq!(answer.await.unwrap(), Ok(Code::Ok));
}

#[tokio::test]
async fn calls_that_are_complete_do_not_wait_for_those_that_are_not() {
    let client = connect().await;
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.push(begin_with_message(&client, "10S").await);
    }
    // From the last to the first, with a round of the connection for each.
    while let Some((mut stream, answer)) = calls.pop() {
        tokio::time::sleep(Duration::from_millis(1)).await;
        stream.send_data(Bytes::new(), true).unwrap();
        assert_eq!(answer.await.unwrap(), Ok(Code::Ok));
        assert!(calls.iter().all(|(_, answer)| !answer.is_finished()));
    }
}

#[tokio::test]
async fn a_call_whose_last_part_never_comes_ends_at_its_deadline() {
    let client = connect().await;
    let (_stream, answer) = begin_with_message(&client, "100m").await;
    assert_eq!(answer.await.unwrap(), Ok(Code::DeadlineExceeded));
}

#[tokio::test]
async fn a_second_message_is_refused_however_late_it_comes() {
    let client = connect().await;
    let (mut stream, answer) = begin_with_message(&client, "10S").await;
    tokio::time::sleep(A_WHILE).await;
    stream.send_data(frames(&[query("a", 1)]), false).unwrap();
    assert_eq!(answer.await.unwrap(), Ok(Code::Unimplemented));
}

#[tokio::test]
async fn a_call_that_is_given_up_half_way_harms_no_other() {
    let client = connect().await;
    let (mut given_up, answer) = begin_with_message(&client, "10S").await;
    let (mut other, other_answer) = begin_with_message(&client, "10S").await;
    tokio::time::sleep(A_WHILE).await;
    given_up.send_reset(Reason::CANCEL);
    other.send_data(Bytes::new(), true).unwrap();
    assert_eq!(other_answer.await.unwrap(), Ok(Code::Ok));
    assert!(answer.await.unwrap().is_err());
}

/// How a response ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Status(Code),
    NoTrailers,
    Reset(Reason),
}

/// What a client makes of a response in these parts, with pauses between them.
async fn response_of(parts: &[Bytes], end: End, pause: Duration) -> Result<Point, Status> {
    let (listener, address) = listen().await;
    let parts = parts.to_vec();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (_request, mut respond) = connection.accept().await.unwrap().unwrap();
        let connection = tokio::spawn(async move { while connection.accept().await.is_some() {} });
        let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
        let mut body = respond.send_response(head, false).unwrap();
        for part in parts {
            tokio::time::sleep(pause).await;
            body.send_data(part, false).unwrap();
        }
        tokio::time::sleep(pause).await;
        match end {
            End::Status(code) => {
                let status = ("grpc-status".parse().unwrap(), i32::from(code).into());
                body.send_trailers([status].into_iter().collect()).unwrap();
            }
            End::NoTrailers => body.send_data(Bytes::new(), true).unwrap(),
            End::Reset(reason) => body.send_reset(reason),
        }
        connection.await.unwrap();
    });
    let client = TelemetryClient::connect(format!("http://{address}")).await.unwrap();
    let response = client.latest(query("a", 1)).await.map(rust_scaffold::Response::into_inner);
    server.abort();
    response
}

#[tokio::test]
async fn a_response_is_read_in_whatever_parts_it_comes() {
    let whole = frames(&[point("a")]);
    let (none, twice) = (Bytes::new(), frames(&[point("a"), point("b")]));
    let ok = End::Status(Code::Ok);
    for pause in [Duration::ZERO, Duration::from_millis(5)] {
        for cuts in [&[][..], &[3], &[5], &[1, 4], &[1, 2, 6]] {
            let starts = [0].iter().chain(cuts);
            let ends = cuts.iter().chain([const { &usize::MAX }]);
            let parts = starts.zip(ends).map(|(from, to)| whole.slice(*from..whole.len().min(*to)));
            let parts = parts.collect::<Vec<_>>();
            assert_eq!(response_of(&parts, ok, pause).await.unwrap(), point("a"), "{cuts:?}");
        }
        for (parts, end, code) in [
            (from_ref(&whole), End::Status(Code::DataLoss), Code::DataLoss),
            (&[whole.slice(..3), whole.slice(3..)], End::Status(Code::DataLoss), Code::DataLoss),
            (from_ref(&whole), End::NoTrailers, Code::Unknown),
            (from_ref(&whole), End::Reset(Reason::ENHANCE_YOUR_CALM), Code::ResourceExhausted),
            (&[whole.slice(..3)], ok, Code::Internal),
            (from_ref(&none), ok, Code::Unimplemented),
            (from_ref(&twice), ok, Code::Unimplemented),
            (&[whole.clone(), whole.clone()], ok, Code::Unimplemented),
            (&[whole.clone(), whole.clone(), whole.clone()], ok, Code::Unimplemented),
        ] {
            let ended = response_of(parts, end, pause).await.map_err(|status| status.code());
            assert_eq!(ended, Err(code), "{end:?} behind {parts:?}");
        }
    }
}
