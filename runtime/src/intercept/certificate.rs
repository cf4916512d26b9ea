//! The interceptor with which a server looks at the certificates of its clients.

use std::{fmt, future::Future};

use tonic::Status;

use super::{
    call::InterceptedCall,
    interceptor::{Interceptor, Next},
};
use crate::{call::reply::Reply, connection::connect_info::ConnectInfo, tls::TlsInfo};

/// An interceptor for servers: a call needs a client certificate, and handlers see whose it is.
///
/// The server has verified the certificate in the handshake ([`ServerTls::client_ca`](crate::ServerTls::client_ca)). What
/// is left for `identify` is to say who that is, by the SPIFFE ID or the names in it. What it returns is put into the
/// extensions of the request; a status ends the call: `PermissionDenied` for somebody who may not make it.
///
/// A call over a connection without a client certificate ends with `Unauthenticated`, as does every call to a server
/// without [`Server::connect_info`](crate::Server::connect_info), which does not know its connections.
///
/// ```
/// use rust_scaffold::{CertificateAuth, Server, ServerTls, Status, TlsInfo};
///
/// /// The service that calls.
/// #[derive(Clone)]
/// struct Peer(String);
///
/// async fn identify(tls: TlsInfo) -> Result<Peer, Status> {
///     match tls.spiffe_id().and_then(|id| id.strip_prefix("spiffe://example.org/")) {
///         Some(service) => Ok(Peer(service.to_owned())),
///         None => Err(Status::permission_denied("only services of example.org may call")),
///     }
/// }
///
/// let tls = ServerTls::from_pem_files("/etc/tls/tls.crt", "/etc/tls/tls.key")
///     .client_ca("/etc/tls/ca.crt");
/// let server =
///     Server::new().tls(tls).connect_info(true).intercept(CertificateAuth::new(identify));
/// ```
#[derive(Clone)]
pub struct CertificateAuth<V> {
    identify: V,
}

impl<V> CertificateAuth<V> {
    /// Demands a certificate of somebody whom `identify` knows.
    pub fn new<F, Id>(identify: V) -> Self
    where
        V: Fn(TlsInfo) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Id, Status>> + Send,
        Id: Clone + Send + Sync + 'static,
    {
        Self { identify }
    }
}

impl<V, F, Id> Interceptor for CertificateAuth<V>
where
    V: Fn(TlsInfo) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Id, Status>> + Send,
    Id: Clone + Send + Sync + 'static,
{
    async fn intercept(&self, mut call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let identity = (self.identify)(certified(&call)?).await?;
        call.extensions_mut().insert(identity);
        next.run(call).await
    }
}

/// What TLS says of a client that has a certificate.
fn certified(call: &InterceptedCall) -> Result<TlsInfo, Status> {
    let Some(peer) = call.peer() else {
        let reason = "the server does not know its connections: `Server::connect_info` is off";
        return Err(Status::unauthenticated(reason));
    };
    let tls = ConnectInfo::tls(peer).filter(|tls| !tls.peer_certificates().is_empty());
    tls.cloned().ok_or_else(|| Status::unauthenticated("the client has no certificate"))
}

impl<V> fmt::Debug for CertificateAuth<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuth").finish_non_exhaustive()
    }
}
