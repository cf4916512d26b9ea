//! `cargo scaffold doctor`: what newcomers stumble over, and what mends it.
//!
//! `facts` looks at the package; all else are functions from facts to findings.

mod facts;
mod lock;
mod packages;
mod protoc;
mod protos;
mod scan;
#[cfg(test)]
mod tests;

use clap::{ArgMatches, Command};

use self::facts::Facts;
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
             another version. Nothing is changed and nothing is built.",
        )
        .args([protos.long("proto"), includes, options.hide(true)])
        .args(package::arguments())
}

pub(super) fn run(matches: &ArgMatches) -> Result<Outcome, Error> {
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
