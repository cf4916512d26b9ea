//! Arbitrary bytes as `grpc-timeout`.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/fuzz/headers.rs"]
mod headers;
#[allow(dead_code)]
#[path = "../../tests/fuzz/mutate.rs"]
mod mutate;
#[allow(dead_code)]
#[path = "../../tests/fuzz/random.rs"]
mod random;
#[allow(dead_code)]
#[path = "../../tests/fuzz/service.rs"]
mod service;

#[allow(missing_docs)]
mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| headers::timeout_is_passed_on(bytes));
