//! Servers behind proxies: whom they take for the client.

mod forwarded;
mod protocol;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use rust_scaffold::{
    Channel, ChannelBuilder, ClientIp, ConnectInfo, InterceptedCall, Interceptor, Next, Reply,
    Request, Response, Server, Status,
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
        SubtractResponse,
    },
    routes::listen,
};

/// A header of version 1, from `203.0.113.7:4711`.
pub(crate) const VERSION_1: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.2 4711 443\r\n";
/// One of version 2, from `[2001:db8::7]:4711`, with an extension.
pub(crate) const VERSION_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x29\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\
    \x12\x67\x01\xbb\
    \x01\0\x02h2";

/// What the server knows of who calls: in an interceptor, and in the handler.
#[derive(Clone, Default)]
pub(crate) struct Callers(Arc<Mutex<Vec<Caller>>>);

#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) info: ConnectInfo,
    pub(crate) client: Option<IpAddr>,
}

impl Callers {
    /// A server that knows of connections.
    pub(crate) fn server(&self) -> Server {
        let server = Server::new().connect_info(true).intercept(self.clone());
        server.add_service(CalculatorServer::new(self.clone()))
    }

    /// Serves on a free port.
    pub(crate) async fn serve(server: Server) -> SocketAddr {
        let (listener, address) = listen().await;
        tokio::spawn(server.serve_listener(listener));
        address
    }

    /// Makes a call, and says who has made it, as the interceptor and the handler see it.
    pub(crate) async fn of_call(&self, request: Request<AddRequest>, channel: Channel) -> Caller {
        CalculatorClient::new(channel).add(request).await.unwrap();
        self.last()
    }

    pub(crate) fn last(&self) -> Caller {
        let mut callers = self.0.lock().unwrap();
        let [in_handler, in_interceptor] = [callers.pop().unwrap(), callers.pop().unwrap()];
        assert_eq!(in_handler.info.remote_addr(), in_interceptor.info.remote_addr());
        // Interceptors are told the peer's address if nothing else is known.
        let peer = in_handler.info.remote_addr().map(|address| address.ip());
        assert_eq!(in_interceptor.client, in_handler.client.or(peer));
        in_handler
    }
}

impl Interceptor for Callers {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let caller = Caller { info: call.peer().unwrap().clone(), client: call.client_ip() };
        self.0.lock().unwrap().push(caller);
        next.run(call).await
    }
}

impl Calculator for Callers {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let extensions = request.extensions();
        let info = extensions.get::<ConnectInfo>().unwrap().clone();
        let client = extensions.get().map(ClientIp::address);
        self.0.lock().unwrap().push(Caller { info, client });
        Ok(Response::new(AddResponse { result: 0 }))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("not this one"))
    }
}

/// A channel whose connections to `address` begin with `header`, which is sent byte by byte.
pub(crate) fn through(target: &str, address: SocketAddr, header: &[u8]) -> ChannelBuilder {
    let header = header.to_vec();
    Channel::builder(target).connector(move |_| {
        let header = header.clone();
        async move {
            let mut tcp = TcpStream::connect(address).await?;
            tcp.set_nodelay(true)?;
            for byte in header.chunks(1) {
                tcp.write_all(byte).await?;
                tokio::task::yield_now().await;
            }
            Ok(tcp)
        }
    })
}

pub(crate) fn add() -> Request<AddRequest> {
    Request::new(AddRequest { a: 1, b: 2 })
}
