//! What our client makes of the headers and trailers of an answer, however odd they are.

use rust_scaffold::{Code, Response, Status};
use tokio::{task::JoinHandle, time::timeout};

use super::{
    frame::{Frame, HEADERS},
    peer::{LONG, Peer, RawServer, answer, head, message},
};
use crate::{
    station::{point, query},
    telemetry::Point,
};

type Fields<'a> = &'a [(&'a str, &'a str)];

/// What a call on a stream is answered with.
type Frames = Box<dyn Fn(u32) -> Vec<Frame>>;

/// A server, and its one connection: what comes on it must harm no other call.
struct Odd {
    server: RawServer,
    peer: Peer,
    /// A call that is in progress all the time.
    beside: JoinHandle<Result<Response<Point>, Status>>,
    next: u32,
}

impl Odd {
    async fn start() -> Self {
        let server = RawServer::start().await;
        let client = server.client.clone();
        let beside = tokio::spawn(async move { client.latest(query("beside", 1)).await });
        let mut peer = server.accept(&[]).await;
        peer.ended(1).await;
        Self { server, peer, beside, next: 3 }
    }

    /// Makes a call, unary or with a stream of responses, and answers it with `frames`.
    async fn call(
        &mut self,
        streams: bool,
        frames: impl Fn(u32) -> Vec<Frame>,
    ) -> Result<(), Status> {
        let client = self.server.client.clone();
        let call = tokio::spawn(async move {
            if !streams {
                return client.latest(query("a", 1)).await.map(drop);
            }
            let mut points = client.watch(query("a", 1)).await?.into_inner();
            while points.message().await?.is_some() {}
            Ok(())
        });
        let stream = self.next;
        self.next += 2;
        self.peer.ended(stream).await;
        self.peer.send(frames(stream)).await;
        timeout(LONG, call).await.expect("every call ends").expect("no call panics")
    }

    /// The status of a call, in each form that an answer can have and for each kind of call.
    async fn statuses(&mut self, trailers: Fields<'_>) -> Vec<Status> {
        let mut statuses = Vec::new();
        let only = [&[(":status", "200"), ("content-type", "application/grpc")], trailers].concat();
        for streams in [false, true] {
            let status = self.call(streams, |stream| {
                let data = Frame::data(stream, message(&point("a")));
                vec![head(stream), data, Frame::headers(stream, trailers).ends()]
            });
            statuses.push(status.await.expect_err("a status"));
            let status = self.call(streams, |stream| vec![Frame::headers(stream, &only).ends()]);
            statuses.push(status.await.expect_err("a status"));
        }
        statuses
    }

    /// The call beside is answered, and so is another one.
    async fn is_well(&mut self) {
        self.peer.send(answer(1, "beside")).await;
        let beside = timeout(LONG, &mut self.beside).await.expect("every call ends").unwrap();
        assert_eq!(beside.unwrap().into_inner().series, "beside");
        self.call(false, |stream| answer(stream, "a").to_vec()).await.unwrap();
    }
}

#[tokio::test]
async fn statuses_that_are_no_code_are_unknown() {
    let mut odd = Odd::start().await;
    for value in ["17", "99999999999999999999", "-1", "", "well", "0x3", " 3", "٣"] {
        for status in odd.statuses(&[("grpc-status", value)]).await {
            assert_eq!(status.code(), Code::Unknown, "{value:?}: {status:?}");
        }
    }
    odd.is_well().await;
}

#[tokio::test]
async fn the_first_of_several_statuses_counts() {
    let mut odd = Odd::start().await;
    let trailers = [("grpc-status", "5"), ("grpc-status", "0"), ("grpc-message", "a")];
    for status in odd.statuses(&trailers).await {
        assert_eq!(status.code(), Code::NotFound);
    }
    odd.is_well().await;
}

#[tokio::test]
async fn answers_without_a_head_or_with_an_odd_one_fail_their_call_alone() {
    let mut odd = Odd::start().await;
    let bare = |stream: u32| Frame::new(HEADERS, 4, stream, []);
    let cases: [(&str, Frames, &[Code]); 3] = [
        ("nothing", Box::new(move |stream| vec![bare(stream).ends()]), &[Code::Internal]),
        (
            "no content type",
            Box::new(|stream| vec![Frame::headers(stream, &[(":status", "200")]).ends()]),
            &[Code::Unknown],
        ),
        (
            "a page",
            Box::new(|stream| {
                let fields = [(":status", "503"), ("content-type", "text/html")];
                vec![Frame::headers(stream, &fields), Frame::data(stream, *b"<h1>no").ends()]
            }),
            &[Code::Unavailable],
        ),
    ];
    for (name, frames, codes) in cases {
        for streams in [false, true] {
            let status = odd.call(streams, &frames).await.expect_err(name);
            assert!(codes.contains(&status.code()), "{name}: {status:?}");
        }
    }
    odd.is_well().await;
}

