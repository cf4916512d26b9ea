//! Requests that arrive in parts: the message, and later the end of the stream behind it.

use std::time::Duration;

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client::SendRequest};
use http::Request;
use rust_scaffold::{Code, Server};
use tokio::net::TcpStream;

use crate::{
    doors::listen,
    http::frames,
    station::{Station, query},
    telemetry::TelemetryServer,
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
