//! How what a [`Server`] serves is put together.

use std::{sync::Arc, time::Duration};

#[cfg(any(feature = "explorer", feature = "health", feature = "reflection"))]
use super::builtins::MakeBuiltins;
#[cfg(feature = "log")]
use super::call_log::CallLog;
#[cfg(feature = "tracing")]
use super::observed::CallObserver;
#[cfg(feature = "_observed")]
use super::observed::CallObservers;
#[cfg(feature = "rest")]
use super::rest::RestRoutes;
#[cfg(any(feature = "admin", feature = "health"))]
use super::side_listener::SideListeners;
#[cfg(feature = "_tls")]
use super::tls_handshake::TlsServer;
#[cfg(feature = "web")]
use super::translate::routes::TranslatedRoutes;
use super::{
    error::ServeError,
    limits::LimitedRoutes,
    observer::Observers,
    prepared::{PreparedServer, ServedRoutes},
    proxy::ProxyReader,
    routes::Routes,
    serve::Server,
};
#[cfg(feature = "web")]
use crate::connection::http_service::HttpService;
use crate::{
    call::deadline,
    channelz::{IS_COUNTED, ServerNode},
};

impl Server {
    /// Adds services that answer for the server itself.
    #[cfg(any(feature = "explorer", feature = "health", feature = "reflection"))]
    pub(crate) fn add_builtins(mut self, make: MakeBuiltins) -> Self {
        self.builtins.add(make);
        self
    }

    /// Has `observer` observe all calls, inside of those that were added before.
    #[cfg(feature = "tracing")]
    pub(super) fn observe_calls(mut self, observer: Arc<dyn CallObserver>) -> Self {
        self.call_observers.add(observer);
        self
    }

    /// Has `log` observe all calls, and written to the end before serving ends.
    #[cfg(feature = "log")]
    pub(super) fn with_call_log(mut self, log: CallLog) -> Self {
        self.call_log = Some(log);
        self
    }

    /// The observers of calls. The log is the innermost one: it sees the traces that others begin.
    #[cfg(feature = "_observed")]
    fn all_call_observers(&self) -> CallObservers {
        #[cfg(feature = "log")]
        if let Some(log) = &self.call_log {
            let mut observers = self.call_observers.clone();
            observers.add(Arc::new(log.clone()));
            return observers;
        }
        self.call_observers.clone()
    }

    /// What else is listened on.
    #[cfg(any(feature = "admin", feature = "health"))]
    pub(crate) fn side_listeners(&mut self) -> &mut SideListeners {
        &mut self.side_listeners
    }

    /// Reads the certificates. Fails if something about the server is invalid, or the runtime has no timers.
    pub(crate) fn prepare(mut self) -> Result<PreparedServer, ServeError> {
        self.options.connection.connect_info |= self.forwarded_for.is_some();
        let wants_info = self.wants_info();
        let options = std::mem::take(&mut self.options);
        options.check()?;
        let timer = deadline::timer("serving", || tokio::time::sleep(Duration::ZERO));
        timer.map(drop).map_err(|reason| ServeError::NoTimers { reason })?;
        Ok(PreparedServer {
            #[cfg(feature = "_tls")]
            tls: match self.tls.take() {
                Some(mut tls) => {
                    tls.http1 = options.connection.accept_http1;
                    Some(TlsServer::new(tls, wants_info)?)
                }
                None => None,
            },
            proxies: ProxyReader::new(options.proxy_protocol.as_ref(), wants_info)?,
            expects_proxies: options.proxy_protocol.is_some() || self.forwarded_for.is_some(),
            options,
            services: self.complete()?,
            node: ServerNode::default(),
        })
    }

    /// Whether what is known about a connection is to be found out.
    fn wants_info(&self) -> bool {
        #[cfg(feature = "_observed")]
        if !self.all_call_observers().is_empty() {
            return true;
        }
        self.options.connection.connect_info || IS_COUNTED
    }

    /// Puts everything that is served together. Fails if two services have the same name, or a limit
    /// is for none of them.
    pub(super) fn complete(self) -> Result<ServedRoutes, ServeError> {
        #[cfg(feature = "_observed")]
        let call_observers = self.all_call_observers();
        let (mut routes, mut observers) = (self.routes, Observers::default());
        // The server's own services are not limited: it answers for its health however busy it is.
        let limited = routes.limited();
        routes.limit_messages(&self.limits);
        self.builtins.iter().for_each(|make| make().add_to(&mut routes, &mut observers));
        routes.check()?;
        #[cfg(any(feature = "admin", feature = "health"))]
        let side_listeners = self.side_listeners.prepare(&routes, &mut observers);
        let entries = routes.entries();
        #[cfg(feature = "web")]
        let connect = routes.connect_services();
        #[cfg(feature = "rest")]
        let rest = match self.refuses_rest {
            true => RestRoutes::default(),
            false => routes.rest_routes(self.openapi.as_ref())?,
        };
        routes.intercept(&self.interceptors);
        #[cfg(feature = "_observed")]
        let methods = routes.methods();
        let routes = LimitedRoutes::wrap(Arc::new(routes), &limited, &self.limits)?;
        let routes = self.layers.wrap(Routes::new(routes));
        #[cfg(feature = "_observed")]
        let routes = call_observers.wrap(routes, &methods);
        #[cfg(feature = "web")]
        let routes = {
            let routes: Arc<dyn HttpService> = Arc::new(TranslatedRoutes {
                inner: routes.into_http_service(),
                connect,
                #[cfg(feature = "rest")]
                rest,
            });
            Routes::new(self.cors.map_or(Ok(Arc::clone(&routes)), |cors| cors.wrap(routes))?)
        };
        let routes = match self.forwarded_for {
            Some(forwarded_for) => forwarded_for.wrap(routes)?,
            None => routes,
        };
        Ok(ServedRoutes {
            routes,
            #[cfg(feature = "log")]
            call_log: self.call_log,
            entries,
            observers,
            #[cfg(any(feature = "admin", feature = "health"))]
            side_listeners,
        })
    }
}
