//! The same service by gRPC, by Connect in JSON and by REST, and written by hand on axum: bytes on the wire, rates,
//! latencies and CPU, from Rust and from Python.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{
    median,
    report::Report,
    wire::{
        Case, case,
        peers::{self, Peer},
        runs::{Run, Serving},
    },
};

/// How the service is called, and as what its program knows that.
const DOORS: [(&str, &str); 6] = [
    ("gRPC", "grpc"),
    ("Connect, JSON", "connect"),
    ("REST", "rest"),
    ("REST, HTTP/2", "rest-h2"),
    ("axum", "axum"),
    ("axum, HTTP/2", "axum-h2"),
];
/// Those that are called from Python, too.
const FROM_PYTHON: [&str; 3] = ["gRPC", "REST", "axum"];
const CASES: [Case; 4] = [
    case("add", "add", 1, (1, 1)),
    case("add", "add", 64, (1, 1)),
    case("order of 2 KB", "echo", 1, (1, 1)),
    case("order of 2 KB", "echo", 64, (1, 1)),
];
/// How many calls are counted, of which the first 32 are no others than the rest.
const COUNTED_CALLS: u64 = 1000 + 32;

pub(crate) fn run(quick: bool) -> Result<Report, String> {
    let (rounds, seconds) = if quick { (3, 0.4) } else { (5, 1.0) };
    let doors = peers::member("bench-doors", "gRPC", "bench-doors")?;
    let doors = DOORS.map(|(name, door)| doors.with_variable(name, ("DOOR", door)));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/doors/client.py");
    let python = peers::grpcio().map(|peer| peer.with_script(&script));
    let mut report = Report::default();
    for case in &CASES {
        let mut runs: Vec<Vec<Run>> = doors.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            for (door, runs) in doors.iter().zip(&mut runs) {
                runs.push(door.loaded_by(door, case, seconds)?);
            }
        }
        for (door, runs) in doors.iter().zip(&runs) {
            add(&mut report, case, door.name, runs);
            if case.in_flight == 1 {
                let bytes = bytes_per_call(door, case)?;
                report.add_at((case.name, 1, door.name), ("wire", "B"), bytes);
            }
        }
        let Ok(python) = &python else { continue };
        for door in doors.iter().filter(|door| FROM_PYTHON.contains(&door.name)) {
            if case.in_flight == 1 {
                let (_, variable) = DOORS.iter().find(|(name, _)| *name == door.name).ok_or("")?;
                let client = python.with_variable(door.name, ("DOOR", variable));
                let runs = (0..rounds).map(|_| door.loaded_by(&client, case, seconds));
                let runs: Vec<_> = runs.collect::<Result<_, _>>()?;
                add(&mut report, case, &format!("{} from Python", door.name), &runs);
            }
        }
    }
    if let Err(problem) = python {
        eprintln!("Python is left out: {problem}");
    }
    Ok(report)
}

/// One of the values of a run.
type Value = fn(&Run) -> f64;

/// Adds the medians of `runs`.
fn add(report: &mut Report, case: &Case, peer: &str, runs: &[Run]) {
    let metrics: [(&str, &str, Value); 5] = [
        ("rate", "1/s", |run| run.rate),
        ("cpu", "us", |run| run.client + run.server),
        ("p99", "us", |run| run.p99),
        ("cpu-client", "us", |run| run.client),
        ("cpu-server", "us", |run| run.server),
    ];
    for (metric, unit, value) in metrics {
        let value = median(runs.iter().map(value).collect());
        report.add_at((case.name, case.in_flight, peer), (metric, unit), value);
    }
}

/// What goes over a connection for each call, both ways, headers and all, on average over many calls.
fn bytes_per_call(door: &Peer, case: &Case) -> Result<f64, String> {
    let mut server = Serving::start(door, "serve", &[])?;
    let counted = Arc::new(AtomicU64::new(0));
    server.address = count_in_front_of(&server.address, &counted).map_err(|it| it.to_string())?;
    server.loaded_by(door, (case, &format!("calls={}", COUNTED_CALLS - 32)), &[])?;
    Ok(counted.load(Ordering::Relaxed) as f64 / COUNTED_CALLS as f64)
}

/// The address of a proxy that counts what it passes on to the server at `address`.
fn count_in_front_of(address: &str, counted: &Arc<AtomicU64>) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let own = listener.local_addr()?.to_string();
    let (address, counted) = (address.to_owned(), Arc::clone(counted));
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let Ok(server) = TcpStream::connect(&address) else { return };
            let Ok((near, far)) = client.try_clone().and_then(|it| Ok((it, server.try_clone()?)))
            else {
                return;
            };
            for (from, to) in [(client, server), (far, near)] {
                let counted = Arc::clone(&counted);
                thread::spawn(move || pass_on(from, to, &counted));
            }
        }
    });
    Ok(own)
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, counted: &AtomicU64) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        counted.fetch_add(length as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The other side may have closed it.
    let _ = to.shutdown(Shutdown::Write);
}
