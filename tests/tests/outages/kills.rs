//! Servers that are killed.

use std::time::Duration;

use rust_scaffold::Code;

use super::{
    instance::{Addresses, Instance, Journal},
    load::Load,
    telemetry::TelemetryClient,
};

const KILLS: usize = 10;
const IN_FLIGHT: usize = 64;
const MOMENT: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_takes_the_calls_in_flight_with_it_and_no_others() {
    let (journal, addresses) = (Journal::new(), Addresses::default());
    let (beside, steady) = (Addresses::default(), Instance::start().await);
    beside.add(&steady);
    let mut untouched = Load::start(&beside.client(), 4);
    let mut serving = Instance::keeping(&journal).await;
    addresses.add(&serving);
    // Of a process that ends, the listener may live longer than the connections: who connects to it, and is reset,
    // has failed to connect, and other calls wait for the next attempt instead of failing as well.
    let channel = addresses.channel().wait_for_ready(true).backoff(MOMENT, MOMENT);
    let client = TelemetryClient::new(channel.connect_lazy().unwrap());
    let mut load = Load::start(&client, IN_FLIGHT);
    for _ in 0..KILLS {
        load.more(500).await;
        let next = Instance::keeping(&journal).await;
        addresses.add(&next);
        let (killed, before) = (std::mem::replace(&mut serving, next), load.lost());
        let address = killed.address;
        killed.kill().await;
        load.more(500).await;
        addresses.remove(address);
        // Each caller had one call in flight, and makes its next one on the next server.
        let lost = load.lost() - before;
        assert!(lost <= IN_FLIGHT, "{lost} calls were lost");
        untouched.more(1).await;
    }
    let (answered, lost) = load.ended().await;
    for status in lost.values() {
        assert_eq!(status.code(), Code::Unavailable, "{status}");
    }
    let begun = journal.begun();
    assert!(begun.values().all(|times| *times == 1), "a call was made twice");
    // What was lost may have been begun.
    let unanswered = lost.keys().filter(|call| begun.contains_key(*call)).count();
    assert_eq!(begun.len(), answered + unanswered);
    let (_, lost) = untouched.ended().await;
    assert!(lost.is_empty(), "{lost:?}");
}
