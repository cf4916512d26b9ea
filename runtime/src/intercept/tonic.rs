//! Interceptors written for tonic.

use tonic::{Request, Status, service::Interceptor as TonicTrait};

use super::{
    call::InterceptedCall,
    interceptor::{Interceptor, Next},
};
use crate::call::{deadline, reply::Reply};

/// A cloneable interceptor for tonic: a function from `Request<()>` to `Result<Request<()>, Status>`. It is cloned
/// for each call.
pub trait TonicInterceptor: TonicTrait + Clone + Send + Sync + 'static {}

impl<F: TonicTrait + Clone + Send + Sync + 'static> TonicInterceptor for F {}

/// Runs a [`TonicInterceptor`] as an [`Interceptor`].
pub(crate) struct TonicAdapter<F>(pub(crate) F);

impl<F: TonicInterceptor> Interceptor for TonicAdapter<F> {
    async fn intercept(&self, mut call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let metadata = std::mem::take(call.metadata_mut());
        let extensions = std::mem::take(call.extensions_mut());
        let request = self.0.clone().call(Request::from_parts(metadata, extensions, ()))?;
        let (metadata, extensions, ()) = request.into_parts();
        // `Request::set_timeout` writes it there.
        if let Some(timeout) = deadline::timeout(metadata.as_ref())? {
            call.set_timeout(timeout);
        }
        *call.metadata_mut() = metadata;
        *call.extensions_mut() = extensions;
        next.run(call).await
    }
}
