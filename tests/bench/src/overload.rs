//! What ten times the load that a server can take does to it, with the adaptive limit and without.
//!
//! Server and load have a thread each, and calls arrive evenly, whether others have been answered or not. A call is
//! good if it is answered within half a second. The best goodput is that of calls one after the other, as many at a
//! time as the server has places for, and twice as many.

use std::{
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bench::scaffold::calculator::{
    AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
    SubtractResponse,
};
use rust_scaffold::{AdaptiveLimit, Channel, Code, Request, Response, Server, Status};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::{Semaphore, oneshot},
    task::{JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval, sleep},
};

use crate::report::Report;

const OVERLOAD: f64 = 10.0;
/// How long clients wait.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often calls are made that have become due.
const TICK: Duration = Duration::from_millis(1);

/// What a call takes: a place, of which there are so many, and so much time in it.
#[derive(Clone, Copy)]
struct Work {
    case: &'static str,
    places: usize,
    time: Duration,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Waits,
    /// On the thread that serves the connections.
    Computes,
    /// On another thread.
    ComputesElsewhere,
}

const WORK: [Work; 4] = [
    Work {
        case: "10 ms of waiting, 8 places",
        places: 8,
        time: Duration::from_millis(10),
        kind: Kind::Waits,
    },
    Work {
        case: "100 ms of waiting, 64 places",
        places: 64,
        time: Duration::from_millis(100),
        kind: Kind::Waits,
    },
    Work {
        case: "2 ms of computing on a thread of its own",
        places: 1,
        time: Duration::from_millis(2),
        kind: Kind::ComputesElsewhere,
    },
    Work {
        case: "2 ms of computing on the server's thread",
        places: 1,
        time: Duration::from_millis(2),
        kind: Kind::Computes,
    },
];

struct Worker {
    work: Work,
    places: Arc<Semaphore>,
}

impl Calculator for Worker {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let place = self.places.acquire().await;
        let _place = place.map_err(|closed| Status::internal(closed.to_string()))?;
        let time = self.work.time;
        match self.work.kind {
            Kind::Waits => sleep(time).await,
            Kind::Computes => compute(time),
            Kind::ComputesElsewhere => {
                let computed = spawn_blocking(move || compute(time)).await;
                computed.map_err(|error| Status::internal(error.to_string()))?;
            }
        }
        let AddRequest { a, b } = request.into_inner();
        Ok(AddResponse { result: a.wrapping_add(b) }.into())
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("not called"))
    }
}

