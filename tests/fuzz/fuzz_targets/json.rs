//! Arbitrary bytes as a message in JSON.

#![no_main]

#[path = "../../tests/fuzz/contracts.rs"]
mod contracts;
#[allow(dead_code)]
#[path = "../../tests/fuzz/json.rs"]
mod json;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| json::reflect(bytes));
