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

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    tapes::run(tapes::read(file.path()));
});
