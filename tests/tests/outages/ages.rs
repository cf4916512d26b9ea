//! Connections that their server lets grow no older than a second.

use std::sync::atomic::Ordering;

use super::{
    instance::{Addresses, Instance, Journal},
    load::Load,
};

/// How many connections a client goes through.
const CONNECTIONS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_notices_that_its_connection_has_reached_its_maximum_age() {
    let (journal, addresses) = (Journal::new(), Addresses::default());
    let instance = Instance::aging(&journal, "1000").await;
    addresses.add(&instance);
    let mut load = Load::start(&addresses.client(), 64);
    load.until(|_| addresses.connections.load(Ordering::SeqCst) >= CONNECTIONS).await;
    load.more(500).await;
    let (answered, lost) = load.ended().await;
    assert!(lost.is_empty(), "{lost:?}");
    let begun = journal.begun();
    assert_eq!(begun.len(), answered);
    assert!(begun.values().all(|times| *times == 1), "a call was made twice");
}
