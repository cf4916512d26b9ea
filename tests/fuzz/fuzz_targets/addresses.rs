//! Arbitrary text as an address.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/fuzz/addresses.rs"]
mod addresses;
#[allow(dead_code)]
#[path = "../../tests/fuzz/mutate.rs"]
mod mutate;
#[allow(dead_code)]
#[path = "../../tests/fuzz/random.rs"]
mod random;

libfuzzer_sys::fuzz_target!(|address: &str| addresses::parse(address));