fn compute(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

pub(crate) fn run(quick: bool) -> Result<Report, String> {
    let time = Duration::from_secs(if quick { 5 } else { 20 });
    let mut report = Report::default();
    for work in WORK {
        let plain = Running::start(work, Server::new())?;
        let best = [work.places, 2 * work.places];
        let best = best.map(|at_a_time| plain.closed(time / 2, at_a_time)).into_iter();
        let best = best.fold(f64::MIN, f64::max);
        let unloaded = plain.open(time / 2, best * 0.1);
        let limited = Running::start(work, Server::new().adaptive_limit(AdaptiveLimit::new()))?;
        report.add((work.case, "best"), ("good calls", "1/s"), best);
        report.add((work.case, "unloaded"), ("p99", "ms"), unloaded.p99());
        for (peer, server) in [("without a limit", plain), ("with AdaptiveLimit", limited)] {
            // Until the limit has found itself.
            server.open(time / 2, best * OVERLOAD);
            let seen = server.open(time, best * OVERLOAD);
            report.add((work.case, peer), ("offered", "1/s"), seen.offered_rate());
            report.add((work.case, peer), ("good calls", "1/s"), seen.good_rate());
            report.add((work.case, peer), ("of the best", ""), seen.good_rate() / best);
            report.add((work.case, peer), ("p99", "ms"), seen.p99());
            report.add((work.case, peer), ("of unloaded", ""), seen.p99() / unloaded.p99());
            report.add((work.case, peer), ("refused", "1/s"), seen.refused as f64 / seen.seconds);
            report.add((work.case, peer), ("expired", "1/s"), seen.expired as f64 / seen.seconds);
        }
    }
    Ok(report)
}

/// A server on a thread of its own, and a client.
struct Running {
    client: CalculatorClient,
    runtime: Runtime,
    /// Dropped when the server is to stop.
    _stop: oneshot::Sender<()>,
}

/// What clients saw.
#[derive(Default)]
struct Seen {
    seconds: f64,
    refused: usize,
    /// How many have failed at their deadlines, or because of them.
    expired: usize,
    /// Of the good calls, in milliseconds.
    latencies: Vec<f64>,
}

impl Seen {
    fn good_rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    fn offered_rate(&self) -> f64 {
        (self.latencies.len() + self.refused + self.expired) as f64 / self.seconds
    }

    fn p99(&self) -> f64 {
        let mut latencies = self.latencies.clone();
        latencies.sort_by(f64::total_cmp);
        latencies.get(latencies.len() * 99 / 100).copied().unwrap_or(f64::NAN)
    }
}

impl Running {
    fn start(work: Work, server: Server) -> Result<Self, String> {
        let runtime = runtime()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let listener = std::net::TcpListener::bind("127.0.0.1:0");
        let listener = listener.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let worker = Worker { work, places: Arc::new(Semaphore::new(work.places)) };
        let server = server.add_service(CalculatorServer::new(worker));
        thread::spawn(move || serve(server, listener, stopped));
        let client = runtime.block_on(connect(address))?;
        Ok(Self { client, runtime, _stop: stop })
    }

    /// The rate of calls of which so many are made at a time, each after another.
    fn closed(&self, time: Duration, at_a_time: usize) -> f64 {
        self.runtime.block_on(async {
            let (begin, mut callers) = (Instant::now(), JoinSet::new());
            for _ in 0..at_a_time {
                let client = self.client.clone();
                callers.spawn(async move {
                    let mut answered = 0;
                    while begin.elapsed() < time {
                        answered += usize::from(client.add(REQUEST).await.is_ok());
                    }
                    answered
                });
            }
            let answered: usize = callers.join_all().await.into_iter().sum();
            answered as f64 / begin.elapsed().as_secs_f64()
        })
    }

    /// Calls that arrive at `rate`, whatever becomes of others.
    fn open(&self, time: Duration, rate: f64) -> Seen {
        self.runtime.block_on(async {
            let (begin, mut calls) = (Instant::now(), JoinSet::new());
            let mut ticks = interval(TICK);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut made = 0;
            while begin.elapsed() < time {
                ticks.tick().await;
                let due = (begin.elapsed().as_secs_f64() * rate) as usize;
                for _ in made..due {
                    calls.spawn(call(self.client.clone()));
                }
                made = due;
            }
            let seconds = begin.elapsed().as_secs_f64();
            let mut seen = Seen { seconds, ..Seen::default() };
            for (code, took) in calls.join_all().await {
                match code {
                    Code::Ok => seen.latencies.push(took.as_secs_f64() * 1e3),
                    Code::Unavailable => seen.refused += 1,
                    _ => seen.expired += 1,
                }
            }
            seen
        })
    }
}

const REQUEST: AddRequest = AddRequest { a: 5, b: 3 };

async fn call(client: CalculatorClient) -> (Code, Duration) {
    let mut request = Request::new(REQUEST);
    request.set_timeout(PATIENCE);
    let begin = Instant::now();
    let code = client.add(request).await.map_or_else(|status| status.code(), |_| Code::Ok);
    (code, begin.elapsed())
}

fn serve(server: Server, listener: std::net::TcpListener, stopped: oneshot::Receiver<()>) {
    let served = runtime().and_then(|runtime| {
        runtime.block_on(async {
            listener.set_nonblocking(true).map_err(|error| error.to_string())?;
            let listener = TcpListener::from_std(listener).map_err(|error| error.to_string())?;
            tokio::select! {
                served = server.serve_listener(listener) => served.map_err(|error| error.to_string()),
                _ = stopped => Ok(()),
            }
        })
    });
    if let Err(problem) = served {
        eprintln!("the server has stopped: {problem}");
    }
}

async fn connect(address: SocketAddr) -> Result<CalculatorClient, String> {
    let channel = Channel::connect(format!("http://{address}")).await;
    Ok(CalculatorClient::new(channel.map_err(|error| error.to_string())?))
}

fn runtime() -> Result<Runtime, String> {
    Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}
