//! What calls allocate, as counts: no machine is too busy for them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fuzz/contracts.rs"]
mod contracts;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "fuzz/json.rs"]
mod json;

use rust_scaffold::{
    CallLog, Channel, CompressionEncoding, InterceptedCall, Interceptor, Next, Reply, Request,
    Response, Server, Status, Streaming,
};
use telemetry::{Point, Query, Summary, Telemetry, TelemetryClient, TelemetryServer};

#[allow(
    clippy::doc_markdown,
    clippy::too_many_arguments,
    missing_docs,
    unreachable_pub,
    reason = "generated messages look as prost makes them"
)]
mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Sends as many points as are asked for, and counts those that come.
struct Station;

impl Telemetry for Station {
    async fn latest(&self, _: Request<Query>) -> Result<Response<Point>, Status> {
        Ok(Response::new(Point::default()))
    }

    async fn watch(&self, request: Request<Query>) -> Result<Response<Streaming<Point>>, Status> {
        let points = (0..request.get_ref().limit).map(point);
        Ok(Response::new(Streaming::new(tokio_stream::iter(points.map(Ok)))))
    }

    async fn upload(
        &self,
        request: Request<Streaming<Point>>,
    ) -> Result<Response<Summary>, Status> {
        let (mut points, mut accepted) = (request.into_inner(), 0);
        while points.message().await?.is_some() {
            accepted += 1;
        }
        Ok(Response::new(Summary { accepted, ..Summary::default() }))
    }

    async fn tail(
        &self,
        _: Request<Streaming<Query>>,
    ) -> Result<Response<Streaming<Point>>, Status> {
        Err(Status::unimplemented("one stream at a time"))
    }

    async fn last(&self, request: Request<Query>) -> Result<Response<Point>, Status> {
        self.latest(request).await
    }
}

/// A point of about 250 bytes.
fn point(number: u32) -> Point {
    Point { series: format!("{number:0>250}"), ..Point::default() }
}

/// Messages of each stream.
const MESSAGES: u32 = 2000;

/// Sends a stream each way, one after the other.
async fn stream(client: &TelemetryClient) {
    let points = Streaming::new(tokio_stream::iter((0..MESSAGES).map(|number| Ok(point(number)))));
    let summary = client.upload(points).await.unwrap().into_inner();
    assert_eq!(summary.accepted, u64::from(MESSAGES));
    let query = Query { limit: MESSAGES, ..Query::default() };
    let mut points = client.watch(query).await.unwrap().into_inner();
    for number in 0..MESSAGES {
        assert_eq!(points.message().await.unwrap(), Some(point(number)));
    }
}

#[tokio::test]
async fn a_compressed_message_allocates_no_compressor_and_no_copy_of_others() {
    let _turn = TURN.lock().await;
    let _profiler = dhat::Profiler::builder().testing().build();
    for encoding in
        [CompressionEncoding::Gzip, CompressionEncoding::Deflate, CompressionEncoding::Zstd]
    {
        let server = TelemetryServer::new(Station);
        let server = server.accept_compressed(encoding).send_compressed(encoding);
        let client = TelemetryClient::new(rust_scaffold::Channel::in_process(server));
        let client = client.accept_compressed(encoding).send_compressed(encoding);
        stream(&client).await;
        let before = dhat::HeapStats::get().total_bytes;
        stream(&client).await;
        let each = (dhat::HeapStats::get().total_bytes - before) / u64::from(2 * MESSAGES);
        println!("{encoding:?}: {each} bytes are allocated for each message");
        assert!(each < 4 * 1024, "{encoding:?}: {each} bytes for each message");
    }
}

struct PassOn;

impl Interceptor for PassOn {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        next.run(call).await
    }
}

