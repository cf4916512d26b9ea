//! Opens a connection: its handshakes, after which HTTP is spoken on it, in the version that the client begins with.

use std::{io, pin::pin, sync::Arc, time::Duration};

#[cfg(feature = "http1")]
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, timeout, timeout_at},
};

use super::proxy::is_first_refusal;
#[cfg(feature = "http1")]
use crate::http1::{self, Http1Start};
use crate::{
    channelz::SocketNode,
    connection::{connect_info::ConnectInfo, handshake::Handshake},
    h2::{
        io::{ConnectionIo, IoHandle},
        server::{
            calls::ServerShared,
            connection::{self, Http2, Http2Start},
            options::ServerConnectionOptions,
            phase::{self, ServerPhase},
            preface::{self, Greeting},
            run_until,
        },
    },
};

/// How long a connection that is being opened when its server begins to drain may take for it, all in all.
const OPENING_GRACE: Duration = Duration::from_secs(1);

/// Serves `accepted` until either side closes it, or `phase` says that it is to be closed. The permit counts
/// it among the server's connections.
pub(super) async fn serve<C: Handshake>(
    accepted: C,
    shared: Arc<ServerShared>,
    phase: watch::Receiver<ServerPhase>,
    _permit: Option<OwnedSemaphorePermit>,
) {
    // Boxed: otherwise, the task would reserve space for it for the life of the connection.
    let Opened { http, handle, info, socket } =
        match Box::pin(open_in_time(accepted, &shared, &phase)).await {
            Some(Ok(opened)) => opened,
            Some(Err(error)) => return report(&error),
            // Its time is over. Calls that its client may have made have not been read.
            None => return,
        };
    match http {
        Ok(OpenedHttp::Two(h2)) => {
            connection::serve(Http2Start { h2, handle, info, socket }, shared, phase).await;
        }
        #[cfg(feature = "http1")]
        Ok(OpenedHttp::One(begun)) => {
            let Some(io) = handle.take() else { return };
            Box::pin(http1::serve(Http1Start { io, begun, info, socket }, shared, phase)).await;
        }
        Err(error) => {
            report(&error);
            handle.close(None).await;
        }
    }
}

/// Opens a connection. None if its server does not wait for it.
///
/// When the server begins to drain, the client may have made calls, without having been read, let alone answered:
/// closed without a GOAWAY, it could not know that they were not begun. One that has said nothing for longer has made
/// none.
async fn open_in_time<C: Handshake>(
    accepted: C,
    shared: &ServerShared,
    phase: &watch::Receiver<ServerPhase>,
) -> Option<io::Result<Opened<C::Io>>> {
    let ServerConnectionOptions { handshake_timeout, shutdown_timeout, .. } = shared.options;
    let begun = Instant::now();
    let mut draining = phase.clone();
    let draining = pin!(phase::until_draining(&mut draining));
    let mut opening = pin!(timeout(handshake_timeout, open(accepted, shared)));
    let opened = match run_until(draining, opening.as_mut()).await {
        Some(opened) => opened,
        None => {
            let grace = shutdown_timeout.map_or(OPENING_GRACE, |limit| limit.min(OPENING_GRACE));
            let force = phase::force(phase.clone());
            run_until(pin!(force), timeout_at(begun + grace, opening)).await?.ok()?
        }
    };
    Some(opened.unwrap_or_else(|elapsed| Err(elapsed.into())))
}

/// A connection after its own handshake.
struct Opened<Io> {
    /// Failed if the client does not speak HTTP. It has been sent an explanation then.
    http: io::Result<OpenedHttp<Io>>,
    handle: IoHandle<Io>,
    info: Option<ConnectInfo>,
    /// The connection, as it is counted.
    socket: SocketNode,
}

/// The version of HTTP that is spoken on a connection.
enum OpenedHttp<Io> {
    /// Boxed, so that the task reserves space for it once.
    Two(Box<Http2<Io>>),
    /// With the first bytes that were read.
    #[cfg(feature = "http1")]
    One(Bytes),
}

/// Performs the handshake of `accepted`, and HTTP's after it.
///
/// The connection's own handshake must not start before this is polled: it would hold up accepting.
async fn open<C: Handshake>(accepted: C, shared: &ServerShared) -> io::Result<Opened<C::Io>> {
    let io = accepted.handshake().await?;
    let (info, socket) = shared.open_socket(&io);
    let (io, handle) = ConnectionIo::of_server(io);
    Ok(Opened { http: open_http(io, &shared.options).await, handle, info, socket })
}

/// Finds out which HTTP the client speaks, whatever ALPN has negotiated: that tells the client what it may begin with.
async fn open_http<Io: AsyncRead + AsyncWrite + Unpin>(
    mut io: ConnectionIo<Io>,
    options: &ServerConnectionOptions,
) -> io::Result<OpenedHttp<Io>> {
    match Greeting::read(&mut io).await? {
        Greeting::Http2 => {
            connection::handshake(io, options).await.map(|h2| OpenedHttp::Two(Box::new(h2)))
        }
        #[cfg(feature = "http1")]
        Greeting::Other(begun) if options.accept_http1 && !preface::is_tls(&begun) => {
            Ok(OpenedHttp::One(begun))
        }
        Greeting::Other(begun) => Err(preface::refuse(&mut io, &begun).await),
    }
}

fn report(error: &io::Error) {
    const FAILED: &str = "the handshake of a connection failed";
    match is_first_refusal(error) {
        true => tracing::warn!(%error, "{FAILED}"),
        // Most of them are port scans and health checks of load balancers.
        false => tracing::debug!(%error, "{FAILED}"),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::{
        channelz::ServerNode,
        connection::http_service::{HttpService, ServiceFuture},
        protocol::{http_body::HttpBody, http_reply::no_service},
    };

    struct Nothing;

    impl HttpService for Nothing {
        fn call(&self, request: Request<HttpBody>) -> ServiceFuture {
            ServiceFuture::Refused(Some(no_service(&request)))
        }
    }

    #[test]
    fn the_task_of_a_connection_takes_little_room() {
        let options = ServerConnectionOptions::default();
        let shared = Arc::new(ServerShared::new(Arc::new(Nothing), options, ServerNode::default()));
        let (io, _client) = tokio::io::duplex(1);
        let http2 = size_of::<Http2<tokio::io::DuplexStream>>();
        let task = size_of_val(&serve(io, shared, watch::channel(ServerPhase::Serving).1, None));
        assert!(2 * task < 5 * http2, "{task} bytes, of which HTTP/2 has {http2}");
    }
}
