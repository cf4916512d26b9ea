//! The adaptive limit, and requests that take their time.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use rust_scaffold::{AdaptiveLimit, Channel, Request, Response, Server, Status};
use tokio::{net::TcpStream, task};

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorServer, SubtractRequest, SubtractResponse,
    },
    call_limits::{LATEST, hang, until_admitted},
    causes::Failures,
    frames::{
        frame::{Frame, message},
        peer::{Peer, fields},
    },
    routes::listen,
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// Requests without their ends.
struct Halves(Vec<(h2::client::ResponseFuture, h2::SendStream<Bytes>)>);

impl Halves {
    /// Sends so many to `address`, until they have arrived.
    async fn send(address: SocketAddr, number: usize) -> Self {
        let io = TcpStream::connect(address).await.unwrap();
        let (mut requests, connection) = h2::client::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let mut halves = Vec::new();
        for _ in 0..=number {
            let request = http::Request::post(format!("http://{address}{LATEST}"))
                .header("content-type", "application/grpc")
                .body(())
                .unwrap();
            requests = requests.ready().await.unwrap();
            let (response, mut body) = requests.send_request(request, false).unwrap();
            body.send_data(message(&query("a", 1)).into(), false).unwrap();
            halves.push((response, body));
        }
        // The last one is answered after the others have arrived.
        let mut halves = Self(halves);
        assert_eq!(halves.end_last().await, "0");
        halves
    }

    /// Sends the end of the last one, and returns the status.
    async fn end_last(&mut self) -> String {
        let (response, mut body) = self.0.pop().unwrap();
        body.send_data(Bytes::new(), true).unwrap();
        let (head, mut body) = response.await.unwrap().into_parts();
        while body.data().await.is_some() {}
        let trailers = body.trailers().await.unwrap().unwrap_or(head.headers);
        trailers["grpc-status"].to_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn requests_that_are_on_their_way_keep_nobody_out() {
    let station = Station::default();
    let (listener, address) = listen().await;
    let limit = AdaptiveLimit::new().max_concurrent_calls(1);
    let server = Server::new().adaptive_limit(limit);
    let server = server.add_service(TelemetryServer::new(station.clone()));
    tokio::spawn(server.serve_listener(listener));
    let mut halves = Halves::send(address, 8).await;
    let client = TelemetryClient::new(Channel::connect(format!("http://{address}")).await.unwrap());
    client.latest(query("a", 1)).await.unwrap();
    assert_eq!(halves.end_last().await, "0");

    let failures = Failures::hear();
    let hanging = hang(&client, &station).await;
    assert_eq!(halves.end_last().await, "14", "there is no place for it");
    drop(hanging);
    assert_eq!(failures.take(), [""; 0], "a refusal is no failure of the service");
    until_admitted(|| client.latest(query("a", 1))).await;
    assert_eq!(halves.end_last().await, "0");
}

/// Notes the tasks on which its methods are called.
#[derive(Clone, Default)]
struct TaskNoting(Arc<Mutex<HashSet<task::Id>>>);

impl Calculator for TaskNoting {
    async fn add(&self, _: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        self.0.lock().unwrap().insert(task::id());
        Ok(Response::new(AddResponse::default()))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

#[tokio::test]
async fn requests_that_end_late_are_served_on_the_task_of_their_connection() {
    let limited = || Server::new().adaptive_limit(AdaptiveLimit::new());
    for server in [limited(), limited().trace_calls()] {
        let calculator = TaskNoting::default();
        let server = server.add_service(CalculatorServer::new(calculator.clone()));
        let mut peer = Peer::of(server, &Station::default(), &[]).await;
        for stream in [1, 3, 5] {
            let request = message(&AddRequest::default());
            peer.send([
                Frame::headers(stream, &fields("/calculator.Calculator/Add")),
                Frame::data(stream, request),
            ])
            .await;
            // Not in the same packet.
            peer.settled().await;
            peer.send([Frame::data(stream, []).ends()]).await;
            assert_eq!(peer.ended(stream).await.status(), Some("0"));
        }
        assert_eq!(calculator.0.lock().unwrap().len(), 1);
    }
}
