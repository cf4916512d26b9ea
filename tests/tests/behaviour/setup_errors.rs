//! The errors of setting up channels and servers: what they say, and what they become.

use std::{error::Error as _, io, net::SocketAddr};

use rust_scaffold::{Channel, Code, ConnectError, ServeError, Server, Status};
use tokio::net::TcpListener;

use crate::{
    routes::listen,
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// An address with a closed port.
async fn closed() -> String {
    let (listener, address) = listen().await;
    drop(listener);
    format!("http://{address}")
}

/// The error that serving has failed with.
fn serve_error(served: io::Result<()>) -> (io::ErrorKind, ServeError) {
    let error = served.unwrap_err();
    (error.kind(), error.downcast().unwrap())
}

#[tokio::test]
async fn what_is_wrong_with_a_channel_is_in_the_error_by_its_name() {
    let lazy = |address: &str| Channel::connect_lazy(address).unwrap_err();
    match lazy("http://user:secret@localhost:1") {
        ConnectError::InvalidAddress { address, reason, .. } => {
            assert_eq!(address, "…@localhost:1");
            assert!(reason.contains("user name"), "{reason}");
        }
        other => panic!("{other}"),
    }
    match Channel::builder("http://a").user_agent("a\nb").connect_lazy().unwrap_err() {
        ConnectError::InvalidOption { option, .. } => assert_eq!(option, "user_agent"),
        other => panic!("{other}"),
    }
    let nowhere = closed().await;
    match Channel::connect(&nowhere).await.unwrap_err() {
        ConnectError::Unreachable { address, source, .. } => {
            assert_eq!((address, source.kind()), (nowhere, io::ErrorKind::ConnectionRefused));
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn errors_of_channels_become_statuses_and_io_errors_and_keep_their_cause() {
    let nowhere = closed().await;
    let refused = Channel::connect(&nowhere).await.unwrap_err();
    let settings = Channel::builder("http://a").connect_timeout(std::time::Duration::ZERO);
    for (error, code, kind) in [
        (refused, Code::Unavailable, io::ErrorKind::ConnectionRefused),
        (settings.connect_lazy().unwrap_err(), Code::InvalidArgument, io::ErrorKind::InvalidInput),
    ] {
        let text = error.to_string();
        assert_eq!(format!("{error:?}"), text);
        let status = Status::from(error.clone());
        assert_eq!((status.code(), status.message()), (code, &*text));
        assert!(status.source().unwrap().is::<ConnectError>());
        let io = io::Error::from(error);
        assert_eq!((io.kind(), io.to_string()), (kind, text));
        assert!(io.get_ref().unwrap().is::<ConnectError>());
    }
    let refused = Channel::connect(&nowhere).await.unwrap_err();
    assert!(refused.source().unwrap().is::<io::Error>());
}

#[tokio::test]
async fn a_call_without_a_connection_says_why_in_its_source() {
    let client = TelemetryClient::connect_lazy(closed().await).unwrap();
    let status = client.latest(query("a", 1)).await.unwrap_err();
    let cause = status.source().and_then(|cause| cause.downcast_ref::<ConnectError>());
    assert!(matches!(cause, Some(ConnectError::Unreachable { .. })), "{status}");
}

#[tokio::test]
async fn what_is_wrong_with_a_server_is_in_the_error_by_its_name() {
    let served = Server::new().max_concurrent_streams(0).serve("127.0.0.1:0").await;
    match serve_error(served) {
        (io::ErrorKind::InvalidInput, ServeError::InvalidOption { option, .. }) => {
            assert_eq!(option, "max_concurrent_streams");
        }
        other => panic!("{other:?}"),
    }
    let station = || TelemetryServer::new(Station::default());
    let served = Server::new().add_service(station()).add_service(station());
    match serve_error(served.serve("127.0.0.1:0").await) {
        (io::ErrorKind::InvalidInput, ServeError::DuplicateService { service, .. }) => {
            assert_eq!(service, "telemetry.Telemetry");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_cannot_listen_names_the_address() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let (kind, error) = serve_error(Server::new().serve(address).await);
    assert_eq!(kind, io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&format!("cannot listen on {address}: ")), "{error}");
    match error {
        ServeError::Bind { addresses, source, .. } => {
            assert_eq!(addresses, [address]);
            assert!(source.raw_os_error().is_some());
        }
        other => panic!("{other}"),
    }
    let nothing: &[SocketAddr] = &[];
    for error in [
        serve_error(Server::new().serve("no port").await).1,
        serve_error(Server::new().serve(nothing).await).1,
    ] {
        assert!(matches!(&error, ServeError::Bind { addresses, .. } if addresses.is_empty()));
        assert!(error.to_string().contains("cannot resolve the address"), "{error}");
    }
}

#[tokio::test]
async fn a_listener_that_fails_for_good_is_in_the_error() {
    let broken = io::Error::new(io::ErrorKind::InvalidInput, "not a socket");
    let incoming = tokio_stream::once(Err::<tokio::io::DuplexStream, _>(broken));
    let (kind, error) = serve_error(Server::new().serve_incoming(incoming).await);
    assert_eq!(kind, io::ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "cannot accept connections: not a socket");
    assert!(error.source().unwrap().is::<io::Error>());
}

#[test]
fn serving_without_timers_says_what_to_do() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let (_, error) = serve_error(runtime.block_on(Server::new().serve("127.0.0.1:0")));
    assert!(matches!(error, ServeError::NoTimers { .. }), "{error}");
    assert!(error.to_string().contains("enable_time"), "{error}");
}

#[test]
fn signals_need_a_runtime_with_io() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let none = tokio_stream::pending::<io::Result<tokio::io::DuplexStream>>();
    let served = runtime.block_on(Server::new().shutdown_on_signal().serve_incoming(none));
    match serve_error(served) {
        (io::ErrorKind::Other, error @ ServeError::Signal { .. }) => {
            let text = error.to_string();
            assert!(text.contains("`Server::shutdown_on_signal`"), "{text}");
            assert!(text.contains("enable_io"), "{text}");
        }
        (kind, other) => panic!("{kind:?}: {other}"),
    }
}
