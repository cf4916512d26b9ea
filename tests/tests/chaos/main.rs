//! A hundred thousand calls to servers that fail in every way that they can: each call ends, with
//! the status that gRPC's specification gives, within its deadline; none is made twice; and the
//! memory is what it was.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod abuse;
mod fault;
#[path = "../behaviour/frames/frame.rs"]
#[allow(dead_code, reason = "shared with tests that write all kinds of frames")]
mod frame;
#[allow(dead_code, reason = "shared with the test of another allocator")]
mod hoarder;
mod hoards;
mod http1;
mod memory;
mod server;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use fault::{FAULTS, Fault, Reach};
use rust_scaffold::{Channel, Code, Request, Server};
use server::{Faulty, Ledger};
use tokio::{net::TcpListener, sync::Mutex, task::JoinSet};

#[allow(
    clippy::doc_markdown,
    clippy::too_many_arguments,
    missing_docs,
    unreachable_pub,
    reason = "generated messages look as prost makes them"
)]
mod contracts {
    pub(crate) mod calculator {
        rust_scaffold::include_proto!("calculator");
    }
    pub(crate) mod telemetry {
        rust_scaffold::include_proto!("telemetry");
    }
}

use contracts::{calculator, telemetry};

use calculator::{AddRequest, CalculatorClient, CalculatorServer};

/// Taken by each test: they look at the memory of the process.
static TURN: Mutex<()> = Mutex::const_new(());

/// Calls at a time.
const IN_FLIGHT: i32 = 64;
/// Calls are over when their deadlines are, and the machine may be slow.
const SLACK: Duration = Duration::from_secs(10);

/// What became of the calls: the fault that was asked for and the code that came, with how often.
type Outcomes = BTreeMap<(&'static str, i32), u32>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_ends_once_with_its_status() {
    let _turn = TURN.lock().await;
    let ledger = Arc::new(Ledger::default());
    let server = Faulty::start(Arc::clone(&ledger)).await;
    let mut outcomes = run(&server.address, &ledger, 0..10_000).await;
    let before = memory::resident();
    for (code, count) in run(&server.address, &ledger, 10_000..80_000).await {
        *outcomes.entry(code).or_default() += count;
    }
    restarts(80_000..100_000).await;
    let after = memory::resident();

    for ((fault, code), count) in &outcomes {
        println!("{fault:<28} {:<18} {count:>7}", format!("{:?}", Code::from(*code)));
    }
    println!("resident memory: {before} MiB before, {after} MiB after");
    assert!(after < before + 32, "{before} MiB have become {after} MiB");
    assert_eq!(outcomes.values().sum::<u32>(), 80_000);
}

/// Makes the calls of these numbers, over a channel for each reach of faults.
async fn run(address: &str, ledger: &Arc<Ledger>, numbers: std::ops::Range<i32>) -> Outcomes {
    let channel = || {
        let builder = Channel::builder(address);
        builder.backoff(Duration::from_millis(1), Duration::from_millis(5)).connect_lazy().unwrap()
    };
    let clients = [(); 3].map(|()| CalculatorClient::new(channel()));
    let mut tasks = JoinSet::new();
    for task in 0..IN_FLIGHT {
        let (clients, ledger) = (clients.clone(), Arc::clone(ledger));
        let numbers = numbers.clone().skip(task as usize).step_by(IN_FLIGHT as usize);
        tasks.spawn(async move {
            let mut outcomes = Outcomes::new();
            for number in numbers {
                let fault = Fault::of(number);
                let client = &clients[fault.reach as usize];
                let code = call(client, number, fault, &ledger).await;
                *outcomes.entry((fault.name, code as i32)).or_default() += 1;
            }
            outcomes
        });
    }
    let mut all = Outcomes::new();
    while let Some(outcomes) = tasks.join_next().await {
        for (outcome, count) in outcomes.unwrap() {
            *all.entry(outcome).or_default() += count;
        }
    }
    all
}

async fn call(client: &CalculatorClient, number: i32, fault: &Fault, ledger: &Ledger) -> Code {
    let mut request = Request::new(AddRequest { a: number, b: fault.number() });
    request.set_timeout(fault.timeout);
    let begin = Instant::now();
    let result = client.add(request).await;
    assert!(begin.elapsed() < fault.timeout + SLACK, "{}: {:?}", fault.name, begin.elapsed());
    let code = result.as_ref().map_or_else(rust_scaffold::Status::code, |_| Code::Ok);
    let expected = match fault.reach {
        Reach::Call | Reach::Unbegun => fault.codes.contains(&code),
        // Others may have broken the connection before.
        Reach::Connection => fault.codes.contains(&code) || code == Code::Unavailable,
    };
    assert!(expected, "{}: {result:?}", fault.name);
    let times = ledger.times(number);
    match code {
        Code::Ok => assert_eq!(times, 1, "{}: call {number} was answered", fault.name),
        _ => assert!(times <= 1, "{}: call {number} was made {times} times", fault.name),
    }
    code
}

/// Calls our server, which is started again and again on the same port: a server that takes its
/// time to end loses no call.
async fn restarts(numbers: std::ops::Range<i32>) {
    let ledger = Arc::new(Ledger::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve_again_and_again(listener, Arc::clone(&ledger)));
    let channel = Channel::builder(format!("http://{address}"))
        .backoff(Duration::from_millis(1), Duration::from_millis(5))
        .wait_for_ready(true);
    let client = CalculatorClient::new(channel.connect_lazy().unwrap());
    let mut tasks = JoinSet::new();
    for task in 0..IN_FLIGHT {
        let (client, ledger) = (client.clone(), Arc::clone(&ledger));
        let numbers = numbers.clone().skip(task as usize).step_by(IN_FLIGHT as usize);
        tasks.spawn(async move {
            for number in numbers {
                call(&client, number, &FAULTS[0], &ledger).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    server.abort();
}

async fn serve_again_and_again(listener: TcpListener, ledger: Arc<Ledger>) {
    let address = listener.local_addr().unwrap();
    let mut listener = Some(listener);
    loop {
        let listening = match listener.take() {
            Some(listener) => listener,
            None => TcpListener::bind(address).await.unwrap(),
        };
        let server = Server::new().add_service(CalculatorServer::from_arc(Arc::clone(&ledger)));
        let time = tokio::time::sleep(Duration::from_millis(50));
        server.serve_listener_with_shutdown(listening, time).await.unwrap();
    }
}
