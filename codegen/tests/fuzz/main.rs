//! Whatever bytes the plugin gets, it answers: no panic, no hang. A bounded run over a corpus of
//! small requests, which `codegen/fuzz` goes on from: `FUZZ_CORPUS=DIR` writes them there.

#![allow(clippy::unwrap_used)]

mod mutate;
mod random;

use std::{fs, path::Path, sync::mpsc, thread, time::Duration};

use mutate::{change_bytes, change_descriptors};
use prost::Message as _;
use prost_types::{FileDescriptorSet, compiler::CodeGeneratorRequest};
use random::Random;
use rust_scaffold_build::plugin;

/// How often each request of the corpus is changed, unless `FUZZ_ROUNDS` says otherwise.
const ROUNDS: u64 = 150;

/// How long an answer may take: far longer than it does.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn changed_bytes_are_answered() {
    for (name, request) in corpus() {
        for seed in 0..rounds() {
            let mut random = Random::new(seed);
            let mut bytes = request.encode_to_vec();
            for _ in 0..=random.below(4) {
                change_bytes(&mut bytes, &mut random);
            }
            respond(&name, seed, bytes);
        }
    }
}

#[test]
fn changed_descriptors_are_answered() {
    for (name, request) in corpus() {
        for seed in 0..rounds() {
            let mut random = Random::new(seed);
            let mut request = request.clone();
            for _ in 0..=random.below(4) {
                change_descriptors(&mut request, &mut random);
            }
            respond(&name, seed, request.encode_to_vec());
        }
    }
}

/// For cargo-fuzz to start from.
#[test]
fn the_corpus_is_written_where_it_is_asked_for() {
    let temporary = tempfile::tempdir().unwrap();
    let wanted = std::env::var_os("FUZZ_CORPUS").map(std::path::PathBuf::from);
    let directory = wanted.unwrap_or_else(|| temporary.path().to_owned());
    fs::create_dir_all(&directory).unwrap();
    for (name, request) in corpus() {
        fs::write(directory.join(name), request.encode_to_vec()).unwrap();
    }
    assert!(fs::read_dir(&directory).unwrap().count() > 15);
}

fn rounds() -> u64 {
    std::env::var("FUZZ_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap())
}

/// Answers on a thread of its own, so that neither a panic nor a hang is missed.
fn respond(name: &str, seed: u64, bytes: Vec<u8>) {
    let (done, answered) = mpsc::channel();
    let worker = thread::spawn(move || {
        let _ = plugin::respond(&bytes);
        let _ = done.send(());
    });
    match answered.recv_timeout(LIMIT) {
        Ok(()) => worker.join().unwrap(),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{name}, seed {seed}: it panicked"),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name}, seed {seed}: no answer"),
    }
}

/// Requests for the goldens: everything that is generated somewhere.
fn corpus() -> Vec<(String, CodeGeneratorRequest)> {
    let cases = fs::read_dir("../tests/golden").unwrap().map(|entry| entry.unwrap().path());
    let mut cases = cases.collect::<Vec<_>>();
    cases.sort();
    let request = |case: &std::path::PathBuf| {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        (name, request(&case.join("input")))
    };
    cases.iter().map(request).collect()
}

fn request(directory: &Path) -> CodeGeneratorRequest {
    let output = tempfile::NamedTempFile::new().unwrap();
    let mut protos = Vec::new();
    let mut next = vec![directory.to_owned()];
    while let Some(directory) = next.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                next.push(path);
            } else {
                protos.push(path);
            }
        }
    }
    let status = std::process::Command::new(protoc_bin_vendored::protoc_bin_path().unwrap())
        .args(["--include_imports", "--include_source_info", "-o"])
        .arg(output.path())
        .arg("-I")
        .arg(directory)
        .arg("-I")
        .arg(protoc_bin_vendored::include_path().unwrap())
        .args(&protos)
        .status();
    assert!(status.unwrap().success());
    let set = FileDescriptorSet::decode(fs::read(output.path()).unwrap().as_slice()).unwrap();
    let names = protos.iter().map(|path| path.strip_prefix(directory).unwrap());
    CodeGeneratorRequest {
        file_to_generate: names.map(|name| name.to_str().unwrap().to_owned()).collect(),
        parameter: Some("include_file=mod.rs,file_descriptor_set".to_owned()),
        // Large, and in most of them.
        proto_file: set
            .file
            .into_iter()
            .filter(|file| !file.name().ends_with("/descriptor.proto"))
            .collect(),
        ..CodeGeneratorRequest::default()
    }
}