#[tokio::test]
async fn binary_metadata_of_several_values_in_one_header_has_them_all() {
    let server = RawServer::start().await;
    let client = server.client.clone();
    let call = tokio::spawn(async move { client.latest(query("a", 1)).await });
    let mut peer = server.accept(&[]).await;
    peer.ended(1).await;
    let [_, data, _] = answer(1, "a");
    let fields = [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("head-bin", "AQI,AwQ="),
        ("bad-bin", "!"),
    ];
    let trailers = [("grpc-status", "0"), ("tail-bin", "AQI=, AwQ"), ("bad-bin", "%%%")];
    peer.send([Frame::headers(1, &fields), data, Frame::headers(1, &trailers).ends()]).await;
    let answer = timeout(LONG, call).await.unwrap().unwrap().unwrap();
    for name in ["head-bin", "tail-bin"] {
        let values = answer.metadata().get_all_bin(name);
        let values = values.iter().map(|value| value.to_bytes().unwrap_or_default().to_vec());
        assert_eq!(values.collect::<Vec<_>>(), [[1, 2], [3, 4]], "{name}");
    }
}

#[tokio::test]
async fn details_that_cannot_be_read_leave_the_code_and_the_message() {
    let mut odd = Odd::start().await;
    let cases: [(&str, &[u8]); 9] = [
        ("not base64!", b""),
        ("AAAAA", b""),
        ("{\"code\":3}", b""),
        ("====", b""),
        ("", b""),
        ("AQI=", &[1, 2]),
        ("AQI", &[1, 2]),
        ("-_-_", &[0xfb, 0xff, 0xbf]),
        ("+/+/", &[0xfb, 0xff, 0xbf]),
    ];
    for (value, details) in cases {
        let trailers =
            [("grpc-status", "3"), ("grpc-message", "no"), ("grpc-status-details-bin", value)];
        for status in odd.statuses(&trailers).await {
            assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "no"), "{value}");
            assert!(
                status.details() == details || status.details().is_empty(),
                "{value}: {status:?}"
            );
        }
    }
    odd.is_well().await;
}

/// What is beyond every limit fails its call, and no other.
#[tokio::test]
async fn headers_and_trailers_beyond_the_limit_fail_their_call_alone() {
    let mut odd = Odd::start().await;
    for size in [20_000, 100_000] {
        let long = "x".repeat(size);
        for streams in [false, true] {
            let fields =
                [(":status", "200"), ("content-type", "application/grpc"), ("x-long", &*long)];
            let status = odd.call(streams, |stream| {
                let [_, data, trailers] = answer(stream, "a");
                vec![Frame::headers(stream, &fields), data, trailers]
            });
            let status = status.await.expect_err("it is beyond the limit");
            assert_eq!(status.code(), Code::ResourceExhausted, "{size} in headers: {status}");
            let trailers = [("grpc-status", "5"), ("x-long", &*long)];
            let status = odd.call(streams, |stream| {
                let [head, data, _] = answer(stream, "a");
                vec![head, data, Frame::headers(stream, &trailers).ends()]
            });
            let status = status.await.expect_err("it is beyond the limit");
            let codes = [Code::NotFound, Code::ResourceExhausted];
            assert!(codes.contains(&status.code()), "{size} in trailers: {status}");
        }
    }
    odd.is_well().await;
}

#[tokio::test]
async fn messages_are_decoded_as_far_as_they_can_be() {
    let mut odd = Odd::start().await;
    for (value, message) in [
        ("caf%C3%A9", "café"),
        ("caf%E9", "caf\u{fffd}"),
        ("100% of %ZZ", "100% of %ZZ"),
        ("%", "%"),
        ("%4", "%4"),
        ("%%41", "%A"),
        ("", ""),
    ] {
        let trailers = [("grpc-status", "3"), ("grpc-message", value)];
        for status in odd.statuses(&trailers).await {
            assert_eq!(
                (status.code(), status.message()),
                (Code::InvalidArgument, message),
                "{value}"
            );
        }
    }
    odd.is_well().await;
}
