//! Arbitrary bytes as a request.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = rust_scaffold_build::plugin::respond(bytes);
});
