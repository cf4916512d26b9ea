//! Arbitrary lines as headers and trailers, for both sides.

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

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    headers::client_reads(bytes);
    headers::server_reads(bytes);
});
