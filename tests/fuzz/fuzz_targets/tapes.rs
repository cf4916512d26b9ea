//! Arbitrary bytes as a tape.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/fuzz/mutate.rs"]
mod mutate;
#[allow(dead_code)]
#[path = "../../tests/fuzz/random.rs"]
mod random;
#[allow(dead_code)]
#[path = "../../tests/fuzz/service.rs"]
mod service;
#[allow(dead_code)]
#[path = "../../tests/fuzz/tapes.rs"]
mod tapes;

#[allow(missing_docs)]
mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

/// Panics end the process, but for the verdicts that are caught.
fn let_verdicts_pass() {
    let end = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !tapes::is_verdict(panic) {
            end(panic);
        }
    }));
}

libfuzzer_sys::fuzz_target!(init: let_verdicts_pass(), |bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    tapes::run(tapes::read(file.path()));
});
