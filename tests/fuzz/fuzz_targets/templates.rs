//! Arbitrary text as a path template.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/fuzz/mutate.rs"]
mod mutate;
#[allow(dead_code)]
#[path = "../../tests/fuzz/random.rs"]
mod random;
#[allow(dead_code)]
#[path = "../../tests/fuzz/templates.rs"]
mod templates;

libfuzzer_sys::fuzz_target!(|text: &str| templates::compare(text));
