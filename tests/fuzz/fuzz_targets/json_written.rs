//! Arbitrary bytes as an encoded message, which is written as JSON.

#![no_main]

#[path = "../../tests/fuzz/contracts.rs"]
mod contracts;
#[allow(dead_code)]
#[path = "../../tests/fuzz/json.rs"]
mod json;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| json::write(bytes));
