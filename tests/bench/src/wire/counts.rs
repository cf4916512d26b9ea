//! Instructions and allocations of a small call, which no neighbour of the machine disturbs: the
//! difference of two runs under callgrind.

use std::{collections::HashMap, ffi::OsString, fs, path::Path, process::Command};

use super::{CASES, Case, Setup, certificates::Certificates, peers::Peer, runs::Serving};
use crate::{output, report::Report};

/// The calls of the shorter and of the longer run.
const CALLS: [u32; 2] = [640, 1920];

/// What a program has done.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    instructions: f64,
    allocations: f64,
}

/// Counts a small call between two ends of a peer, and between an end of each.
pub(super) fn add(
    report: &mut Report,
    [ours, tonic]: [&Peer; 2],
    certificates: &Certificates,
) -> Result<(), String> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("instructions and allocations are left out: there is no valgrind");
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("counts");
    let case = CASES.iter().find(|case| (case.call, case.in_flight) == ("add", 64));
    let case = case.ok_or("no small calls")?;
    for (name, setup) in
        [("add, both ends", Setup::Plaintext), ("add, both ends, equipped server", Setup::Equipped)]
    {
        for peer in [ours, tonic] {
            let peer = peer.with_setup(setup, certificates);
            let both = difference(|calls| count_both(&peer, case, calls, &file))?;
            let place = (name, case.in_flight, peer.name);
            report.add_at(place, ("instructions", ""), both.instructions);
            report.add_at(place, ("allocations", ""), both.allocations);
        }
    }
    for (peer, other) in [(ours, tonic), (tonic, tonic)] {
        let server = difference(|calls| count_server(peer, other, (case, calls), &file))?;
        let client = difference(|calls| count_client(peer, other, (case, calls), &file))?;
        for (name, counts) in
            [("add, server of tonic's client", server), ("add, client of tonic's server", client)]
        {
            let place = (name, case.in_flight, peer.name);
            report.add_at(place, ("instructions", ""), counts.instructions);
            report.add_at(place, ("allocations", ""), counts.allocations);
        }
    }
    Ok(())
}

/// What one call takes.
fn difference(count: impl Fn(u32) -> Result<Counts, String>) -> Result<Counts, String> {
    let [fewer, more] = CALLS;
    let (less, all) = (count(fewer)?, count(more)?);
    let calls = f64::from(more - fewer);
    Ok(Counts {
        instructions: (all.instructions - less.instructions) / calls,
        allocations: (all.allocations - less.allocations) / calls,
    })
}

fn callgrind(file: &Path) -> [OsString; 4] {
    let mut out = OsString::from("--callgrind-out-file=");
    out.push(file);
    ["valgrind".into(), "--quiet".into(), "--tool=callgrind".into(), out]
}

fn count_both(peer: &Peer, case: &Case, calls: u32, file: &Path) -> Result<Counts, String> {
    let mut command = peer.command_under(&callgrind(file));
    let in_flight = case.in_flight.to_string();
    command.args(["both", case.call, &in_flight, "0", "1", &format!("calls={calls}")]);
    output(&mut command)?;
    read(file)
}

fn count_server(
    peer: &Peer,
    client: &Peer,
    (case, calls): (&Case, u32),
    file: &Path,
) -> Result<Counts, String> {
    let serving = Serving::start(peer, "serve-counted", &callgrind(file))?;
    serving.loaded_by(client, (case, &format!("calls={calls}")), &[])?;
    serving.end()?;
    read(file)
}

fn count_client(
    peer: &Peer,
    server: &Peer,
    (case, calls): (&Case, u32),
    file: &Path,
) -> Result<Counts, String> {
    let serving = Serving::start(server, "serve", &[])?;
    serving.loaded_by(peer, (case, &format!("calls={calls}")), &callgrind(file))?;
    read(file)
}

/// Reads what callgrind has written: the total, and how often the functions that allocate were
/// called.
fn read(file: &Path) -> Result<Counts, String> {
    let text = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let text = String::from_utf8_lossy(&text);
    let (mut counts, mut names, mut callee) = (Counts::default(), HashMap::new(), "");
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
            // A name is written once, behind its number.
            let (number, name) = name.split_once(' ').map_or((name, None), |(a, b)| (a, Some(b)));
            if let Some(name) = name {
                names.insert(number, name);
            }
            callee = names.get(number).copied().unwrap_or_default();
        } else if let Some(calls) = line.strip_prefix("calls=") {
            if ["malloc", "calloc", "realloc", "posix_memalign"].contains(&callee) {
                counts.allocations += number(calls);
            }
        } else if let Some(total) = line.strip_prefix("totals:") {
            counts.instructions = number(total);
        } else if let Some(total) = line.strip_prefix("summary:") {
            counts.instructions = number(total);
        }
    }
    Ok(counts)
}

fn number(text: &str) -> f64 {
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}
