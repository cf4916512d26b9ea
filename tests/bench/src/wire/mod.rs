//! Calls over TCP on the loopback, server and client in processes of their own, every peer in turn:
//! rates, latencies and CPU, and what a tool counts of instructions and allocations.

mod certificates;
mod counts;
pub(crate) mod peers;
pub(crate) mod runs;

use crate::{
    median,
    report::{BASELINE, OURS, Report},
};
use certificates::Certificates;
use peers::Peer;
use runs::Run;

/// What is called, and by how many at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// As it is called in the report.
    pub(crate) name: &'static str,
    /// As the programs of the peers call it.
    pub(crate) call: &'static str,
    pub(crate) in_flight: usize,
    pub(crate) size: usize,
    pub(crate) messages: usize,
    pub(crate) setup: Setup,
}

/// What calls go over, and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    Plaintext,
    Tls,
    /// In plaintext, to a server with health, reflection, a log of requests, spans and limits.
    Equipped,
}

impl Case {
    const fn over_tls(mut self) -> Self {
        self.setup = Setup::Tls;
        self
    }

    const fn equipped(mut self) -> Self {
        self.setup = Setup::Equipped;
        self
    }
}

pub(crate) const fn case(
    name: &'static str,
    call: &'static str,
    in_flight: usize,
    (size, messages): (usize, usize),
) -> Case {
    Case { name, call, in_flight, size, messages, setup: Setup::Plaintext }
}

const CASES: &[Case] = &[
    case("add", "add", 1, (0, 1)),
    case("add", "add", 16, (0, 1)),
    case("add", "add", 64, (0, 1)),
    case("add", "add", 256, (0, 1)),
    case("add with traceparent", "add-traced", 64, (0, 1)),
    case("echo 1 KiB", "echo", 16, (1024, 1)),
    case("echo 64 KiB", "echo", 8, (64 * 1024, 1)),
    case("echo 1 MiB", "echo", 4, (1024 * 1024, 1)),
    case("download 16 B", "download", 4, (16, 20_000)),
    case("upload 16 B", "upload", 4, (16, 20_000)),
    case("chat 16 B", "chat", 4, (16, 20_000)),
    case("download 64 KiB", "download", 4, (64 * 1024, 500)),
    case("upload 64 KiB", "upload", 4, (64 * 1024, 500)),
    case("chat 64 KiB", "chat", 4, (64 * 1024, 500)),
    case("connect", "connect", 4, (0, 1)),
    case("add over TLS", "add", 1, (0, 1)).over_tls(),
    case("add over TLS", "add", 64, (0, 1)).over_tls(),
    case("echo 64 KiB over TLS", "echo", 8, (64 * 1024, 1)).over_tls(),
    case("connect over TLS", "connect", 4, (0, 1)).over_tls(),
    case("add, equipped", "add", 1, (0, 1)).equipped(),
    case("add, equipped", "add", 64, (0, 1)).equipped(),
];

/// The whole benchmark, or in under three minutes a shorter one against tonic and the floors alone.
pub(crate) fn run(quick: bool) -> Result<Report, String> {
    let (rounds, seconds) = if quick { (3, 0.4) } else { (3, 1.0) };
    let peers = peers::build(quick)?;
    let certificates = Certificates::new()?;
    let mut report = Report::default();
    for case in CASES {
        let mut runs: Vec<Vec<Run>> = peers.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            for (peer, runs) in peers.iter().zip(&mut runs) {
                if peer.makes(case) {
                    runs.extend(peer.run(case, &certificates, seconds));
                }
            }
        }
        for (peer, runs) in peers.iter().zip(&runs) {
            add(&mut report, case, peer, runs);
        }
    }
    let measured = [find(&peers, OURS)?, find(&peers, BASELINE)?];
    counts::add(&mut report, measured, &certificates)?;
    Ok(report)
}

fn find<'a>(peers: &'a [Peer], name: &str) -> Result<&'a Peer, String> {
    peers.iter().find(|peer| peer.name == name).ok_or_else(|| format!("no peer is called {name}"))
}

/// One of the values of a run.
type Value = fn(&Run) -> f64;

/// Adds the medians of `runs`.
fn add(report: &mut Report, case: &Case, peer: &Peer, runs: &[Run]) {
    if runs.is_empty() {
        return;
    }
    let metrics: [(&str, &str, Value); 6] = [
        ("rate", "1/s", |run| run.rate),
        ("p50", "us", |run| run.p50),
        ("p99", "us", |run| run.p99),
        ("cpu-client", "us", |run| run.client),
        ("cpu-server", "us", |run| run.server),
        ("cpu", "us", |run| run.client + run.server),
    ];
    for (metric, unit, value) in metrics {
        let value = median(runs.iter().map(value).collect());
        report.add_at((case.name, case.in_flight, peer.name), (metric, unit), value);
    }
}
