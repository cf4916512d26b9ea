//! What happens on a connection before HTTP/2: whom it delays, and what its end ends.

use std::{
    future::Future,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{Channel, Handshake, Server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tracing::{Event, Metadata, Subscriber, field, span};

use crate::{
    frames::peer::Peer,
    station::{Busy, Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// What the handshake of a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// Succeeds when the client has sent a byte.
    Waits,
    NeverEnds,
    Fails,
    Panics,
    /// Before there is a future.
    PanicsAtOnce,
    /// Succeeds after as many seconds of virtual time.
    Takes(u64),
}

use Does::*;

/// Of virtual time.
const HOUR: Duration = Duration::from_secs(3600);

/// A connection as it was accepted.
struct Accepted {
    io: DuplexStream,
    does: Does,
    /// How many handshakes are in progress.
    busy: Arc<AtomicUsize>,
}

impl Handshake for Accepted {
    type Io = DuplexStream;

    fn handshake(self) -> impl Future<Output = io::Result<DuplexStream>> + Send {
        let Self { mut io, does, busy } = self;
        assert!(does != PanicsAtOnce, "there is no handshake");
        async move {
            let _busy = Busy::new(&busy);
            match does {
                Waits => drop(io.read_u8().await?),
                NeverEnds => std::future::pending().await,
                Fails => return Err(io::Error::other("no such client")),
                Takes(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                Panics | PanicsAtOnce => panic!("this handshake panics"),
            }
            Ok(io)
        }
    }
}

/// A server in memory.
struct Listening {
    accepted: mpsc::UnboundedSender<io::Result<Accepted>>,
    busy: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Listening {
    fn start(server: Server) -> Self {
        let (accepted, incoming) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let server = server.add_service(TelemetryServer::new(Station::default()));
        let incoming = UnboundedReceiverStream::new(incoming);
        let serving = tokio::spawn(server.serve_incoming_with_shutdown(incoming, async {
            let _ = stopped.await;
        }));
        Self { accepted, busy: Arc::default(), stop, serving }
    }

    /// The client's end of a new connection.
    fn connect(&self, does: Does) -> DuplexStream {
        let (here, io) = duplex(64 * 1024);
        let accepted = Accepted { io, does, busy: Arc::clone(&self.busy) };
        self.accepted.send(Ok(accepted)).unwrap();
        here
    }

    /// Waits until so many handshakes are in progress.
    async fn busy(&self, count: usize) {
        let reached = async {
            while self.busy.load(Ordering::SeqCst) != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(HOUR, reached).await.expect("so many handshakes");
    }
}

/// Makes a call as the client of a connection.
async fn call(io: DuplexStream) {
    let io = Mutex::new(Some(io));
    let channel = Channel::builder("http://station").connector(move |_| {
        let io = io.lock().unwrap().take();
        async move { io.ok_or_else(|| io::ErrorKind::ConnectionRefused.into()) }
    });
    let client = TelemetryClient::new(channel.connect().await.unwrap());
    assert_eq!(client.latest(query("a", 2)).await.unwrap().into_inner().series, "xx");
}

/// Waits until the server has accepted what there is: in virtual time, until nothing else can go on.
async fn accepted() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Waits until the server has closed the connection.
async fn closed(mut io: DuplexStream) {
    let mut rest = Vec::new();
    timeout(HOUR, io.read_to_end(&mut rest)).await.expect("it is closed").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_delays_no_other_connection() {
    let server = Listening::start(Server::new());
    let start = Instant::now();
    let stuck: Vec<_> = (0..10).map(|_| server.connect(NeverEnds)).collect();
    call(server.connect(Takes(0))).await;
    let mut waits = server.connect(Waits);
    waits.write_u8(0).await.unwrap();
    call(waits).await;
    // No timer was waited for, and all of them are still in progress.
    assert_eq!(start.elapsed(), Duration::ZERO);
    server.busy(stuck.len()).await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_is_dropped_at_the_limit() {
    let limit = Duration::from_secs(3);
    let server = Listening::start(Server::new().handshake_timeout(limit));
    let start = Instant::now();
    closed(server.connect(NeverEnds)).await;
    let elapsed = start.elapsed();
    assert!((limit..limit + Duration::from_millis(10)).contains(&elapsed), "{elapsed:?}");
    server.busy(0).await;
    call(server.connect(Takes(1))).await;
}

#[tokio::test(start_paused = true)]
async fn one_limit_covers_both_handshakes_of_a_connection() {
    let limit = Duration::from_secs(10);
    let server = Listening::start(Server::new().handshake_timeout(limit));
    let start = Instant::now();
    // Of HTTP/2, nothing comes.
    closed(server.connect(Takes(6))).await;
    let elapsed = start.elapsed();
    assert!((limit..limit + Duration::from_millis(10)).contains(&elapsed), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_fails_or_panics_ends_its_connection_alone() {
    for does in [Fails, Panics, PanicsAtOnce] {
        // What has failed makes room for the next one.
        let server = Listening::start(Server::new().max_connections(1));
        for _ in 0..3 {
            closed(server.connect(does)).await;
        }
        call(server.connect(Takes(1))).await;
        assert!(!server.serving.is_finished(), "{does:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_fails_leaves_calls_of_other_connections() {
    for does in [Fails, Panics, PanicsAtOnce] {
        let server = Listening::start(Server::new());
        let client = server.connect(Takes(0));
        let (waits, beside) = (server.connect(Waits), tokio::spawn(call(client)));
        closed(server.connect(does)).await;
        beside.await.unwrap();
        let mut waits = waits;
        waits.write_u8(0).await.unwrap();
        call(waits).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_handshakes_of_the_last_second_unless_calls_get_less() {
    let second = Duration::from_secs(1);
    for (limit, grace) in [(None, second), (Some(HOUR), second), (Some(second / 4), second / 4)] {
        // A connection on which HTTP/2 has not begun, in comparison.
        for does in [NeverEnds, Takes(0)] {
            let server = Listening::start(Server::new().shutdown_timeout(limit));
            let start = Instant::now();
            let silent = server.connect(does);
            server.busy(usize::from(does == NeverEnds)).await;
            accepted().await;
            server.stop.send(()).unwrap();
            timeout(HOUR, server.serving).await.expect("it shuts down").unwrap().unwrap();
            closed(silent).await;
            assert_eq!(start.elapsed(), grace, "{does:?}");
            assert_eq!(server.busy.load(Ordering::SeqCst), 0, "{does:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn calls_on_a_connection_that_is_being_opened_when_the_drain_begins_are_served() {
    for does in [Waits, Takes(0)] {
        let server = Listening::start(Server::new());
        let mut io = server.connect(does);
        server.busy(usize::from(does == Waits)).await;
        accepted().await;
        server.stop.send(()).unwrap();
        server.accepted.closed().await;
        if does == Waits {
            io.write_u8(0).await.unwrap();
        }
        // Without waiting for what the server has to say.
        let mut peer = Peer::client(io, &[]).await;
        peer.is_served(1).await;
        peer.closed().await;
        assert_eq!(peer.goaways, [((1 << 31) - 1, 0), (1, 0)], "{does:?}");
        server.serving.await.unwrap().unwrap();
    }
}

/// The events of this crate, as text.
#[derive(Clone, Default)]
pub(crate) struct Log(pub(crate) Arc<Mutex<Vec<String>>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("rust_scaffold")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = event.metadata().level().to_string();
        event.record(&mut |field: &field::Field, value: &dyn std::fmt::Debug| {
            text.push_str(&format!(" {field}={value:?}"));
        });
        self.0.lock().unwrap().push(text);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_fails_is_reported() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let server = Listening::start(Server::new().accept_http1(false));
    closed(server.connect(Fails)).await;
    closed(server.connect(NeverEnds)).await;
    let mut browser = server.connect(Takes(0));
    browser.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    closed(browser).await;
    let log = log.0.lock().unwrap();
    assert_eq!(log.len(), 3, "{log:?}");
    for (text, reason) in log.iter().zip(["no such client", "timed out", "invalid data"]) {
        assert!(text.starts_with("DEBUG"), "{text}");
        assert!(text.contains(reason), "{text}");
    }
}
