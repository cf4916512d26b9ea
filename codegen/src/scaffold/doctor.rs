//! `cargo scaffold doctor`: what newcomers stumble over, and what mends it.
//!
//! `facts` looks at the package, and `connect` at an address; all else are functions from facts to
//! findings.

mod address;
mod certificate;
mod connect;
mod facts;
mod http2;
mod lock;
mod packages;
mod protoc;
mod protos;
mod scan;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use clap::{Arg, ArgMatches, Command, value_parser};

use self::{address::Address, facts::Facts};
use super::{
    outcome::{Finding, Level, Outcome},
    package::{self, Package},
    protos as of_package,
};
use crate::error::Error;

/// All that is looked for.
const CHECKS: &[fn(&Facts) -> Vec<Finding>] = &[
    protoc::runs,
    protoc::knows_editions,
    protos::are_there,
    protos::imports_are_found,
    protos::have_one_file,
    protos::have_one_name,
    protos::are_watched,
    packages::have_one_version,
    packages::fit_together,
    packages::generated_code_fits,
];

pub(super) fn command() -> Command {
    let [protos, includes, options] = of_package::arguments();
    Command::new("doctor")
        .about("Find what keeps protos, packages and generated code from working together")
        .long_about(
            "Find what keeps protos, packages and generated code from working together, and say what\n\
             mends it: a protoc that is too old, imports that nobody finds, protos that are read twice\n\
             or not watched, several versions of the runtime, prost or tonic, and generated code of\n\
             another version. Nothing is changed and nothing is built.\n\n\
             With an address, find what speaks there instead: TLS or not, HTTP/2 or HTTP/1.1, gRPC or\n\
             not, with reflection or without, and until when its certificate is valid. Nobody is\n\
             trusted, and whether the certificate is that of the host is not checked.",
        )
        .args([
            Arg::new("address").value_name("ADDRESS").help(
                "Look at a server: HOST:PORT, or a URL with http or https [default: the package]",
            ),
            Arg::new("timeout")
                .long("timeout")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..=3600))
                .default_value("5")
                .help("How long to wait for the server"),
        ])
        .args([protos.long("proto"), includes, options.hide(true)])
        .args(package::arguments())
}

pub(super) fn run(matches: &ArgMatches) -> Result<Outcome, Error> {
    if let Some(address) = matches.get_one::<String>("address") {
        let address = Address::parse(address)?;
        let seconds = matches.get_one::<u64>("timeout").copied().unwrap_or(5);
        let peer = connect::probe(&address, Duration::from_secs(seconds));
        let findings = address::examine(&address, &peer, SystemTime::now());
        return Ok(Outcome { findings, ..Outcome::default() });
    }
    let package = Package::find(matches)?;
    let facts = Facts::gather(matches, &package);
    Ok(Outcome { findings: examine(&facts), ..Outcome::default() })
}

/// What is wrong; a note if nothing is.
fn examine(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for finding in CHECKS.iter().flat_map(|check| check(facts)) {
        // Several runs of protoc may read the same file.
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    if findings.is_empty() {
        let protoc = facts.protoc.as_ref().map_or("protoc", |protoc| &protoc.said);
        let message = format!("nothing to mend in `{}`, with {protoc}", facts.package);
        findings.push(Finding::new(Level::Note, "healthy", message));
    }
    findings
}
