//! HTTP/1.1 beside HTTP/2, byte by byte and in virtual time. Whole calls are in all other tests, by a route over it.

mod calls;
mod ends;
mod limits;
mod plain;
mod raw;
mod times;

use std::{io, time::Duration};

use rust_scaffold::Server;
use tokio::{
    io::DuplexStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_stream::wrappers::UnboundedReceiverStream;

use self::raw::Raw;
use crate::{
    http::frames,
    station::{Station, query},
    telemetry::TelemetryServer,
};

const SECOND: Duration = Duration::from_secs(1);

/// A server on connections in memory, until it is told to stop.
struct Serving {
    station: Station,
    accepted: mpsc::UnboundedSender<io::Result<DuplexStream>>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<io::Result<()>>,
}

impl Serving {
    fn start(server: Server) -> Self {
        let (accepted, incoming) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let station = Station::default();
        let server = server.add_service(TelemetryServer::new(station.clone()));
        let incoming = UnboundedReceiverStream::new(incoming);
        let serving = tokio::spawn(server.serve_incoming_with_shutdown(incoming, async {
            let _ = stopped.await;
        }));
        Self { station, accepted, stop: Some(stop), serving }
    }

    fn connect(&self) -> Raw {
        let (here, there) = tokio::io::duplex(64 * 1024);
        self.accepted.send(Ok(there)).unwrap();
        Raw::new(here)
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has shut down.
    async fn ended(self) {
        self.serving.await.unwrap().unwrap();
    }
}

/// A call of `telemetry.Telemetry` in gRPC-Web, with more lines in its head.
fn call(method: &str, series: &str, limit: u32, more: &str) -> Vec<u8> {
    let message = frames(&[query(series, limit)]);
    let head = format!(
        "POST /telemetry.Telemetry/{method} HTTP/1.1\r\nhost: station\r\n\
         content-type: application/grpc-web+proto\r\ncontent-length: {}\r\n{more}\r\n",
        message.len()
    );
    [head.as_bytes(), &message].concat()
}

/// A call that is answered at once.
fn latest() -> Vec<u8> {
    call("Latest", "a", 3, "")
}

/// Lets everything go on that does not wait for time.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
