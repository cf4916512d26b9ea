//! The server: every behaviour in the table of `README.md`.

mod calls;
mod echo;
mod telemetry;

use rust_scaffold::{
    ClientIp, CompressionEncoding, ConnectInfo, Request, Response, Server, Status, TlsInfo,
    prost_types::Timestamp,
};

use self::telemetry::Scenarios;
use crate::contract::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorServer, SubtractRequest, SubtractResponse,
    },
    telemetry::{
        Point, TelemetryServer,
        point::{Histogram, Quality, Value, histogram::Bucket},
    },
};

pub(crate) const ERROR_MESSAGE: &str = "100 % naïve: 日本語\nmore";
pub(crate) const ERROR_DETAILS: &[u8] = b"\x00\x01\xfe\xff";

/// A server of the scenarios.
pub(crate) fn server() -> Server {
    let telemetry = TelemetryServer::new(Scenarios::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    Server::new()
        .add_service(CalculatorServer::new(CheckedCalculator))
        .add_service(telemetry)
        .health()
        .reflection()
        .connect_info(true)
        .shutdown_timeout(None)
}

/// One point with each kind of value; `python/scenarios.py` has the same.
pub(crate) fn kinds() -> Vec<Point> {
    let histogram = Histogram {
        buckets: vec![
            Bucket { upper_bound: 1.5, count: u64::MAX },
            Bucket { upper_bound: f64::INFINITY, count: 0 },
        ],
        sum: -1e300,
    };
    let values = [
        Value::Number(-0.5),
        Value::Count(i64::MIN),
        Value::Text("naïve 日本語".to_owned()),
        Value::Raw(b"\x00\xff\x80".to_vec()),
        Value::Histogram(histogram),
    ];
    let point = |value| Point {
        series: "kinds".to_owned(),
        time: Some(Timestamp { seconds: 981_173_106, nanos: 789_000_000 }),
        labels: [("größe", "1 µm"), ("", "")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        quality: Quality::Bad.into(),
        value: Some(value),
    };
    values.into_iter().map(point).collect()
}

struct CheckedCalculator;

impl Calculator for CheckedCalculator {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let info = request.extensions().get::<ConnectInfo>();
        let client = match request.extensions().get() {
            Some(client) => Some(ClientIp::address(client)),
            None => info.and_then(ConnectInfo::remote_addr).map(|address| address.ip()),
        };
        let client = client.and_then(|client| client.to_string().parse().ok());
        let peer = info.and_then(ConnectInfo::tls).and_then(TlsInfo::spiffe_id);
        let peer = peer.map(|peer| peer.parse().map_err(|_| Status::internal("no text")));
        let peer = peer.transpose()?;
        let AddRequest { a, b } = request.into_inner();
        let result = a.checked_add(b).ok_or_else(|| Status::out_of_range("no int32"))?;
        let mut response = Response::new(AddResponse { result });
        if let Some(peer) = peer {
            response.metadata_mut().insert("x-peer", peer);
        }
        if let Some(client) = client {
            response.metadata_mut().insert("x-client", client);
        }
        Ok(response)
    }

    async fn subtract(
        &self,
        request: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        let SubtractRequest { a, b } = request.into_inner();
        let result = a.checked_sub(b).ok_or_else(|| Status::out_of_range("no int32"))?;
        Ok(Response::new(SubtractResponse { result }))
    }
}
