//! What layers and handlers learn about the connection of a call.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http::Request as HttpRequest;
use rust_scaffold::{
    Channel, ConnectInfo, Connected, ConnectedIo, Handshake, HttpBody, PeerCredentials, Request,
    Response, Server, Status,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader, BufStream, BufWriter, DuplexStream, ReadBuf, duplex},
    net::TcpStream,
};
use tower::util::MapRequestLayer;

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
        SubtractResponse,
    },
    routes::listen,
};

type Answer<T> = Result<Response<T>, Status>;

/// What was known where a request came by: in a layer, and in the handler.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Option<ConnectInfo>>>>);

impl Seen {
    fn push(&self, info: Option<&ConnectInfo>) {
        self.0.lock().unwrap().push(info.cloned());
    }
}

impl Calculator for Seen {
    async fn add(&self, request: Request<AddRequest>) -> Answer<AddResponse> {
        let info = request.extensions().get::<ConnectInfo>();
        self.push(info);
        assert_eq!(info.and_then(ConnectInfo::remote_addr), request.remote_addr());
        assert_eq!(info.and_then(ConnectInfo::local_addr), request.local_addr());
        Ok(Response::new(AddResponse { result: 0 }))
    }

    async fn subtract(&self, _: Request<SubtractRequest>) -> Answer<SubtractResponse> {
        Err(Status::unimplemented("not this one"))
    }
}

/// Makes a call from `client` to `server`, to which the other end of the connection is `accepted`, and gives
/// what its layer and its handler have seen.
async fn seen<C: Handshake>(
    server: Server,
    client: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    accepted: C,
) -> [Option<ConnectInfo>; 2] {
    let (seen, by_layer) = (Seen::default(), Seen::default());
    let layer = by_layer.clone();
    let layer = MapRequestLayer::new(move |request: HttpRequest<HttpBody>| {
        layer.push(request.extensions().get());
        request
    });
    let server = server.add_service(CalculatorServer::new(seen.clone())).layer(layer);
    tokio::spawn(server.serve_incoming(tokio_stream::once(Ok(accepted))));
    let client = Mutex::new(Some(client));
    let channel = Channel::builder("http://calculator").connector(move |_| {
        let io = client.lock().unwrap().take();
        async move { io.ok_or_else(|| io::ErrorKind::ConnectionRefused.into()) }
    });
    let client = CalculatorClient::new(channel.connect().await.unwrap());
    client.add(AddRequest { a: 1, b: 2 }).await.unwrap();
    [by_layer, seen].map(|seen| seen.0.lock().unwrap().pop().unwrap())
}

/// As [`seen`], with `connect_info`, where both have seen the same.
async fn known<C: Handshake>(
    client: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    accepted: C,
) -> ConnectInfo {
    let [by_layer, by_handler] = seen(Server::new().connect_info(true), client, accepted).await;
    let (by_layer, by_handler) = (by_layer.unwrap(), by_handler.unwrap());
    assert_eq!(format!("{by_layer:?}"), format!("{by_handler:?}"));
    by_handler
}

/// Both ends of a TCP connection: the client's and the server's.
async fn tcp() -> (TcpStream, TcpStream) {
    let (listener, address) = listen().await;
    let (client, accepted) = tokio::join!(TcpStream::connect(&address), listener.accept());
    (client.unwrap(), accepted.unwrap().0)
}

#[tokio::test]
async fn the_addresses_of_a_tcp_connection_are_known() {
    let (client, accepted) = tcp().await;
    let (ours, theirs) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
    let info = known(client, accepted).await;
    assert_eq!((info.local_addr(), info.remote_addr()), (Some(theirs), Some(ours)));
    assert_eq!(info.peer_credentials(), None);
    #[cfg(unix)]
    assert!(info.local_unix_addr().is_none() && info.remote_unix_addr().is_none());
}

