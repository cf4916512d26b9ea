//! [Compression](https://github.com/grpc/grpc/blob/master/doc/compression.md), as negotiated.

use http_body_util::BodyExt as _;
use rust_scaffold::{Code, CompressionEncoding};
use tower_service::Service as _;

use crate::{
    http, routes,
    station::{Station, point, query},
    telemetry::TelemetryServer,
};

const ALL: [CompressionEncoding; 3] =
    [CompressionEncoding::Gzip, CompressionEncoding::Deflate, CompressionEncoding::Zstd];

fn server() -> TelemetryServer<Station> {
    let server = TelemetryServer::new(Station::default());
    ALL.into_iter().fold(server, |server, encoding| {
        server.accept_compressed(encoding).send_compressed(encoding)
    })
}

#[tokio::test]
async fn compressed_messages_pass_every_route_both_ways() {
    for route in routes::encoding(server()).await {
        for encoding in ALL {
            let client = route.client.clone().send_compressed(encoding).accept_compressed(encoding);
            let latest = client.latest(query("a", 50_000)).await.unwrap().into_inner();
            assert_eq!(latest.series.len(), 50_000, "{} {encoding:?}", route.name);
            let points = tokio_stream::iter(vec![point("abc"); 100]);
            let summary = client.upload(points).await.unwrap().into_inner();
            assert_eq!(summary.accepted, 100, "{} {encoding:?}", route.name);
            let mut points = client.watch(query("b", 100)).await.unwrap().into_inner();
            let mut count = 0;
            while points.message().await.unwrap().is_some() {
                count += 1;
            }
            assert_eq!(count, 101, "{} {encoding:?}", route.name);
        }
    }
}

#[tokio::test]
async fn a_compression_that_the_server_does_not_accept_is_unimplemented() {
    let server =
        TelemetryServer::new(Station::default()).accept_compressed(CompressionEncoding::Gzip);
    for route in routes::encoding(server).await {
        let client = route.client.clone().send_compressed(CompressionEncoding::Zstd);
        let status = client.latest(query("a", 1)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{}", route.name);
        assert!(status.message().contains("`zstd`"), "{}: {status}", route.name);
        let accepted = status.metadata().get("grpc-accept-encoding").unwrap();
        assert_eq!(accepted, "gzip,identity", "{}", route.name);
    }
}

#[tokio::test]
async fn responses_are_compressed_only_for_clients_that_accept_it() {
    for (accepted, encoding, flag) in [
        (None, None, 0),
        (Some("identity"), None, 0),
        (Some("br,snappy"), None, 0),
        (Some("gzip"), Some("gzip"), 1),
        (Some("identity, deflate ,gzip"), Some("gzip"), 1),
        (Some("gzip,zstd"), Some("zstd"), 1),
    ] {
        let mut request = http::request("Latest", &[query("a", 100)]);
        if let Some(accepted) = accepted {
            request.headers_mut().insert("grpc-accept-encoding", accepted.parse().unwrap());
        }
        let response = server().call(request).await.unwrap();
        let named = response.headers().get("grpc-encoding").map(|name| name.to_str().unwrap());
        assert_eq!(named, encoding, "{accepted:?}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body[0], flag, "{accepted:?}");
    }
}

#[tokio::test]
async fn a_compressed_bomb_is_resource_exhausted() {
    let server = server().max_decoding_message_size(10_000);
    for route in routes::encoding(server).await {
        for encoding in ALL {
            let client = route.client.clone().send_compressed(encoding);
            let status = client.latest(query(&"x".repeat(1_000_000), 1)).await.unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted, "{} {encoding:?}", route.name);
        }
    }
}

#[tokio::test]
async fn what_is_not_compressed_as_announced_is_internal() {
    let mut request = http::request("Latest", &[query("a", 1)]);
    request.headers_mut().insert("grpc-encoding", "gzip".parse().unwrap());
    let (head, body) = request.into_parts();
    let mut bytes = body.collect().await.unwrap().to_bytes().to_vec();
    bytes[0] = 1;
    let response = server().call(::http::Request::from_parts(head, http::body(bytes))).await;
    assert_eq!(response.unwrap().headers()["grpc-status"], "13");
}
