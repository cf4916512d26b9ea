//! Whatever bytes come from a peer, a file or a configuration: no panic, no hang, no memory without
//! end. A bounded run, which `tests/fuzz` goes on from.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod contracts;
mod ends;
mod everything;
#[allow(dead_code, reason = "shared with tests that write all kinds of frames")]
#[path = "../behaviour/frames/frame.rs"]
mod frame;
mod frames;
mod headers;
mod json;
#[path = "../chaos/memory.rs"]
mod memory;
mod mutate;
mod proxies;
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod random;
mod service;
mod tapes;
mod templates;

use std::{
    fs, panic,
    sync::{atomic::Ordering, mpsc},
    thread,
    time::Duration,
};

use random::Random;

#[allow(
    clippy::doc_markdown,
    clippy::too_many_arguments,
    missing_docs,
    unreachable_pub,
    reason = "generated messages look as prost makes them"
)]
mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

/// How many inputs each test makes, unless `FUZZ_ROUNDS` says otherwise.
const ROUNDS: u64 = 2000;
/// How long one input may take: far longer than any does.
const LIMIT: Duration = Duration::from_secs(60);
/// What the memory may grow by, in MiB.
const GROWTH: usize = 64;

#[test]
fn addresses_are_taken_or_refused() {
    for_each_seed(|seed| addresses::parse(&addresses::any(&mut Random::new(seed))));
}

#[test]
fn tapes_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.jsonl");
    let tape = tapes::run(tapes::recorded(&path)).unwrap();
    for_each_seed(move |seed| {
        fs::write(&path, tapes::changed(&tape, &mut Random::new(seed))).unwrap();
        tapes::run(tapes::read(&path));
    });
}

#[test]
fn servers_come_to_an_end_with_whatever_they_get() {
    let rounds =
        for_each_seed(|seed| ends::server_gets(&frames::of_client(&mut Random::new(seed))));
    let calls = service::CALLS.load(Ordering::Relaxed);
    assert!(calls > rounds / 2, "only {calls} calls have come through to their handlers");
}

#[test]
fn servers_behind_proxies_come_to_an_end_with_whatever_they_get() {
    for_each_seed(|seed| ends::proxied_server_gets(&proxies::any(&mut Random::new(seed))));
}

#[test]
fn clients_come_to_an_end_with_whatever_they_get() {
    let rounds =
        for_each_seed(|seed| ends::client_gets(&frames::of_server(&mut Random::new(seed))));
    let answers = ends::ANSWERS.load(Ordering::Relaxed);
    assert!(answers > rounds / 2, "only {answers} calls were answered well");
}

#[test]
fn clients_read_whatever_headers_and_trailers_they_get() {
    let rounds = for_each_seed(|seed| headers::client_reads(&headers::any(&mut Random::new(seed))));
    let statuses = headers::STATUSES.load(Ordering::Relaxed);
    assert!(statuses > rounds, "only {statuses} calls have come to a status");
}

#[test]
fn servers_read_whatever_headers_they_get() {
    for_each_seed(|seed| headers::server_reads(&headers::any(&mut Random::new(seed))));
}

#[test]
fn timeouts_are_passed_on_or_refused() {
    for_each_seed(|seed| {
        headers::timeout_is_passed_on(&headers::any_timeout(&mut Random::new(seed)));
    });
}

#[test]
fn json_is_read_or_refused_and_comes_back_as_it_is() {
    let rounds = for_each_seed(|seed| json::reflect(&everything::json(&mut Random::new(seed))));
    let reflected = json::REFLECTED.load(Ordering::Relaxed);
    assert!(reflected > rounds / 2, "only {reflected} messages have come back");
}

#[test]
fn messages_are_written_as_the_json_of_what_prost_reads() {
    let rounds = for_each_seed(|seed| json::write(&everything::encoded(&mut Random::new(seed))));
    let written = json::WRITTEN.load(Ordering::Relaxed);
    assert!(written > rounds / 4, "only {written} messages were written");
}

#[test]
fn templates_mean_the_same_to_the_generator_and_to_servers() {
    let rounds = for_each_seed(|seed| {
        templates::compare(&templates::any(&mut Random::new(seed)));
    });
    let accepted = templates::ACCEPTED.load(Ordering::Relaxed);
    assert!(accepted > rounds / 4, "only {accepted} templates were accepted");
}

#[test]
fn paths_lead_to_a_template_that_they_match_if_there_is_one() {
    let rounds = for_each_seed(|seed| templates::route(&mut Random::new(seed)));
    let found = templates::FOUND.load(Ordering::Relaxed);
    assert!(found > rounds, "only {found} paths have led to a template");
}

/// For cargo-fuzz to start from.
#[test]
fn the_corpus_is_written_where_it_is_asked_for() {
    let temporary = tempfile::tempdir().unwrap();
    let wanted = std::env::var_os("FUZZ_CORPUS").map(std::path::PathBuf::from);
    let directory = wanted.unwrap_or_else(|| temporary.path().to_owned());
    let tape = tapes::run(tapes::recorded(&temporary.path().join("tape"))).unwrap();
    for seed in 0..50 {
        let random = &mut Random::new(seed);
        for (target, input) in [
            ("addresses", addresses::any(random).into_bytes()),
            ("client_frames", frames::of_server(random)),
            ("server_frames", frames::of_client(random)),
            ("proxied_frames", proxies::any(random)),
            ("headers", headers::any(random)),
            ("json", everything::json(random)),
            ("json_written", everything::encoded(random)),
            ("timeouts", headers::any_timeout(random)),
            ("tapes", tapes::changed(&tape, random)),
            ("templates", templates::any(random).into_bytes()),
        ] {
            fs::create_dir_all(directory.join(target)).unwrap();
            fs::write(directory.join(target).join(seed.to_string()), input).unwrap();
        }
    }
    assert_eq!(fs::read_dir(directory.join("tapes")).unwrap().count(), 50);
}

/// Tries each seed on a thread of its own, so that neither a hang nor a panic is missed, on whichever
/// task: those of a runtime are caught there. Says how many they were.
fn for_each_seed(test: impl Fn(u64) + Send + 'static) -> u64 {
    let rounds = std::env::var("FUZZ_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let first = std::env::var("FUZZ_SEED").map_or(0, |seed| seed.parse().unwrap());
    let (done, answers) = mpsc::channel();
    note_panics();
    let before = memory::resident();
    // With a name, as threads of tests have: there, verdicts of mocks are heard.
    let thread = thread::Builder::new().name("fuzzing".to_owned()).spawn(move || {
        for seed in first..first + rounds {
            test(seed);
            let _ = done.send((seed, panicked()));
        }
    });
    thread.unwrap();
    for seed in first..first + rounds {
        match answers.recv_timeout(LIMIT) {
            Ok((_, panic)) => assert_eq!(panic, None, "FUZZ_SEED={seed}"),
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("FUZZ_SEED={seed}: it panicked"),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("FUZZ_SEED={seed}: it hangs"),
        }
    }
    let grown = memory::resident().saturating_sub(before);
    assert!(grown < GROWTH, "{grown} MiB more after {rounds} inputs");
    rounds
}

thread_local! {
    static PANIC: std::cell::RefCell<Option<String>> = const { std::cell::RefCell::new(None) };
}

/// Notes panics for [`panicked`], on the thread that they are on.
fn note_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let show = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !tapes::is_verdict(info) {
                PANIC.set(Some(info.to_string()));
                show(info);
            }
        }));
    });
}

/// The last panic on this thread since it was asked for.
fn panicked() -> Option<String> {
    PANIC.take()
}