#[cfg(unix)]
#[tokio::test]
async fn the_addresses_and_the_peer_of_a_unix_socket_are_known() {
    use tokio::net::{UnixListener, UnixSocket};

    let folder = tempfile::tempdir().unwrap();
    let [server_path, client_path] = ["server", "client"].map(|name| folder.path().join(name));
    let listener = UnixListener::bind(&server_path).unwrap();
    for named in [true, false] {
        let socket = UnixSocket::new_stream().unwrap();
        if named {
            socket.bind(&client_path).unwrap();
        }
        let (client, accepted) = tokio::join!(socket.connect(&server_path), listener.accept());
        let info = known(client.unwrap(), accepted.unwrap().0).await;
        assert_eq!(info.local_unix_addr().unwrap().as_pathname(), Some(&*server_path));
        let remote = info.remote_unix_addr().unwrap();
        assert_eq!(remote.as_pathname(), named.then_some(&*client_path));
        assert_eq!(remote.is_unnamed(), !named);
        assert_eq!((info.local_addr(), info.remote_addr()), (None, None));
        let peer = info.peer_credentials().unwrap();
        assert_eq!(peer.uid(), rustix::process::geteuid().as_raw());
        assert_eq!(peer.gid(), rustix::process::getegid().as_raw());
        if cfg!(target_os = "linux") {
            assert_eq!(peer.pid(), Some(std::process::id().try_into().unwrap()));
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_that_listens_on_a_unix_socket_knows_its_peers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calculator.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let seen = Seen::default();
    let server = Server::new().connect_info(true).add_service(CalculatorServer::new(seen.clone()));
    tokio::spawn(server.serve_listener(listener));
    let client = CalculatorClient::connect(format!("unix:{}", path.display())).await.unwrap();
    client.add(AddRequest { a: 1, b: 2 }).await.unwrap();
    let info = seen.0.lock().unwrap().pop().unwrap().unwrap();
    assert_eq!(info.peer_credentials().unwrap().uid(), rustix::process::geteuid().as_raw());
    assert_eq!(info.local_unix_addr().unwrap().as_pathname(), Some(&*path));
}

#[tokio::test]
async fn of_a_connection_in_memory_it_is_known_that_there_is_one() {
    let (client, accepted) = duplex(1024);
    let info = known(client, accepted).await;
    assert_eq!((info.local_addr(), info.remote_addr()), (None, None));
    assert_eq!(info.peer_credentials(), None);
    assert!(info.extensions().is_empty());
}

/// A wrapper as users write it, which counts how often it was asked.
struct Wrapper<T> {
    inner: T,
    asked: Arc<AtomicUsize>,
}

impl<T: Connected> Connected for Wrapper<T> {
    fn connect_info(&self) -> ConnectInfo {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.inner.connect_info()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Wrapper<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Wrapper<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_wrapper_passes_on_what_its_stream_knows() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (client, accepted) = tcp().await;
    let ours = client.local_addr().unwrap();
    let wrapper = Wrapper { inner: accepted, asked: Arc::clone(&asked) };
    let info = known(client, wrapper).await;
    assert_eq!(info.remote_addr(), Some(ours));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "once for the connection");
}

trait AnyIo: Connected + AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: Connected + AsyncRead + AsyncWrite + Unpin + Send> AnyIo for T {}

#[tokio::test]
async fn boxes_and_buffers_pass_on_what_their_stream_knows() {
    let wrap: [fn(TcpStream) -> Box<dyn AnyIo>; 4] = [
        |tcp| Box::new(tcp),
        |tcp| Box::new(BufReader::new(tcp)),
        |tcp| Box::new(BufWriter::new(tcp)),
        |tcp| Box::new(BufStream::new(tcp)),
    ];
    for wrap in wrap {
        let (client, accepted) = tcp().await;
        let ours = client.local_addr().unwrap();
        assert_eq!(known(client, wrap(accepted)).await.remote_addr(), Some(ours));
    }
}

/// What a handshake learns.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tenant(&'static str);

/// Adds to what the stream knows.
struct Learns(TcpStream);

impl Handshake for Learns {
    type Io = ConnectedIo<TcpStream>;

    async fn handshake(self) -> io::Result<Self::Io> {
        tokio::task::yield_now().await;
        let info = self.0.connect_info();
        let info = info.with_remote_addr("192.0.2.1:1234".parse().unwrap());
        let info = info.with_peer_credentials(PeerCredentials::new(1, 2, None));
        Ok(ConnectedIo::new(self.0, info.with_extension(Tenant("a"))))
    }
}

#[tokio::test]
async fn what_a_handshake_has_learnt_is_known() {
    let (client, accepted) = tcp().await;
    let theirs = client.peer_addr().unwrap();
    let info = known(client, Learns(accepted)).await;
    assert_eq!(info.local_addr(), Some(theirs));
    assert_eq!(info.remote_addr(), Some("192.0.2.1:1234".parse().unwrap()));
    assert_eq!(info.peer_credentials(), Some(&PeerCredentials::new(1, 2, None)));
    assert_eq!(info.extensions().get(), Some(&Tenant("a")));
}

#[tokio::test]
async fn requests_know_nothing_unless_the_server_wants_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (client, accepted) = duplex(1024);
    let wrapper: Wrapper<DuplexStream> = Wrapper { inner: accepted, asked: Arc::clone(&asked) };
    let [by_layer, by_handler] = seen(Server::new(), client, wrapper).await;
    assert!(by_layer.is_none() && by_handler.is_none());
    // For channelz, which shows the connection.
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
