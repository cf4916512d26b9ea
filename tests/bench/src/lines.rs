//! Lines of generated service code for `telemetry.proto`, messages left out.

use crate::report::{BASELINE, Report};

const OURS: &str = include_str!(concat!(env!("OUT_DIR"), "/scaffold/telemetry.rs"));
const TONICS: &str = include_str!(concat!(env!("OUT_DIR"), "/tonic/telemetry.rs"));

/// Counts for each peer.
pub(crate) fn run() -> Report {
    let mut report = Report::default();
    for (peer, source, first) in [
        ("rust-scaffold", OURS, "/// The contract of "),
        (BASELINE, TONICS, "/// Generated client implementations."),
    ] {
        let services = source.lines().skip_while(|line| !line.starts_with(first));
        let (lines, code) = services.fold((0.0, 0.0), |(lines, code), line| {
            (lines + 1.0, code + f64::from(u8::from(is_code(line))))
        });
        let case = ("telemetry.proto", peer);
        report.add(case, ("lines", "count"), lines);
        report.add(case, ("lines of code", "count"), code);
    }
    report
}

fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}
