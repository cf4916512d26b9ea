//! Requests with changed descriptors: the bytes are a seed and a request.

#![no_main]

#[path = "../../tests/fuzz/mutate.rs"]
#[allow(dead_code)]
mod mutate;
#[path = "../../tests/fuzz/random.rs"]
#[allow(dead_code)]
mod random;

use mutate::change_descriptors;
use prost::Message as _;
use prost_types::compiler::CodeGeneratorRequest;
use random::Random;

libfuzzer_sys::fuzz_target!(|input: (u64, &[u8])| {
    let (seed, bytes) = input;
    let Ok(mut request) = CodeGeneratorRequest::decode(bytes) else { return };
    let mut random = Random::new(seed);
    for _ in 0..=random.below(4) {
        change_descriptors(&mut request, &mut random);
    }
    let _ = rust_scaffold_build::plugin::respond(&request.encode_to_vec());
});
