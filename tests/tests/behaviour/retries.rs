//! Calls that a server refuses before it has begun with them are made once more.

use std::{future::poll_fn, time::Duration};

use bytes::{Buf as _, Bytes, BytesMut};
use h2::{Reason, RecvStream, server::SendResponse};
use http::{HeaderMap, Response};
use rust_scaffold::{Channel, Code, Status, Streaming, prost::Message as _};
use tokio::net::TcpListener;

use crate::{
    routes::listen,
    station::{point, query},
    telemetry::{Query, TelemetryClient},
};

/// The client of a server that refuses as many calls, each once it has `wanted` bytes of its
/// requests, and answers every other one with the series that were asked for.
async fn client(refusals: usize, wanted: usize) -> TelemetryClient {
    let (listener, address) = listen().await;
    tokio::spawn(serve(listener, refusals, wanted));
    TelemetryClient::new(Channel::connect_lazy(format!("http://{address}")).unwrap())
}

async fn serve(listener: TcpListener, refusals: usize, wanted: usize) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::Builder::new()
        .initial_window_size(1 << 20)
        .initial_connection_window_size(1 << 20)
        .handshake::<_, Bytes>(stream)
        .await
        .unwrap();
    let mut calls = 0;
    while let Some(call) = connection.accept().await {
        let (request, stream) = call.unwrap();
        match calls < refusals {
            true => tokio::spawn(refuse(request.into_body(), stream, wanted)),
            false => tokio::spawn(answer(request.into_body(), stream)),
        };
        calls += 1;
    }
}

async fn refuse(mut requests: RecvStream, mut stream: SendResponse<Bytes>, wanted: usize) {
    let mut received = 0;
    while received < wanted {
        let data = poll_fn(|cx| requests.poll_data(cx)).await.unwrap().unwrap();
        requests.flow_control().release_capacity(data.len()).unwrap();
        received += data.len();
    }
    stream.send_reset(Reason::REFUSED_STREAM);
}

async fn answer(mut requests: RecvStream, mut stream: SendResponse<Bytes>) {
    let mut received = BytesMut::new();
    while let Some(data) = poll_fn(|cx| requests.poll_data(cx)).await {
        received.extend_from_slice(&data.unwrap());
    }
    let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut answer = stream.send_response(head, false).unwrap();
    while !received.is_empty() {
        let length = received[1..5].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        received.advance(5);
        let asked = Query::decode(received.split_to(length)).unwrap();
        let point = point(&asked.series).encode_to_vec();
        let mut frame = vec![0, 0, 0, 0, u8::try_from(point.len()).unwrap()];
        frame.extend(point);
        answer.send_data(frame.into(), false).unwrap();
    }
    let status = ("grpc-status".parse().unwrap(), "0".parse().unwrap());
    answer.send_trailers(HeaderMap::from_iter([status])).unwrap();
}

async fn series(points: &mut Streaming<crate::telemetry::Point>) -> Result<Vec<String>, Status> {
    let mut series = Vec::new();
    while let Some(point) = points.message().await? {
        series.push(point.series);
    }
    Ok(series)
}

#[tokio::test]
async fn a_refused_stream_of_requests_is_sent_again_from_its_beginning() {
    let client = client(1, 1).await;
    let (sender, requests) = Streaming::channel(1);
    let asking = tokio::spawn(async move { client.tail(requests).await });
    for name in ["first", "second", "third"] {
        sender.send(query(name, 1)).await.unwrap();
        // The first is refused, and the second already belongs to the next attempt.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(sender);
    let mut points = asking.await.unwrap().unwrap().into_inner();
    assert_eq!(series(&mut points).await.unwrap(), ["first", "second", "third"]);
}

#[tokio::test]
async fn requests_that_have_all_been_sent_are_sent_again() {
    let client = client(1, 30).await;
    let names = ["the first of two", "the second of two"];
    let requests = Streaming::from_iter(names.map(|name| query(name, 1)));
    let mut points = client.tail(requests).await.unwrap().into_inner();
    assert_eq!(series(&mut points).await.unwrap(), names);
}

#[tokio::test]
async fn what_is_refused_twice_is_unavailable() {
    let client = client(2, 1).await;
    let refused = client.tail(Streaming::from_iter([query("first", 1)])).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
}

#[tokio::test]
async fn more_requests_than_are_kept_are_not_sent_again() {
    let client = client(1, 2 << 20).await;
    let requests = (0..3000).map(|_| query(&"x".repeat(1000), 1)).collect::<Streaming<_>>();
    let refused = client.tail(requests).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
}
