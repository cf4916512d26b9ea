//! Servers that are told to stop.

use rust_scaffold::Code;
use rustix::process::Signal;
use tokio::{net::TcpStream, time::timeout};

use std::time::Duration;

use super::{
    LONG,
    instance::{Addresses, Instance},
    load::{Load, query},
    telemetry::TelemetryClient,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_or_made_twice_when_servers_are_replaced_under_load() {
    let addresses = Addresses::default();
    let mut serving = Instance::start().await;
    addresses.add(&serving);
    let mut load = Load::start(&addresses.client(), 64);
    let mut begun = 0;
    for round in 0..50 {
        load.more(500).await;
        let next = Instance::start().await;
        addresses.add(&next);
        let former = std::mem::replace(&mut serving, next);
        former.signal(if round % 2 == 0 { Signal::TERM } else { Signal::INT });
        let address = former.address;
        begun += former.ended().await;
        addresses.remove(address);
    }
    load.more(500).await;
    let (answered, lost) = load.ended().await;
    assert!(lost.is_empty(), "{lost:?}");
    serving.signal(Signal::TERM);
    begun += serving.ended().await;
    assert_eq!(begun, answered);
}

#[tokio::test]
async fn a_second_signal_ends_calls_with_unavailable() {
    for signals in [[Signal::TERM, Signal::TERM], [Signal::INT, Signal::TERM]] {
        let instance = Instance::start().await;
        let client =
            TelemetryClient::connect(format!("http://{}", instance.address)).await.unwrap();
        let mut watch = client.watch(query("hangs", 2)).await.unwrap().into_inner();
        watch.message().await.unwrap().unwrap();
        watch.message().await.unwrap().unwrap();
        let calling = client.clone();
        let unary = tokio::spawn(async move { calling.latest(query("hangs", 1)).await });
        tokio::task::yield_now().await;
        // Sent after the others, so they have begun when this is answered.
        client.latest(query("a", 1)).await.unwrap();
        instance.signal(signals[0]);
        // Nobody can connect any more: shutdown has begun.
        let refuses = async {
            while TcpStream::connect(instance.address).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONG, refuses).await.expect("the listener is closed");
        assert!(!unary.is_finished());
        instance.signal(signals[1]);
        for status in [unary.await.unwrap().unwrap_err(), watch.message().await.unwrap_err()] {
            assert_eq!(status.code(), Code::Unavailable, "{status}");
            assert_eq!(status.message(), "the server shut down before the call ended");
        }
        assert_eq!(instance.ended().await, 3);
    }
}
