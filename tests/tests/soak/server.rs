//! Servers to be replaced by others: ours, and tonic's.

use std::{net::SocketAddr, time::Duration};

use rust_scaffold::Server;
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinHandle,
};
use tokio_stream::wrappers::TcpListenerStream;

use crate::{
    service::Servant,
    setup::{Ends, Setup, Trouble},
    telemetry::TelemetryServer,
};

/// How long our server may take to shut down, where it is not to wait for its calls.
pub(crate) const SHUTDOWN: Duration = Duration::from_secs(2);

pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(setup: &Setup, released: watch::Receiver<bool>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let signal = async {
            // Whether it was sent, or the round has panicked.
            let _ = stopped.await;
        };
        let service = TelemetryServer::new(Servant { released });
        let task = match setup.ends {
            Ends::Client => {
                let server = tonics(setup).add_service(service);
                tokio::spawn(async move {
                    let incoming = TcpListenerStream::new(listener);
                    server.serve_with_incoming_shutdown(incoming, signal).await.unwrap();
                })
            }
            Ends::Both | Ends::Server => {
                let server = ours(setup).add_service(service);
                tokio::spawn(async move {
                    server.serve_listener_with_shutdown(listener, signal).await.unwrap();
                })
            }
        };
        Self { address, stop, task }
    }

    /// Lets it end with its last call.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        // It is there: nothing else ends it.
        let _ = self.stop.send(());
        self.task
    }
}

fn ours(setup: &Setup) -> Server {
    let shutdown = (setup.trouble != Trouble::Restarts).then_some(SHUTDOWN);
    let age = (setup.trouble == Trouble::Ages).then_some(setup.age);
    Server::new()
        .max_concurrent_streams(u32::try_from(setup.streams).unwrap())
        .initial_stream_window_size(setup.stream_window)
        .initial_connection_window_size(setup.connection_window)
        .max_connection_age(age)
        .shutdown_timeout(shutdown)
}

fn tonics(setup: &Setup) -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .max_concurrent_streams(u32::try_from(setup.streams).unwrap())
        .initial_stream_window_size(setup.stream_window)
        .initial_connection_window_size(setup.connection_window)
}
