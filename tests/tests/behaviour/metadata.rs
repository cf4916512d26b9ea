//! Metadata in the shapes that other clients, servers and proxies give it.

use http::{HeaderMap, HeaderValue};
use rust_scaffold::{Request, metadata::MetadataMap};

use crate::{
    http::frames,
    peer::{self, Answer},
    routes,
    station::{Station, point, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// Headers with these values of `bytes-bin`, which HTTP lets anybody join.
fn joined(values: &[&'static str]) -> HeaderMap {
    let name = http::HeaderName::from_static("bytes-bin");
    let values = values.iter().map(|value| HeaderValue::from_static(value));
    let mut headers = HeaderMap::new();
    values.for_each(|value| {
        headers.append(&name, value);
    });
    headers
}

/// The values of `name`, each of which has to be decodable.
fn decoded(metadata: &MetadataMap, name: &str) -> Vec<Vec<u8>> {
    let values = metadata.get_all_bin(name);
    values.iter().map(|value| value.to_bytes().unwrap().to_vec()).collect()
}

const ALONE: [&str; 2] = ["AQI", "AwQ="];
const JOINED: [&[&str]; 5] =
    [&ALONE, &["AQI,AwQ="], &["AQI=,AwQ"], &["AQI, AwQ"], &["AQI\t,  AwQ="]];
const VALUES: [[u8; 2]; 2] = [[1, 2], [3, 4]];

#[tokio::test]
async fn a_server_parts_binary_values_that_come_joined() {
    for route in routes::over_http(TelemetryServer::new(Station::default())).await {
        for values in JOINED {
            let mut request = Request::new(query("a", 1));
            *request.metadata_mut() = MetadataMap::from_headers(joined(values));
            let response = route.client.latest(request).await.unwrap();
            let metadata = response.metadata();
            assert_eq!(metadata.get("decoded").unwrap(), "2", "{}: {values:?}", route.name);
            for name in ["bytes-bin", "last-bytes-bin"] {
                assert_eq!(decoded(metadata, name), VALUES, "{}: {values:?}", route.name);
            }
        }
    }
}

#[tokio::test]
async fn a_client_parts_binary_values_that_come_joined() {
    for values in JOINED {
        let answers = peer::channels(move |request| {
            let with = |status| {
                let mut headers = joined(values);
                headers.insert("grpc-status", HeaderValue::from_static(status));
                headers
            };
            match request.headers.get("case").unwrap().to_str().unwrap() {
                "metadata" => {
                    let mut answer =
                        Answer::whole(frames(&[point("a")]), peer::map(&[("grpc-status", b"0")]));
                    answer.headers.extend(joined(values));
                    answer
                }
                "trailers" => Answer::whole(frames(&[point("a")]), with("0")),
                "failure" => Answer::whole(frames(&[point("a")]), with("9")),
                _ => Answer::only(with("9")),
            }
        });
        for (transport, channel) in answers.await {
            let client = TelemetryClient::new(channel);
            for case in ["metadata", "trailers", "failure", "failure in the headers"] {
                let mut request = Request::new(query("a", 1));
                request.metadata_mut().insert("case", case.parse().unwrap());
                let metadata = match client.latest(request).await {
                    Ok(response) => response.metadata().clone(),
                    Err(status) => status.metadata().clone(),
                };
                let bytes = decoded(&metadata, "bytes-bin");
                assert_eq!(bytes, VALUES, "{transport}, {case}: {values:?}");
            }
        }
    }
}