/// Channels to `server` in process, with the codec and without, and over a connection.
async fn channels(server: TelemetryServer<Station>) -> [(&'static str, Channel); 3] {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new().add_service(server.clone()).serve_listener(listener));
    [
        ("direct", Channel::in_process_direct(server.clone())),
        ("in process", Channel::in_process(server)),
        ("connection", Channel::connect(format!("http://{address}")).await.unwrap()),
    ]
}

/// Blocks that a unary call allocates, in tenths.
async fn tenths_of_blocks(client: &TelemetryClient) -> u64 {
    const CALLS: u64 = 1000;
    let call = async || client.latest(Query::default()).await.unwrap();
    for _ in 0..CALLS {
        call().await;
    }
    let before = dhat::HeapStats::get().total_blocks;
    for _ in 0..CALLS {
        call().await;
    }
    (dhat::HeapStats::get().total_blocks - before) * 10 / CALLS
}

/// Profilers count for the whole process, so the tests take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn an_interceptor_allocates_its_future_and_nothing_else() {
    let _turn = TURN.lock().await;
    let _profiler = dhat::Profiler::builder().testing().build();
    let plain = channels(TelemetryServer::new(Station)).await;
    let intercepted = channels(TelemetryServer::new(Station).intercept(PassOn)).await;
    for ((name, plain), (_, intercepted)) in plain.into_iter().zip(intercepted) {
        let client = TelemetryClient::new(plain);
        let without = tenths_of_blocks(&client).await;
        let client_only = tenths_of_blocks(&client.intercept(PassOn)).await;
        let server_only = tenths_of_blocks(&TelemetryClient::new(intercepted)).await;
        println!(
            "{name}: {without}, {client_only} and {server_only} tenths of blocks for each call"
        );
        for with in [client_only, server_only] {
            // A connection allocates now and then for itself.
            assert!((9..=11).contains(&(with - without)), "{name}: {without}, then {with}");
        }
    }
}

/// Blocks of a call over a connection to `server`, in tenths.
async fn tenths_of_blocks_to(server: Server) -> u64 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(server.serve_listener(listener));
    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    let tenths = tenths_of_blocks(&TelemetryClient::new(channel)).await;
    serving.abort();
    tenths
}

#[tokio::test]
async fn a_log_of_calls_allocates_little_and_spans_that_nobody_wants_nothing() {
    let _turn = TURN.lock().await;
    let _profiler = dhat::Profiler::builder().testing().build();
    let server = || Server::new().add_service(TelemetryServer::new(Station));
    let plain = tenths_of_blocks_to(server()).await;
    let traced = tenths_of_blocks_to(server().trace_calls()).await;
    let log = CallLog::to_writer(std::io::sink());
    let logged = tenths_of_blocks_to(server().log_calls_to(log)).await;
    println!("{plain}, {traced} and {logged} tenths of blocks for each call");
    // A connection allocates now and then for itself.
    assert!(traced.abs_diff(plain) <= 1, "{plain}, then {traced}");
    assert!((10..=85).contains(&(logged - plain)), "{plain}, then {logged}");
}

/// The most bytes that are allocated while `work` is done.
fn peak(work: impl FnOnce()) -> usize {
    let _profiler = dhat::Profiler::builder().testing().build();
    work();
    dhat::HeapStats::get().max_bytes
}

#[test]
fn json_takes_few_times_the_memory_of_the_message_whatever_that_is() {
    let _turn = TURN.blocking_lock();
    const SIZE: usize = 1 << 17;
    // Types are read once.
    json::answer(json::STRICT, json::post("Reflect", "{}".into()));
    let check = |shape: &str, request| {
        let times = peak(|| drop(json::answer(json::STRICT, request))) / SIZE;
        println!("{shape}: {times} times");
        assert!(times <= 10, "{shape}: {times} times");
    };
    for (shape, unit) in [
        ("a number", &[0x18, 1][..]),
        ("fields of a oneof in turn", &[0xa2, 1, 0, 0xaa, 1, 0]),
        ("entries with one key", &[0x9a, 1, 0]),
        ("parts of a message", &[0xaa, 1, 2, 16, 1]),
        ("empty paths of a mask", &[0xd2, 1, 2, 10, 0]),
    ] {
        let encoded = unit.repeat(SIZE / unit.len());
        check(shape, json::unpacking(json::EVERYTHING, &encoded));
    }
    // Text, and around it one message in two parts in the other.
    let mut nested = [&[0x5a, 0x80, 0x80, 0x08][..], &[b'x'; SIZE]].concat();
    for _ in 0..90 {
        let mut outer = vec![0x92, 2];
        rust_scaffold::prost::encoding::encode_varint(nested.len() as u64, &mut outer);
        nested = [&outer[..], &nested[..], &[0x92, 2, 0]].concat();
    }
    check("messages in two parts", json::unpacking(json::EVERYTHING, &nested));
    // It is refused at its end.
    let mask = format!("{{\"mask\":\"{}_\"}}", "a,".repeat(SIZE / 2));
    check("a mask", json::post("Reflect", mask.into()));
}
