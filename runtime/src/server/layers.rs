//! The layers of a server, which wrap its services once all of them are known.

use std::{any::type_name, fmt, sync::Arc};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::routes::Routes;
use crate::{
    call::status::BoxError,
    protocol::http_body::{BytesBody, HttpBody},
};

/// Layers, the outermost one first.
#[derive(Clone, Default)]
pub(super) struct Layers(Vec<ErasedLayer>);

#[derive(Clone)]
struct ErasedLayer {
    name: &'static str,
    wrap: Arc<dyn Fn(Routes) -> Routes + Send + Sync>,
}

impl Layers {
    /// Adds a layer inside of the others.
    pub(super) fn add<L, B>(&mut self, layer: L)
    where
        L: Layer<Routes> + Send + Sync + 'static,
        L::Service: Service<Request<HttpBody>, Response = Response<B>>,
        L::Service: Clone + Send + Sync + 'static,
        <L::Service as Service<Request<HttpBody>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<HttpBody>>>::Future: Send + 'static,
        B: BytesBody,
    {
        let wrap = move |routes| Routes::layered(layer.layer(routes));
        self.0.push(ErasedLayer { name: type_name::<L>(), wrap: Arc::new(wrap) });
    }

    /// Wraps `routes`, which stay as they are if there are no layers.
    pub(super) fn wrap(&self, routes: Routes) -> Routes {
        self.0.iter().rev().fold(routes, |inner, layer| (layer.wrap)(inner))
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|layer| layer.name)).finish()
    }
}
