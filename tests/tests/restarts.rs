//! Servers in processes of their own, which are told to stop while they are called.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io,
    net::SocketAddr,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{Channel, Code, Status};
use rustix::process::{Pid, Signal, kill_process};
use telemetry::{Query, TelemetryClient};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    task::JoinSet,
    time::timeout,
};
use tokio_stream::StreamExt as _;

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

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);

fn query(series: &str, limit: u32) -> Query {
    Query { series: series.into(), limit, ..Query::default() }
}

/// A server in a process of its own.
struct Instance {
    process: Child,
    says: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Instance {
    async fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_instance"));
        let mut process = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut says = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = says.next_line().await.unwrap().expect("its address").parse().unwrap();
        Self { process, says, address }
    }

    fn signal(&self, signal: Signal) {
        let process = Pid::from_raw(self.process.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(process, signal).unwrap();
    }

    /// Waits until it has ended. How many calls it has begun.
    async fn ended(mut self) -> usize {
        let calls = timeout(LONG, self.says.next_line()).await.expect("it stops").unwrap();
        let exit = self.process.wait().await.unwrap();
        assert!(exit.success(), "{exit}");
        calls.expect("it says how many calls it has begun").parse().unwrap()
    }
}

/// The addresses of instances, the oldest first, as a name service says them that is behind the times.
#[derive(Clone, Default)]
struct Addresses(Arc<Mutex<Vec<SocketAddr>>>);

impl Addresses {
    fn add(&self, instance: &Instance) {
        self.0.lock().unwrap().push(instance.address);
    }

    fn remove(&self, address: SocketAddr) {
        self.0.lock().unwrap().retain(|it| *it != address);
    }

    /// A client of the first one that accepts a connection.
    fn client(&self) -> TelemetryClient {
        let addresses = self.clone();
        let channel = Channel::builder("http://instances").connector(move |_| {
            let addresses = addresses.0.lock().unwrap().clone();
            async move {
                let mut refused = io::Error::from(io::ErrorKind::NotFound);
                for address in addresses {
                    match TcpStream::connect(address).await {
                        Ok(connected) => return Ok(connected),
                        Err(error) => refused = error,
                    }
                }
                Err(refused)
            }
        });
        TelemetryClient::new(channel.connect_lazy().unwrap())
    }
}

/// Calls that never pause.
struct Load {
    answered: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    callers: JoinSet<Result<(), Status>>,
}

impl Load {
    fn start(client: &TelemetryClient, in_flight: usize) -> Self {
        let (answered, is_over) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let mut callers = JoinSet::new();
        for caller in 0..in_flight {
            let (client, answered) = (client.clone(), Arc::clone(&answered));
            let is_over = Arc::clone(&is_over);
            callers.spawn(async move {
                for limit in (0..16).cycle() {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    if caller % 4 == 0 {
                        let points = client.watch(query("a", limit)).await?.into_inner();
                        let points = points.collect::<Result<Vec<_>, _>>().await?;
                        assert_eq!(points.len(), limit as usize + 1);
                    } else {
                        client.latest(query("a", limit)).await?;
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                }
                Ok(())
            });
        }
        Self { answered, is_over, callers }
    }

    /// Waits until there are so many more answers, or a call has failed.
    async fn more(&mut self, answers: usize) {
        let enough = self.answered.load(Ordering::SeqCst) + answers;
        let waiting = async {
            while self.answered.load(Ordering::SeqCst) < enough {
                if let Some(failed) = self.callers.try_join_next() {
                    panic!("a call was lost: {:?}", failed.unwrap());
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONG, waiting).await.expect("calls are answered");
    }

    /// How many calls were answered. Fails if one was not.
    async fn ended(mut self) -> usize {
        self.is_over.store(true, Ordering::SeqCst);
        while let Some(ended) = timeout(LONG, self.callers.join_next()).await.expect("calls end") {
            ended.unwrap().expect("a call was lost");
        }
        self.answered.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_or_made_twice_when_servers_are_replaced_under_load() {
    let addresses = Addresses::default();
    let mut serving = Instance::start().await;
    addresses.add(&serving);
    let mut load = Load::start(&addresses.client(), 64);
    let mut begun = 0;
    for round in 0..50 {
        load.more(500).await;
        let next = Instance::start().await;
        addresses.add(&next);
        let former = std::mem::replace(&mut serving, next);
        former.signal(if round % 2 == 0 { Signal::TERM } else { Signal::INT });
        let address = former.address;
        begun += former.ended().await;
        addresses.remove(address);
    }
    load.more(500).await;
    let answered = load.ended().await;
    serving.signal(Signal::TERM);
    begun += serving.ended().await;
    assert_eq!(begun, answered);
}

#[tokio::test]
async fn a_second_signal_ends_calls_with_unavailable() {
    for signals in [[Signal::TERM, Signal::TERM], [Signal::INT, Signal::TERM]] {
        let instance = Instance::start().await;
        let client =
            TelemetryClient::connect(format!("http://{}", instance.address)).await.unwrap();
        let mut watch = client.watch(query("hangs", 2)).await.unwrap().into_inner();
        watch.message().await.unwrap().unwrap();
        watch.message().await.unwrap().unwrap();
        let calling = client.clone();
        let unary = tokio::spawn(async move { calling.latest(query("hangs", 1)).await });
        tokio::task::yield_now().await;
        // Sent after the others, so they have begun when this is answered.
        client.latest(query("a", 1)).await.unwrap();
        instance.signal(signals[0]);
        // Nobody can connect any more: shutdown has begun.
        let refuses = async {
            while TcpStream::connect(instance.address).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONG, refuses).await.expect("the listener is closed");
        assert!(!unary.is_finished());
        instance.signal(signals[1]);
        for status in [unary.await.unwrap().unwrap_err(), watch.message().await.unwrap_err()] {
            assert_eq!(status.code(), Code::Unavailable, "{status}");
            assert_eq!(status.message(), "the server shut down before the call ended");
        }
        assert_eq!(instance.ended().await, 3);
    }
}
