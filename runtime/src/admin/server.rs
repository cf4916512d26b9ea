//! How a [`Server`] gets its listener for administrators.

use std::sync::Arc;

use tokio::net::{TcpListener, ToSocketAddrs};
use tonic::server::NamedService as _;

use super::{generated::ChannelzServer, pages::StatusPages, service::ChannelzService};
use crate::server::{
    Server,
    builtins::{BuiltinServices, MakeBuiltins},
    observer::BuildInfo,
    pages::Pages,
    side_listener::SideListener,
};

impl Server {
    /// Lets administrators look at this process on a second port, in plaintext: with channelz
    /// ([`ChannelzService`]) at its channels, servers and sockets, and in plain HTTP at what runs there and since when.
    /// Needs the feature `admin`.
    ///
    /// ```
    /// use rust_scaffold::Server;
    /// # use rust_scaffold::{ServiceServer, codegen::Dispatch};
    ///
    /// # async fn serve<D: Dispatch<S>, S: Send + Sync + 'static>(
    /// #     calculator: ServiceServer<D, S>,
    /// # ) -> std::io::Result<()> {
    /// Server::new()
    ///     .admin("127.0.0.1:9901")
    ///     .build_info(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
    ///     .add_service(calculator)
    ///     .serve("[::]:50051")
    ///     .await
    /// # }
    /// ```
    ///
    /// **Whoever reaches this port learns the addresses and the certificates of all peers, without credentials.** Bind
    /// it to the loopback interface, as above, or to a private network. Interceptors that ask for credentials do not run
    /// here, not even if the server has a [`ChannelzService`] among its own services, behind them: on this port, it is
    /// served without.
    ///
    /// `/status` is the page for people, `/status.json` the one for programs: `curl http://127.0.0.1:9901/status` with
    /// the feature `http1`, and `curl --http2-prior-knowledge` without it.
    ///
    /// Interceptors, layers and options of the server do not apply there. It is listened on when serving starts, which
    /// fails with [`ServeError::Bind`](crate::ServeError::Bind) if that does, and until serving ends: one sees the
    /// server drain. An open connection there delays nothing. A second call replaces the first one's address.
    ///
    /// A server that others serve ([`into_service`](Self::into_service)) has no such port.
    #[must_use]
    pub fn admin(mut self, address: impl ToSocketAddrs + Clone + Send + Sync + 'static) -> Self {
        self.side_listeners().admin = Some(SideListener::bound_to(address, NAME, make_admin()));
        self
    }

    /// Lets administrators look at this process on a bound `listener`, as [`admin`](Self::admin) does on an address.
    /// Clones of a server that serve at the same time take turns. Needs the feature `admin`.
    #[must_use]
    pub fn admin_listener(mut self, listener: TcpListener) -> Self {
        self.side_listeners().admin = Some(SideListener::on(listener, NAME, make_admin()));
        self
    }

    /// The name and the version of the program, as [`admin`](Self::admin) shows them. Default: none. Needs the feature
    /// `admin`.
    #[must_use]
    pub fn build_info(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        let build = BuildInfo { name: name.into(), version: version.into() };
        self.side_listeners().build = Some(build);
        self
    }
}

const NAME: &str = ChannelzServer::<ChannelzService>::NAME;

fn make_admin() -> MakeBuiltins {
    Arc::new(|| {
        let pages = StatusPages::new();
        BuiltinServices {
            services: vec![ChannelzService::new().registered()],
            pages: Some(Pages { path: None, service: pages.clone() }),
            observer: pages,
        }
    })
}
