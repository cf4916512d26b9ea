//! How our server takes the frames of a connection: windows, settings, going away.

use std::time::Duration;

use h2::Reason;
use rust_scaffold::Server;
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use super::{
    frame::{Frame, HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE},
    peer::{End, LONG, Peer, call, fields, message},
};
use crate::{
    credit::Idle,
    routes::listen,
    station::{Station, query},
    telemetry::{Point, TelemetryServer},
};

/// The largest stream that there can be.
const LAST: u32 = (1 << 31) - 1;

#[tokio::test]
async fn a_response_waits_for_a_window_of_zero_and_passes_byte_by_byte() {
    for window in [0, 1] {
        let station = Station::default();
        let mut peer = Peer::of(Server::new(), &station, &[(INITIAL_WINDOW_SIZE, window)]).await;
        peer.send([call(1, "Watch"), Frame::data(1, message(&query("ab", 3))).ends()]).await;
        peer.begun(1).await;
        peer.settled().await;
        assert_eq!(peer.stream(1).data.len(), window as usize);
        let whole = 3 * message(&crate::station::point("ab")).len()
            + message(&crate::station::point("end")).len();
        for byte in window as usize..whole {
            assert_eq!(peer.stream(1).data.len(), byte);
            peer.send([Frame::window_update(1, 1)]).await;
            let answer = peer.until(1, |stream| stream.data.len() > byte).await;
            assert_eq!(answer.data.len(), byte + 1);
        }
        let answer = peer.ended(1).await;
        assert_eq!(answer.status(), Some("0"));
        assert_eq!(answer.messages::<Point>().len(), 4);
    }
}

#[tokio::test]
async fn responses_without_messages_need_no_window() {
    let station = Station::default();
    let mut peer = Peer::of(Server::new(), &station, &[(INITIAL_WINDOW_SIZE, 0)]).await;
    peer.send([call(1, "Latest"), Frame::data(1, message(&query("fails", 1))).ends()]).await;
    assert_eq!(peer.ended(1).await.status(), Some("9"));
}

#[tokio::test]
async fn a_stream_that_waits_for_its_window_holds_up_no_other() {
    let station = Station::default();
    let mut peer = Peer::of(Server::new(), &station, &[(INITIAL_WINDOW_SIZE, 0)]).await;
    for stream in (1..40).step_by(2) {
        let query = message(&query("many", 50));
        peer.send([call(stream, "Watch"), Frame::data(stream, query).ends()]).await;
    }
    peer.send([call(41, "Latest"), Frame::data(41, message(&query("a", 3))).ends()]).await;
    peer.send([Frame::window_update(41, 1000)]).await;
    assert_eq!(peer.ended(41).await.status(), Some("0"));
}

#[tokio::test]
async fn a_window_that_is_widened_in_the_middle_of_a_call_lets_it_go_on() {
    let station = Station::default();
    let mut peer = Peer::of(Server::new(), &station, &[(INITIAL_WINDOW_SIZE, 10)]).await;
    peer.send([call(1, "Watch"), Frame::data(1, message(&query("abcdefgh", 20))).ends()]).await;
    peer.until(1, |stream| stream.data.len() == 10).await;
    // Below what has been sent: the window is less than nothing.
    peer.send([Frame::settings(&[(INITIAL_WINDOW_SIZE, 0)])]).await;
    peer.send([Frame::window_update(1, 10)]).await;
    peer.settled().await;
    assert_eq!(peer.stream(1).data.len(), 10);
    peer.send([Frame::window_update(1, 5)]).await;
    peer.until(1, |stream| stream.data.len() == 15).await;
    peer.send([Frame::settings(&[(INITIAL_WINDOW_SIZE, 60_000)])]).await;
    let answer = peer.ended(1).await;
    assert_eq!(answer.messages::<Point>().len(), 21, "{answer:?}");
}

