//! A server on a port of its own, for clients in other processes and other languages.

use std::{fmt, io, net::SocketAddr};

use tokio::{net::TcpListener, sync::oneshot};

use crate::server::{dispatch::Dispatch, serve::Server, service::ServiceServer};

/// Serves `service` on a free port of 127.0.0.1, on the runtime of the caller.
///
/// # Errors
/// When no port can be listened on, or the runtime has no time.
pub async fn serve<D, S>(service: ServiceServer<D, S>) -> io::Result<Serving>
where
    D: Dispatch<S>,
    S: Send + Sync + ?Sized + 'static,
{
    // What it would end with is heard nowhere else.
    let server = Server::new().add_service(service).prepare()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(server.serve_listener(listener, async {
        // Either way, the other end is gone.
        let _ = stopped.await;
    }));
    Ok(Serving { address, _stop: stop })
}

/// A mock that is served. Dropping this stops it, once the calls in progress have ended.
///
/// ```
/// # mod calculator {
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/unary/expected/calculator.rs"));
/// # }
/// # use calculator::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mock = MockCalculator::new();
/// mock.expect_add().returns(AddResponse { result: 8 });
///
/// let serving = mock.serve().await?;
/// // This is where a client in another process, or in another language, would connect to.
/// let calculator = CalculatorClient::connect(serving.uri()).await?;
/// assert_eq!(calculator.add(AddRequest { a: 5, b: 3 }).await?.into_inner().result, 8);
/// # Ok(())
/// # }
/// ```
pub struct Serving {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Serving {
    /// Where it is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is served, as clients of this crate take it: `http://127.0.0.1:50051`.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("address", &self.address).finish_non_exhaustive()
    }
}
