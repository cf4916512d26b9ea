//! How a [`Server`] gets its explorer.

use std::sync::Arc;

use super::{Explorer, page::ExplorerPage};
use crate::{
    connection::http_service::HttpService,
    server::{Server, builtins::BuiltinServices, local_hosts::LocalHosts, pages::Pages},
};

impl Server {
    /// Serves a page on which people look at all services of this server, whether they are added before or after this,
    /// and call them from the browser: `http://127.0.0.1:50051/docs`. Default: none. Needs the feature `explorer`.
    ///
    /// ```
    /// use rust_scaffold::Server;
    /// # use rust_scaffold::{ServiceServer, codegen::Dispatch};
    ///
    /// # async fn serve<D: Dispatch<S>, S: Send + Sync + 'static>(
    /// #     calculator: ServiceServer<D, S>,
    /// # ) -> std::io::Result<()> {
    /// Server::new().explorer("/docs").add_service(calculator).serve("127.0.0.1:50051").await
    /// # }
    /// ```
    ///
    /// The page has a form for each request, with its JSON beside it, and shows what comes back: messages, status,
    /// details of errors, headers, trailers and time. Each call has a link, and can be copied as curl, grpcurl or Rust.
    /// It is one file that loads nothing else, in HTML that names its own scripts
    /// ([CSP](https://www.w3.org/TR/CSP3/)), and calls by Connect with JSON, through layers, limits and interceptors
    /// like any other client. A browser sends all of a request before it reads the response, so streams in both
    /// directions are half duplex there. Of a tower service, there is the name alone.
    ///
    /// Fields with the option `debug_redact` are masked, and neither kept nor copied.
    ///
    /// **Whoever reaches the page sees all services and their messages.** On other addresses than those of this
    /// machine, where none is known ([`serve_incoming`](Self::serve_incoming),
    /// [`into_service`](Self::into_service)), and with [`proxy_protocol`](Self::proxy_protocol) or
    /// [`forwarded_for`](Self::forwarded_for), serving fails with
    /// [`ServeError::InvalidOption`](crate::ServeError::InvalidOption), unless
    /// [`Explorer::on_public_addresses`] has been said. A [layer](Self::layer) may ask for credentials: the page passes
    /// through it.
    #[must_use]
    pub fn explorer(self, explorer: impl Into<Explorer>) -> Self {
        let explorer = explorer.into();
        self.add_builtins(Arc::new(move || {
            let page = Arc::new(ExplorerPage::new(explorer.clone()));
            let service: Arc<dyn HttpService> = match explorer.is_public() {
                true => Arc::clone(&page) as _,
                false => Arc::new(LocalHosts(Arc::clone(&page) as _)),
            };
            let pages = Pages { path: Some(explorer.path().to_owned()), service };
            BuiltinServices { services: Vec::new(), pages: Some(pages), observer: page }
        }))
    }
}
