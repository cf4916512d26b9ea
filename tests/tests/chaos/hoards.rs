//! What peers can make us keep: for each byte of theirs, for each call, and when they are gone. The
//! figures are printed (`--nocapture`), and each has a bound.

use std::{
    future::{Future as _, poll_fn},
    process::Command,
    task::Poll,
};

use rust_scaffold::{Channel, Request};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use crate::{
    frame::{DATA, Frame, MAX_CONCURRENT_STREAMS},
    hoarder::{Hoarder, MIB, Target},
    memory::resident_kib,
    telemetry::{Query, TelemetryClient},
};

/// Runs the test of this name in a process of its own, where nobody has used memory before, and says
/// whether this is that process.
fn is_alone(name: &str) -> bool {
    const ALONE: &str = "HOARDS_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut test = Command::new(std::env::current_exe().unwrap());
    let test = test.args([&format!("hoards::{name}"), "--exact", "--nocapture"]).env(ALONE, "");
    let output = test.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = text.lines().filter(|line| line.contains("KiB") || line.contains("bytes"));
    figures.for_each(|line| println!("{line}"));
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_does_not_end_holds_little() {
    if !is_alone("a_frame_that_does_not_end_holds_little") {
        return;
    }
    const CONNECTIONS: usize = 100;
    let target = Target::new().await;
    let (mut hoarders, mut sent) = (Vec::new(), 0);
    for _ in 0..CONNECTIONS {
        let mut hoarder = Hoarder::connect(&target).await;
        hoarder.upload(1).await;
        // Its length, and the beginning.
        let frame = Frame::new(DATA, 0, 1, vec![0; hoarder.max_frame_size]).encode();
        sent += hoarder.send(&frame[..1024]).await;
        hoarders.push(hoarder);
    }
    target.serves().await;
    let each = target.kept() / CONNECTIONS;
    println!("a frame that is announced: {each} KiB for each connection");
    assert!(each < 128, "{each} KiB for each connection, for what has not come");
    for hoarder in &mut hoarders {
        // All of it but for a few bytes.
        sent += hoarder.send(&vec![0; hoarder.max_frame_size - 1024]).await;
    }
    let kept = target.keeps_at_least(sent / 1024).await;
    let (each, sent) = (kept / CONNECTIONS, sent / 1024 / CONNECTIONS);
    println!("an unfinished frame of {sent} KiB: {each} KiB for each connection");
    target.serves().await;
    assert!(each < 1152, "{each} KiB for each connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_one_byte_hold_little_more_than_they_are() {
    if !is_alone("frames_of_one_byte_hold_little_more_than_they_are") {
        return;
    }
    let target = Target::new().await;
    let mut hoarder = Hoarder::connect(&target).await;
    let mut sent = 0;
    for stream in [1, 3, 5, 7, 9] {
        hoarder.upload(stream).await;
        let frames = Frame::data(stream, [0]).encode().repeat(1000);
        for _ in 0..190 {
            sent += hoarder.send(&frames).await;
        }
        hoarder.settle().await;
        let kept = target.kept();
        println!("{} KiB of DATA frames of one byte: {kept} KiB", sent / 1024);
        assert!(kept < 128 * MIB, "{kept} KiB for {} KiB", sent / 1024);
    }
    target.serves().await;
}

#[tokio::test]
async fn calls_that_are_given_up_while_the_server_does_not_read_leave_nothing() {
    if !is_alone("calls_that_are_given_up_while_the_server_does_not_read_leave_nothing") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    // It says how many calls it takes, and reads none of them.
    let deaf = tokio::spawn(async move {
        let (mut io, _) = listener.accept().await.unwrap();
        let settings = Frame::settings(&[(MAX_CONCURRENT_STREAMS, i32::MAX as u32)]);
        io.write_all(&settings.encode()).await.unwrap();
        std::future::pending::<()>().await;
        drop(io);
    });
    let channel = Channel::builder(address).max_connections(1).connect().await.unwrap();
    let client = TelemetryClient::new(channel);
    let metadata = "x".repeat(8 * 1024);
    let before = resident_kib();
    give_up(&client, 10, &metadata, 3000).await;
    let kept = resident_kib().saturating_sub(before);
    println!("calls that are given up before the kernel has enough for the server: {kept} KiB");
    assert!(kept < 64 * MIB, "{kept} KiB");
    for (size, calls) in [(10, 40_000), (10 * 1024, 10_000)] {
        give_up(&client, size, "", calls / 4).await;
        let before = resident_kib();
        give_up(&client, size, "", calls).await;
        let grown = resident_kib().saturating_sub(before);
        println!("calls of {size} bytes that are given up: {} bytes each", grown * 1024 / calls);
        assert!(grown < 4 * MIB, "{grown} KiB for {calls} calls of {size} bytes");
    }
    deaf.abort();
}

/// Makes calls with this much to say, each of which is given up once it was handed to the connection.
async fn give_up(client: &TelemetryClient, size: usize, metadata: &str, calls: usize) {
    for _ in 0..calls {
        let query = Query { series: "x".repeat(size), ..Query::default() };
        let mut request = Request::new(query);
        request.metadata_mut().insert("x-long", metadata.parse().unwrap());
        let mut call = std::pin::pin!(client.latest(request));
        let polled = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        // The connection's task takes it.
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_nobody_reads_hold_little_more_than_they_are() {
    if !is_alone("messages_that_nobody_reads_hold_little_more_than_they_are") {
        return;
    }
    let target = Target::new().await;
    let (hoarders, sent) = Hoarder::hoard(&target).await;
    let peak = target.kept();
    drop(hoarders);
    target.is_left().await;
    let left = target.kept();
    println!("{sent} KiB that nobody reads: {peak} KiB at the peak, {left} KiB when they are gone");
    target.serves().await;
    assert!(peak > 32 * MIB, "{peak} KiB are no attack");
    assert!(peak < 2 * sent, "{peak} KiB for {sent} KiB");
}
