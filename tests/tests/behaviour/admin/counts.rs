//! What is counted of calls, streams and messages.

use std::{net::SocketAddr, time::Duration};

use http::Uri;
use http_body::Body as _;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rust_scaffold::{Channel, HttpBody, Protocol, Server};
use tokio_stream::StreamExt as _;
use tonic_web::GrpcWebClientLayer;
use tower_layer::Layer as _;
use tower_service::Service as _;

use super::{
    Running, calls, channel, channels, data, id, listen, server, server_id, server_sockets, socket,
    subchannel, until,
};
use crate::{
    call_log::wrapping,
    channelz_v1::channel_connectivity_state::State,
    frames::frame::message,
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// Two unary calls that go well, one that fails; a stream that goes well, one that fails; one that is cancelled.
async fn six_calls(client: &TelemetryClient, station: &Station) {
    client.latest(query("a", 1)).await.unwrap();
    client.latest(query("b", 1)).await.unwrap();
    client.latest(query("fails", 1)).await.unwrap_err();
    let points = client.watch(query("a", 2)).await.unwrap().into_inner();
    assert_eq!(points.collect::<Vec<_>>().await.len(), 3);
    let points = client.watch(query("fails", 1)).await.unwrap().into_inner();
    assert!(points.collect::<Result<Vec<_>, _>>().await.is_err());
    tokio::select! {
        _ = client.latest(query("hangs", 1)) => panic!("it does not hang"),
        () = station.busy() => {}
    }
    station.idle().await;
}

#[tokio::test]
async fn calls_are_counted_on_both_sides_by_how_they_end() {
    let running = Running::start().await;
    let target = running.target();
    let client = TelemetryClient::new(Channel::connect(&target).await.unwrap());
    six_calls(&client, &running.station).await;

    let shown = channel(&target).await;
    assert_eq!(calls(data(&shown)), [6, 3, 3]);
    assert_eq!(data(&shown).state.unwrap().state(), State::Ready);
    let last = data(&shown).last_call_started_timestamp.unwrap();
    assert!(
        last.seconds >= data(&shown).trace.as_ref().unwrap().creation_timestamp.unwrap().seconds
    );

    let inner = until(async || {
        let inner = subchannel(&shown).await;
        (calls(inner.data.as_ref().unwrap()) == [6, 3, 3]).then_some(inner)
    })
    .await;
    assert_eq!(inner.socket_ref.len(), 1);
    let of_client = socket(inner.socket_ref[0].socket_id).await.unwrap();
    let counts = of_client.data.as_ref().unwrap();
    // The one that was cancelled was not ended by the server.
    let streams = [counts.streams_started, counts.streams_succeeded, counts.streams_failed];
    assert_eq!(streams, [6, 5, 1]);
    assert_eq!(counts.messages_sent, 6);
    let received = counts.messages_received;
    assert!(counts.last_local_stream_created_timestamp.is_some());
    assert!(counts.last_remote_stream_created_timestamp.is_none());
    assert!(counts.last_message_sent_timestamp.is_some());
    assert!(counts.last_message_received_timestamp.is_some());

    let shown = until(async || {
        let shown = server(running.address).await;
        let data = shown.data.as_ref().unwrap();
        let calls = [data.calls_started, data.calls_succeeded, data.calls_failed];
        (calls == [6, 3, 3]).then_some(shown)
    })
    .await;
    let sockets = server_sockets(server_id(&shown), 10).await;
    assert_eq!(sockets.len(), 1);
    let of_server = socket(sockets[0]).await.unwrap();
    assert_eq!((&of_server.local, &of_server.remote), (&of_client.remote, &of_client.local));
    let counts = of_server.data.as_ref().unwrap();
    let streams = [counts.streams_started, counts.streams_succeeded, counts.streams_failed];
    assert_eq!(streams, [6, 5, 1]);
    assert_eq!((counts.messages_received, counts.messages_sent), (6, received));
    assert!(counts.last_local_stream_created_timestamp.is_none());
    assert!(counts.last_remote_stream_created_timestamp.is_some());
}

#[tokio::test]
async fn the_messages_of_streams_are_counted_one_by_one() {
    let running = Running::start().await;
    let target = running.target();
    let client = TelemetryClient::new(Channel::connect(&target).await.unwrap());
    let points = (0..1000).map(|_| crate::station::point("a"));
    client.upload(tokio_stream::iter(points)).await.unwrap();
    let points = client.watch(query("a", 500)).await.unwrap().into_inner();
    let received = points.collect::<Vec<_>>().await.len() as i64;
    let id = subchannel(&channel(&target).await).await.socket_ref[0].socket_id;
    let of_client = socket(id).await.unwrap().data.unwrap();
    assert_eq!((of_client.messages_sent, of_client.messages_received), (1001, received + 1));
    let id = server_sockets(server_id(&server(running.address).await), 10).await[0];
    let of_server = socket(id).await.unwrap().data.unwrap();
    assert_eq!((of_server.messages_sent, of_server.messages_received), (received + 1, 1001));
}

#[tokio::test]
async fn channels_without_connections_count_their_calls() {
    let station = Station::default();
    let server = TelemetryServer::new(station.clone());
    let layer = tower::layer::util::Identity::new();
    let target = "in-process:telemetry.Telemetry";
    let others: Vec<_> = channels(target).await.iter().map(id).collect();
    let new = async || {
        let mut shown = channels(target).await;
        shown.retain(|channel| !others.contains(&id(channel)));
        shown
    };
    for channel in [
        Channel::in_process(server.clone()),
        Channel::in_process_direct(server.clone()),
        Channel::in_process(server.clone()).intercept(crate::routes::Watching),
        Channel::in_process_direct(server.clone()).intercept(crate::routes::Watching),
        Channel::in_process(server.clone()).layer(layer),
    ] {
        let before: Vec<_> = new().await.iter().map(id).collect();
        let client = TelemetryClient::new(channel);
        six_calls(&client, &station).await;
        // Those of other tests may be among them: this one has six calls.
        let shown = new().await;
        let shown = shown.iter().find(|channel| calls(data(channel)) == [6, 3, 3]);
        let shown = shown.unwrap_or_else(|| panic!("none has six calls; {before:?}"));
        assert!(shown.subchannel_ref.is_empty());
        assert_eq!(data(shown).state.unwrap().state(), State::Ready);
    }
}

/// How many calls of a server were started, and have ended with OK or another status.
async fn server_calls(address: SocketAddr) -> [i64; 3] {
    let data = server(address).await.data.unwrap();
    [data.calls_started, data.calls_succeeded, data.calls_failed]
}

#[tokio::test]
async fn grpc_web_is_counted_by_the_status_in_its_data() {
    for is_wrapped in [false, true] {
        let server = if is_wrapped { wrapping(Server::new()) } else { Server::new() };
        let running = Running::on(listen().await.0, server);
        for (protocol, before) in [(Protocol::GrpcWeb, 0), (Protocol::GrpcWebText, 1)] {
            let target = format!("http://{}/", running.address);
            let builder = Channel::builder(&target).protocol(protocol);
            let client = TelemetryClient::new(builder.connect().await.unwrap());
            six_calls(&client, &running.station).await;
            let shown = channel(&target).await;
            assert_eq!(calls(data(&shown)), [6, 3, 3], "{protocol}");
            until(async || {
                let inner = subchannel(&shown).await;
                (calls(inner.data.as_ref().unwrap()) == [6, 3, 3]).then_some(())
            })
            .await;
            let expected = [6, 3, 3].map(|calls| (before + 1) * calls);
            until(async || (server_calls(running.address).await == expected).then_some(())).await;
        }
    }
}

#[tokio::test]
async fn responses_that_are_read_up_to_their_last_data_are_counted() {
    let running = Running::start().await;
    let target = running.target();
    let mut channel_of_ours = Channel::connect(&target).await.unwrap();
    for (series, expected) in [("a", [1, 1, 0]), ("fails", [2, 1, 1])] {
        let request = http::Request::post("/telemetry.Telemetry/Watch")
            .header("content-type", "application/grpc-web")
            .body(Full::from(message(&query(series, 1))));
        let mut body = channel_of_ours.call(request.unwrap()).await.unwrap().into_body();
        while !body.is_end_stream() {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        let shown = channel(&target).await;
        assert_eq!(calls(data(&shown)), expected, "{series}");
        let inner = subchannel(&shown).await;
        assert_eq!(calls(inner.data.as_ref().unwrap()), expected, "{series}");
    }
}

#[tokio::test]
async fn calls_of_other_libraries_clients_are_counted() {
    let running = Running::start().await;
    let target = running.target();
    let channel_of_ours = Channel::connect(&target).await.unwrap();
    let health = tonic_health::pb::health_client::HealthClient::new(channel_of_ours.clone());
    let check = tonic_health::pb::HealthCheckRequest::default();
    // There is no such service.
    health.clone().check(check.clone()).await.unwrap_err();
    assert_eq!(calls(data(&channel(&target).await)), [1, 0, 1]);
    let client = TelemetryClient::new(Channel::new(channel_of_ours.clone()));
    six_calls(&client, &running.station).await;
    assert_eq!(calls(data(&channel(&target).await)), [7, 3, 4]);
    // One that is gRPC-Web below.
    let web = GrpcWebClientLayer::new().layer(channel_of_ours.clone());
    six_calls(&TelemetryClient::new(Channel::new(web)), &running.station).await;
    assert_eq!(calls(data(&channel(&target).await)), [13, 6, 7]);
}

#[tokio::test(start_paused = true)]
async fn keepalive_pings_are_counted() {
    let (listener, address) = listen().await;
    let server_of_ours = Server::new().keep_alive_interval(Some(Duration::from_secs(10)));
    let _running = Running::on(listener, server_of_ours);
    let _channel = Channel::connect(format!("http://{address}")).await.unwrap();
    let id = until(async || {
        let shown = server(address).await;
        server_sockets(server_id(&shown), 10).await.first().copied()
    })
    .await;
    tokio::time::sleep(Duration::from_secs(35)).await;
    assert_eq!(socket(id).await.unwrap().data.unwrap().keep_alives_sent, 3);
}

#[tokio::test]
async fn calls_over_http1_are_counted_as_all_others() {
    let running = Running::start().await;
    let http1 = Client::builder(TokioExecutor::new()).build_http();
    let channel = Channel::with_protocol(http1, Protocol::GrpcWeb);
    let origin = running.target().parse::<Uri>().unwrap();
    let client = TelemetryClient::with_origin(channel, origin);
    six_calls(&client, &running.station).await;
    client.latest(query("a", 1)).await.unwrap();
    let shown = until(async || {
        let shown = server(running.address).await;
        let data = shown.data.as_ref().unwrap();
        let calls = [data.calls_started, data.calls_succeeded, data.calls_failed];
        (calls == [7, 4, 3]).then_some(shown)
    })
    .await;
    // The others are closed: HTTP/1.1 has no other way to cancel a call.
    let sockets = server_sockets(server_id(&shown), 10).await;
    let mut streams = 0;
    for id in sockets {
        let socket = socket(id).await.unwrap();
        assert!(socket.remote.is_some());
        let counts = socket.data.unwrap();
        assert_eq!(counts.streams_started, counts.streams_succeeded);
        streams += counts.streams_started;
    }
    assert!((1..7).contains(&streams), "{streams}");
}

/// By the status of its response, whether or not that has a body.
#[tokio::test]
async fn plain_http_is_counted_over_http1() {
    let (listener, address) = listen().await;
    let page = tower::service_fn(|request: http::Request<HttpBody>| async move {
        let mut response = http::Response::new(Full::<bytes::Bytes>::from("a page"));
        if request.uri().path() != "/" {
            *response.status_mut() = http::StatusCode::NOT_FOUND;
        }
        Ok::<_, std::convert::Infallible>(response)
    });
    let _running = Running::on(listener, Server::new().fallback(page));
    let client: Client<_, Empty<bytes::Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    for (method, path) in [("GET", "/"), ("HEAD", "/"), ("GET", "/nothing"), ("HEAD", "/nothing")] {
        let request =
            http::Request::builder().method(method).uri(format!("http://{address}{path}"));
        let response = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    until(async || {
        let shown = server(address).await;
        let data = shown.data.as_ref().unwrap();
        let calls = [data.calls_started, data.calls_succeeded, data.calls_failed];
        (calls == [4, 2, 2]).then_some(())
    })
    .await;
}
