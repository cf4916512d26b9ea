//! Calls, as many at a time as are asked for, and how long they take.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{Peer, cpu_time};

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// A small unary call.
    Add,
    /// The same with a fresh `traceparent` every time.
    AddTraced,
    /// A unary call with large messages.
    Echo,
    /// A stream of responses.
    Download,
    /// A stream of requests.
    Upload,
    /// A stream each way.
    Chat,
    /// A connection for every small call.
    Connect,
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// As much as there is time for.
    For(Duration),
    /// This many calls.
    Calls(u64),
}

/// What a run calls.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    case: Case,
    in_flight: usize,
    size: usize,
    messages: u32,
    extent: Extent,
}

/// What one of the tasks of a run has seen.
#[derive(Default)]
struct Seen {
    units: u64,
    latencies: Vec<Duration>,
}

/// Calls before anything is measured.
const WARM_UP: Duration = Duration::from_millis(200);

impl Load {
    pub(crate) fn parse(words: &[&str]) -> Self {
        let [case, in_flight, size, messages, extent] = words else {
            panic!("CASE IN_FLIGHT SIZE MESSAGES for=SECONDS or calls=N, not {words:?}");
        };
        let case = match *case {
            "add" => Case::Add,
            "add-traced" => Case::AddTraced,
            "echo" => Case::Echo,
            "download" => Case::Download,
            "upload" => Case::Upload,
            "chat" => Case::Chat,
            "connect" => Case::Connect,
            other => panic!("no case is called {other}"),
        };
        let number = |word: &str| word.parse::<u64>().expect("a number");
        let extent = match extent.split_once('=') {
            Some(("for", seconds)) => {
                Extent::For(Duration::from_secs_f64(seconds.parse().expect("seconds")))
            }
            Some(("calls", calls)) => Extent::Calls(number(calls)),
            _ => panic!("neither for= nor calls=: {extent}"),
        };
        Self {
            case,
            in_flight: number(in_flight) as usize,
            size: number(size) as usize,
            messages: number(messages) as u32,
            extent,
        }
    }

    /// Calls the server at `address`, and says what it took.
    pub(crate) async fn run<P: Peer>(self, address: SocketAddr) -> Value {
        let peer = P::connect(address).await;
        let warm_up = match self.extent {
            Extent::For(_) => Extent::For(WARM_UP),
            Extent::Calls(_) => Extent::Calls(32),
        };
        Self { extent: warm_up, ..self }.measure(&peer, address).await;
        let (begin, cpu) = (Instant::now(), cpu_time());
        let mut seen = self.measure(&peer, address).await;
        let (seconds, cpu) = (begin.elapsed().as_secs_f64(), cpu_time() - cpu);
        seen.latencies.sort_unstable();
        let at = |part: f64| {
            let index = (seen.latencies.len().saturating_sub(1)) as f64 * part;
            seen.latencies.get(index as usize).map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        json!({
            "units": seen.units,
            "seconds": seconds,
            "p50_us": at(0.5),
            "p99_us": at(0.99),
            "cpu_us": cpu.as_secs_f64() * 1e6,
        })
    }

    async fn measure<P: Peer>(self, peer: &P, address: SocketAddr) -> Seen {
        let end = match self.extent {
            Extent::For(time) => Some(Instant::now() + time),
            Extent::Calls(_) => None,
        };
        let calls = match self.extent {
            Extent::For(_) => u64::MAX,
            Extent::Calls(calls) => calls / self.in_flight as u64,
        };
        let task = |_| tokio::spawn(self.task(peer.clone(), address, calls, end));
        let tasks: Vec<_> = (0..self.in_flight).map(task).collect();
        let mut all = Seen::default();
        for task in tasks {
            let seen = task.await.expect("no call fails");
            all.units += seen.units;
            all.latencies.extend(seen.latencies);
        }
        all
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "each task is given what it owns, for this one call"
    )]
    async fn task<P: Peer>(
        self,
        peer: P,
        address: SocketAddr,
        calls: u64,
        end: Option<Instant>,
    ) -> Seen {
        let data = Bytes::from(vec![b'x'; self.size]);
        let mut seen = Seen::default();
        let mut begin = Instant::now();
        for call in 0..calls {
            if end.is_some_and(|end| begin >= end) {
                break;
            }
            seen.units += self.call(&peer, address, call, &data).await;
            let now = Instant::now();
            seen.latencies.push(now - begin);
            begin = now;
        }
        seen
    }

    /// Makes one call, and says of how many units.
    #[allow(
        clippy::too_many_arguments,
        reason = "four of them differ from call to call or from peer to peer, and `self` is the load"
    )]
    async fn call<P: Peer>(self, peer: &P, address: SocketAddr, call: u64, data: &Bytes) -> u64 {
        let number = call as i32 & 0xffff;
        let messages = match self.case {
            Case::Add => {
                assert_eq!(peer.add(number, 7).await, number + 7);
                return 1;
            }
            Case::AddTraced => {
                let trace = format!("00-4bf92f3577b34da6a3ce929d{call:08x}-00f067aa{call:08x}-01");
                assert_eq!(peer.add_traced(number, 7, trace).await, number + 7);
                return 1;
            }
            Case::Connect => {
                assert_eq!(P::connect(address).await.add(number, 7).await, number + 7);
                return 1;
            }
            Case::Echo => {
                assert_eq!(peer.echo(data.clone()).await, self.size);
                return 1;
            }
            Case::Download => peer.download(self.messages, self.size as u32).await,
            Case::Upload => peer.upload(self.messages, data.clone()).await,
            Case::Chat => peer.chat(self.messages, data.clone()).await,
        };
        assert_eq!(messages, u64::from(self.messages));
        messages
    }
}
