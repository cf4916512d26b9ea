//! Statuses as servers of every make send them: the code counts, whatever else there is.

use http::HeaderMap;
use rust_scaffold::{Channel, Code, Request, Status};

use crate::{
    http::frames,
    peer::{Answer, channels, map},
    station::{point, query},
    telemetry::{Query, TelemetryClient},
};

/// Trailers, and what a client has to make of them.
struct Case {
    trailers: HeaderMap,
    code: Code,
    message: &'static str,
    details: &'static [u8],
}

fn case(
    fields: &[(&'static str, &[u8])],
    code: Code,
    message: &'static str,
    details: &'static [u8],
) -> Case {
    Case { trailers: map(fields), code, message, details }
}

fn with_message(sent: &'static [u8], read: &'static str) -> Case {
    case(&[("grpc-status", b"3"), ("grpc-message", sent)], Code::InvalidArgument, read, b"")
}

fn with_details(sent: &'static [u8], read: &'static [u8]) -> Case {
    let fields = [("grpc-status", &b"5"[..]), ("grpc-message", b"gone")];
    let details = ("grpc-status-details-bin", sent);
    case(&[fields[0], fields[1], details], Code::NotFound, "gone", read)
}

fn cases() -> Vec<Case> {
    vec![
        with_message(b"gr%C3%B6%C3%9Fer", "größer"),
        with_message("größer".as_bytes(), "größer"),
        with_message(b"caf%E9", "caf\u{fffd}"),
        with_message(b"caf\xe9", "caf\u{fffd}"),
        with_message(b"100% of %ZZ%", "100% of %ZZ%"),
        with_message(b"%4", "%4"),
        with_message(b"%00%0A", "\0\n"),
        with_message(b"", ""),
        with_details(b"AQI=", &[1, 2]),
        with_details(b"AQI", &[1, 2]),
        with_details(b"-_-_", &[0xfb, 0xff, 0xbf]),
        with_details(b"+/+/", &[0xfb, 0xff, 0xbf]),
        with_details(b"AQI,AwQ=", &[1, 2]),
        with_details(b" AQI , AwQ=", &[1, 2]),
        with_details(b"", b""),
        with_details(b"not base64!", b""),
        with_details(b"AAAAA", b""),
        with_details(b"AR==", &[1]),
        with_details(b"=", b""),
        with_details(b",", b""),
        with_details(b"%%%", b""),
        with_details(b"{\"code\":3}", b""),
        with_details(b"\xff\xfe", b""),
        case(&[("grpc-status", b"")], Code::Unknown, "", b""),
        case(&[("grpc-status", b"99")], Code::Unknown, "", b""),
        case(&[("grpc-status", b"-1")], Code::Unknown, "", b""),
        case(&[("grpc-status", b"03")], Code::Unknown, "", b""),
        case(&[("grpc-status", b"\xff")], Code::Unknown, "", b""),
        case(&[("grpc-status", b"16"), ("grpc-status", b"0")], Code::Unauthenticated, "", b""),
    ]
}

/// What the answer with that number is: behind a message, or as headers only.
fn answer(cases: &[Case], mode: &str) -> Answer {
    let (form, number) = mode.split_once(' ').unwrap();
    let trailers = cases[number.parse::<usize>().unwrap()].trailers.clone();
    match form {
        "only" => Answer::only(trailers),
        _ => Answer::whole(frames(&[point("a")]), trailers),
    }
}

fn asking(mode: &str) -> Request<Query> {
    let mut request = Request::new(query("a", 1));
    request.metadata_mut().insert("mode", mode.parse().unwrap());
    request
}

async fn unary(client: &TelemetryClient, mode: &str) -> Status {
    client.latest(asking(mode)).await.expect_err(mode)
}

async fn stream(client: &TelemetryClient, mode: &str) -> Status {
    let mut points = match client.watch(asking(mode)).await {
        Ok(response) => response.into_inner(),
        Err(status) => return status,
    };
    loop {
        match points.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("{mode}: it ended well"),
            Err(status) => return status,
        }
    }
}

async fn each_case_is_read(transport: &str, channel: Channel) {
    let client = TelemetryClient::new(channel);
    for (number, case) in cases().iter().enumerate() {
        for form in ["whole", "only"] {
            let mode = format!("{form} {number}");
            for status in [unary(&client, &mode).await, stream(&client, &mode).await] {
                let what = format!("{transport}, {form}, {:?}: {status:?}", case.trailers);
                assert_eq!(status.code(), case.code, "{what}");
                assert_eq!(status.message(), case.message, "{what}");
                assert_eq!(status.details(), case.details, "{what}");
                assert!(status.metadata().keys().next().is_none(), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_status_keeps_its_code_whatever_its_message_and_details_are() {
    let script = |request: &http::request::Parts| {
        answer(&cases(), request.headers["mode"].to_str().unwrap())
    };
    for (transport, channel) in channels(script).await {
        let limit = std::time::Duration::from_secs(60);
        let read = tokio::time::timeout(limit, each_case_is_read(transport, channel)).await;
        read.expect(transport);
    }
}

#[tokio::test]
async fn details_of_a_call_that_went_well_are_no_metadata() {
    for details in [&b"%%%"[..], b"AQI=", b"\xff"] {
        let trailers = map(&[("grpc-status", b"0"), ("grpc-status-details-bin", details)]);
        let answer = Answer::whole(frames(&[point("a")]), trailers);
        for (transport, channel) in channels(move |_| answer.clone()).await {
            let response = TelemetryClient::new(channel).latest(query("a", 1)).await;
            let metadata = response.expect(transport).into_parts().0;
            assert!(metadata.is_empty(), "{transport}: {metadata:?}");
        }
    }
}

/// What becomes of calls that are answered with `answer`: the unary one, and the stream.
async fn outcomes(answer: Answer) -> Vec<(&'static str, Result<usize, Status>)> {
    let mut outcomes = Vec::new();
    for (transport, channel) in channels(move |_| answer.clone()).await {
        let client = TelemetryClient::new(channel);
        outcomes.push((transport, client.latest(query("a", 1)).await.map(|_| 1)));
        let watched = async {
            let mut points = client.watch(query("a", 1)).await?.into_inner();
            let mut count = 0;
            while points.message().await?.is_some() {
                count += 1;
            }
            Ok(count)
        };
        outcomes.push((transport, watched.await));
    }
    outcomes
}

#[tokio::test]
async fn a_status_in_headers_counts_only_where_nothing_comes_behind_them() {
    let (message, nothing) = (frames(&[point("a")]), bytes::Bytes::new());
    let status = |code: &'static [u8]| map(&[("grpc-status", code), ("grpc-message", b"early")]);
    let behind = |early, data: &bytes::Bytes, late: Option<HeaderMap>| {
        let Answer { headers, .. } = Answer::only(status(early));
        Answer { headers, rest: Some((data.clone(), late)) }
    };
    let late = |code: &'static [u8]| Some(map(&[("grpc-status", code), ("grpc-message", b"late")]));
    for (name, answer, expected) in [
        ("OK, then a message", behind(b"0", &message, late(b"0")), Ok(1)),
        ("a failure, then a message", behind(b"7", &message, late(b"0")), Ok(1)),
        (
            "OK, then a failure",
            behind(b"0", &message, late(b"9")),
            Err((Code::FailedPrecondition, "late")),
        ),
        (
            "two failures",
            behind(b"7", &nothing, late(b"9")),
            Err((Code::FailedPrecondition, "late")),
        ),
        ("no trailers", behind(b"7", &nothing, None), Err((Code::PermissionDenied, "early"))),
        ("headers only", Answer::only(status(b"7")), Err((Code::PermissionDenied, "early"))),
    ] {
        for (transport, outcome) in outcomes(answer).await {
            let seen = outcome.as_ref().map_err(|status| (status.code(), status.message()));
            assert_eq!(seen, expected.as_ref().map_err(|status| *status), "{transport}: {name}");
        }
    }
    for (transport, outcome) in outcomes(behind(b"0", &message, None)).await {
        let code = outcome.map_err(|status| status.code());
        assert_eq!(code, Err(Code::Unknown), "{transport}: a message, and no end behind it");
    }
}

#[tokio::test]
async fn a_failed_call_for_one_response_has_the_response_headers_in_its_status() {
    let trailers = map(&[
        ("grpc-status", b"5"),
        ("both", b"trailers"),
        ("trace-bin", b"AQI="),
        ("late", b"1"),
    ]);
    let mut answer = Answer::whole(frames(&[point("a")]), trailers);
    answer.headers.extend(map(&[("both", b"headers"), ("early", b"1")]));
    for (transport, channel) in channels(move |_| answer.clone()).await {
        let client = TelemetryClient::new(channel);
        let unary = client.latest(query("a", 1)).await.unwrap_err();
        let upload = client.upload(tokio_stream::iter([point("a")])).await.unwrap_err();
        for status in [unary, upload] {
            assert_eq!(status.code(), Code::NotFound, "{transport}");
            let metadata = status.metadata();
            let both: Vec<_> = metadata.get_all("both").iter().collect();
            assert_eq!(both, ["headers", "trailers"], "{transport}");
            assert_eq!(metadata.get("early").unwrap(), "1", "{transport}");
            assert_eq!(metadata.get("late").unwrap(), "1", "{transport}");
            assert_eq!(metadata.get_bin("trace-bin").unwrap().to_bytes().unwrap(), &[1, 2][..]);
            assert_eq!(metadata.len(), 5, "{transport}: {metadata:?}");
        }
    }
}
