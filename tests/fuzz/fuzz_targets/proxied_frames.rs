//! Arbitrary bytes for a server behind a proxy.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/fuzz/ends.rs"]
mod ends;
#[allow(dead_code)]
#[path = "../../tests/behaviour/frames/frame.rs"]
mod frame;
#[allow(dead_code)]
#[path = "../../tests/fuzz/service.rs"]
mod service;

#[allow(missing_docs)]
mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ends::proxied_server_gets(bytes));