#[tokio::test]
async fn settings_of_frames_and_header_tables_hold_from_when_they_come() {
    let station = Station::default();
    let mut peer = Peer::of(Server::new(), &station, &[(MAX_FRAME_SIZE, 1 << 20)]).await;
    peer.send([Frame::window_update(0, 1 << 20)]).await;
    for (stream, table, frame) in [(1, 4096, 1 << 20), (3, 0, 16_384), (5, 100, 20_000)] {
        peer.send([
            Frame::settings(&[(HEADER_TABLE_SIZE, table), (MAX_FRAME_SIZE, frame)]),
            call(stream, "Latest"),
            Frame::data(stream, message(&query("a", 50_000))).ends(),
        ])
        .await;
        while peer.stream(stream).end.is_none() {
            let received = peer.receive().await.unwrap();
            assert!(received.payload.len() <= frame as usize, "{}", received.payload.len());
        }
        let answer = peer.ended(stream).await;
        assert_eq!(answer.status(), Some("0"), "{:?}", answer.blocks);
        assert_eq!(answer.messages::<Point>()[0].series.len(), 50_000);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_gets_its_answers_and_then_the_connection_is_closed() {
    let mut peer = Peer::of_server(&Station::default()).await;
    peer.send([
        call(1, "Tail"),
        Frame::data(1, message(&query("first", 1))),
        Frame::goaway(0, Reason::NO_ERROR),
    ])
    .await;
    peer.until(1, |stream| !stream.data.is_empty()).await;
    peer.send([Frame::data(1, message(&query("second", 1)))]).await;
    peer.send([Frame::data(1, message(&query("third", 1))).ends()]).await;
    let answer = peer.ended(1).await;
    let series = answer.messages::<Point>().into_iter().map(|point| point.series);
    assert_eq!(series.collect::<Vec<_>>(), ["first", "second", "third"]);
    assert_eq!(answer.status(), Some("0"));
    peer.closed().await;
}

/// A server that can be asked to shut down, and a client of it.
async fn stoppable(station: &Station) -> (Peer, oneshot::Sender<()>, JoinHandle<()>) {
    let (listener, address) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::new().add_service(TelemetryServer::new(station.clone()));
    let served = tokio::spawn(async move {
        let signal = async { stopped.await.unwrap() };
        server.serve_listener_with_shutdown(listener, signal).await.unwrap();
    });
    (Peer::connect(address, &[]).await, stop, served)
}

#[tokio::test]
async fn calls_that_come_between_the_two_goaways_are_served() {
    let (mut peer, stop, served) = stoppable(&Station::default()).await;
    peer.answers_pings = false;
    peer.is_served(1).await;
    stop.send(()).unwrap();
    while peer.goaways.is_empty() || peer.pings.is_empty() {
        peer.receive().await.expect("the connection lasts until the PING is answered");
    }
    assert_eq!(peer.goaways, [(LAST, 0)]);
    // It has not seen the first one.
    peer.is_served(3).await;
    peer.send([call(5, "Latest"), Frame::data(5, message(&query("a", 3))).ends()]).await;
    let ping = peer.pings[0].clone();
    peer.pong(&ping).await;
    assert_eq!(peer.ended(5).await.status(), Some("0"));
    peer.closed().await;
    assert_eq!(peer.goaways, [(LAST, 0), (5, 0)]);
    timeout(LONG, served).await.unwrap().unwrap();
}

#[tokio::test]
async fn calls_in_progress_go_on_behind_the_last_goaway_and_later_ones_are_not_begun_with() {
    let (mut peer, stop, served) = stoppable(&Station::default()).await;
    peer.send([call(1, "Tail"), Frame::data(1, message(&query("first", 1)))]).await;
    peer.until(1, |stream| !stream.data.is_empty()).await;
    stop.send(()).unwrap();
    while peer.goaways.len() < 2 {
        peer.receive().await.expect("there is a call in progress");
    }
    assert_eq!(peer.goaways[1], (1, 0));
    peer.send([call(3, "Latest"), Frame::data(3, message(&query("a", 3))).ends()]).await;
    peer.send([Frame::data(1, message(&query("second", 1))).ends()]).await;
    let answer = peer.ended(1).await;
    assert_eq!(answer.messages::<Point>().len(), 2);
    assert_eq!(answer.status(), Some("0"));
    peer.closed().await;
    let late = peer.stream(3);
    assert!(late.blocks.is_empty(), "{late:?}");
    timeout(LONG, served).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_deadline_ends_a_response_stream_that_waits_for_its_window() {
    let station = Station::default();
    let mut peer = Peer::of(Server::new(), &station, &[(INITIAL_WINDOW_SIZE, 0)]).await;
    let fields = [fields("/telemetry.Telemetry/Watch"), vec![("grpc-timeout", "50m")]].concat();
    let query = message(&query("many", 10));
    peer.send([Frame::headers(1, &fields), Frame::data(1, query).ends()]).await;
    let answer = peer.ended(1).await;
    let is_over = matches!(answer.end, Some(End::Reset(_))) || answer.status() == Some("4");
    assert!(is_over, "{answer:?}");
    timeout(LONG, station.idle()).await.unwrap();
}

#[tokio::test]
async fn large_responses_are_not_cut_when_the_server_shuts_down() {
    // Else a server would wait for a second, and no longer, until its client has read what there is.
    stand_still(async {
        let (mut peer, stop, served) = stoppable(&Station::default()).await;
        peer.send([Frame::window_update(0, 1 << 28)]).await;
        peer.send([Frame::settings(&[(INITIAL_WINDOW_SIZE, 1 << 28)])]).await;
        peer.send([call(1, "Tail"), Frame::data(1, message(&query("first", 1)))]).await;
        peer.until(1, |stream| !stream.data.is_empty()).await;
        stop.send(()).unwrap();
        while peer.goaways.len() < 2 {
            peer.receive().await.expect("there is a call in progress");
        }
        // More than the kernel takes for a client that does not read for a while.
        let many = message(&query(&"x".repeat(10_000), 100));
        peer.send([Frame::data(1, many).ends()]).await;
        for _ in 0..100 {
            peer.send([Frame::window_update(0, 1)]).await;
            give_way().await;
        }
        let answer = peer.ended(1).await;
        assert_eq!((answer.status(), answer.end), (Some("0"), Some(End::Stream)));
        assert_eq!(answer.messages::<Point>().len(), 101);
        peer.closed().await;
        // It waits for its client, too.
        drop(peer);
        served.await.unwrap();
    })
    .await;
}

/// Runs `test` while the clock of the runtime stands still: no timer ends anything.
async fn stand_still(test: impl Future<Output = ()>) {
    tokio::time::pause();
    let begin = std::time::Instant::now();
    // It would go on if there were nothing to do.
    let busy = async {
        while begin.elapsed() < LONG {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = test => {}
        () = busy => panic!("it hangs"),
    }
}

/// Gives others their turn: enough for the sockets to be looked at, too.
async fn give_way() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn calls_that_are_reset_at_once_are_made_up_for_by_others() {
    for inline_limit in [Duration::ZERO, Duration::from_secs(60)] {
        for series in ["a", "hangs"] {
            let server =
                Server::new().max_pending_accept_reset_streams(5).inline_limit(inline_limit);
            let mut peer = Peer::of(server, &Station::default(), &[]).await;
            let mut streams = (1..).step_by(2);
            let mut next = || streams.next().unwrap();
            for _ in 0..10 {
                let resets = [next(), next(), next(), next(), next()]
                    .map(|stream| [call(stream, "Latest"), Frame::reset(stream, Reason::CANCEL)]);
                peer.send(resets.into_iter().flatten()).await;
                let stream = next();
                let query = message(&query(series, 1));
                peer.send([call(stream, "Watch"), Frame::data(stream, query).ends()]).await;
                peer.until(stream, |answer| !answer.data.is_empty()).await;
            }
            assert!(peer.goaways.is_empty(), "{:?}", peer.goaways);
            // One more is too many.
            let resets = [next(), next(), next(), next(), next(), next()]
                .map(|stream| [call(stream, "Latest"), Frame::reset(stream, Reason::CANCEL)]);
            peer.send(resets.into_iter().flatten()).await;
            peer.closed().await;
            assert_eq!(peer.goaways.last().unwrap().1, u32::from(Reason::ENHANCE_YOUR_CALM));
        }
    }
}

#[tokio::test]
async fn requests_that_come_before_their_handlers_and_are_not_read_leave_the_connection_its_window()
{
    const WINDOW: u32 = 64 * 1024;
    let station = Station::default();
    let server = Server::new().initial_connection_window_size(WINDOW);
    let mut peer = Peer::of(server, &station, &[]).await;
    peer.settled().await;
    // The handlers stop at the first of their queries; all of it comes in one go.
    let hangs = message(&query("hangs", 1));
    let more = message(&query(&"x".repeat(10_000), 1));
    let mut frames = Vec::new();
    for stream in [1, 3, 5, 7, 9, 11] {
        let data = [&hangs[..], &more].concat();
        peer.credit -= data.len() as i64;
        frames.extend([call(stream, "Tail"), Frame::data(stream, data)]);
    }
    assert!(peer.credit > 0);
    peer.send(frames).await;
    while peer.credit < 10_000 {
        assert!(peer.receive().await.is_some());
    }
    peer.is_served(13).await;
}

/// However little each of them has, and though it came with its headers.
#[tokio::test]
async fn requests_that_nobody_reads_stop_their_connection_at_its_limit() {
    const WINDOW: u32 = 64 * 1024;
    const REQUESTS: usize = 10_000;
    let server = Server::new()
        .initial_connection_window_size(WINDOW)
        .max_receive_buffer_size(2 * WINDOW as usize)
        .permit_keep_alive_interval(Duration::ZERO)
        .add_service(TelemetryServer::new(Idle));
    let (listener, address) = listen().await;
    tokio::spawn(server.serve_listener(listener));
    let mut peer = Peer::connect(address, &[]).await;
    peer.settled().await;
    let mut sent = 0;
    for stream in (1..).step_by(2) {
        if peer.credit < REQUESTS as i64 {
            break;
        }
        peer.send([call(stream, "Upload"), Frame::data(stream, vec![0; REQUESTS])]).await;
        peer.credit -= REQUESTS as i64;
        sent += REQUESTS;
        peer.settled().await;
        assert!(sent <= 3 * WINDOW as usize, "{sent} bytes are kept that nobody reads");
    }
    assert!(sent >= WINDOW as usize);
}
