//! The services of a server behind its limits.

use std::{future::poll_fn, pin::pin, sync::Arc};

use http::{Request, Response};

use super::{
    admission::AdmittedCall,
    options::LimitOptions,
    table::{LimitTable, LimitedService},
};
use crate::{
    connection::http_service::{HttpService, ServiceFuture},
    protocol::{Protocol, http_body::HttpBody, http_reply::failed},
    server::error::ServeError,
};

/// Refuses the calls that exceed a limit when they arrive, before they wait for anything, and passes on the others.
pub(crate) struct LimitedRoutes {
    routes: Arc<dyn HttpService>,
    limits: LimitTable,
}

impl LimitedRoutes {
    /// Puts `routes`, which have these `services`, behind the limits that are set in `options`.
    ///
    /// # Errors
    /// A limit is zero, or is for a service or a method that there is not.
    pub(crate) fn wrap(
        routes: Arc<dyn HttpService>,
        services: &[LimitedService],
        options: &LimitOptions,
    ) -> Result<Arc<dyn HttpService>, ServeError> {
        if options.is_unlimited() {
            return Ok(routes);
        }
        let limits = LimitTable::resolve(services, options)?;
        Ok(Arc::new(Self { routes, limits }))
    }
}

impl HttpService for LimitedRoutes {
    fn call(&self, mut request: Request<HttpBody>) -> ServiceFuture {
        let Some(limits) = self.limits.of(request.uri().path()) else {
            return self.routes.call(request);
        };
        let protocol = Protocol::of_call(request.headers());
        match limits.admit(&mut request) {
            Ok(admitted) => {
                let response = serve(protocol, self.routes.call(request), admitted);
                ServiceFuture::Other(protocol, Box::pin(response))
            }
            Err(status) => ServiceFuture::Refused(Some(Box::new(failed(protocol, &status)))),
        }
    }
}

async fn serve(
    protocol: Option<Protocol>,
    mut serving: ServiceFuture,
    mut admitted: AdmittedCall,
) -> Response<HttpBody> {
    let response = pin!(poll_fn(|cx| serving.poll(cx).map(Ok)));
    match admitted.deadline.limit(response).await {
        Ok(response) => admitted.hold(response),
        Err(expired) => failed(protocol, &expired),
    }
}
