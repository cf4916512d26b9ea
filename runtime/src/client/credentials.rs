//! Call credentials: metadata that says who calls, added to each call through a channel.

use std::{future::Future, sync::Arc};

use http::header::HeaderMap;
use tonic::{Code, Status, metadata::MetadataMap};

use super::channel::{Channel, ChannelSecurity};
use crate::{
    call::reply::Reply,
    intercept::{InterceptedCall, Interceptor, Next},
};

/// Credentials of a call, as opposed to those of a connection: metadata that says who makes it.
///
/// [`BearerCredentials`](crate::BearerCredentials) are those for tokens, which they keep and renew. Implement this for
/// any other kind, such as signatures, and give it to [`Channel::call_credentials`].
///
/// See [authentication in gRPC](https://grpc.io/docs/guides/auth/).
pub trait CallCredentials: Send + Sync + 'static {
    /// The metadata to be added to `call`. It is waited for until the call's deadline.
    ///
    /// # Errors
    /// The status with which the call fails: `Unauthenticated` if there are no credentials, `Unavailable` if they cannot
    /// be had now. A code by which services speak of their own matters becomes `Internal`, as [gRFC
    /// A54](https://github.com/grpc/proposal/blob/master/A54-restrict-control-plane-status-codes.md) has it:
    /// `InvalidArgument`, `NotFound`, `AlreadyExists`, `FailedPrecondition`, `Aborted`, `OutOfRange`, `DataLoss`.
    fn metadata(
        &self,
        call: &InterceptedCall,
    ) -> impl Future<Output = Result<MetadataMap, Status>> + Send;

    /// Whether the metadata is for secure connections only. Default: it is.
    fn requires_transport_security(&self) -> bool {
        true
    }
}

impl Channel {
    /// Adds the metadata of `credentials` to each call that is made through this channel, of generated clients and those
    /// of other libraries, unless the call has metadata of that name already. Clones that were made before do not.
    ///
    /// They are sent over secure connections only; other calls fail with `Unauthenticated`, and nothing is sent. These are
    /// secure:
    ///
    /// - connections to `https://`, whoever speaks TLS on them;
    /// - Unix sockets, as for gRPC's local credentials, unless a connector opens them;
    /// - calls in the same process.
    ///
    /// What is behind [`Channel::new`] is not known, and does not count as secure. Credentials that need no secure
    /// connection are sent anywhere ([`BearerCredentials::allow_plaintext`](crate::BearerCredentials::allow_plaintext)).
    /// A layer does not change what the connection is, as long as it passes calls on to it.
    ///
    /// They are an [interceptor](Self::intercept): those that are added later, and layers that were added before, see the
    /// metadata; on a channel that speaks gRPC-Web, all layers do. It is never indexed by the compression of headers, and
    /// not shown by `Debug`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use rust_scaffold::{BearerCredentials, BearerToken, Channel, Status};
    ///
    /// /// Asks the identity provider.
    /// async fn fetch() -> Result<BearerToken, Status> {
    ///     Ok(BearerToken::new("mF_9.B5f-4.1JqM").expires_in(Duration::from_secs(3600)))
    /// }
    ///
    /// # fn channel(channel: Channel) -> Channel {
    /// // Such as `Channel::connect_lazy("https://calculator.example.org")`.
    /// channel.call_credentials(BearerCredentials::new(fetch))
    /// # }
    /// ```
    #[must_use]
    pub fn call_credentials(self, credentials: impl CallCredentials) -> Self {
        let security = self.security;
        self.intercept(AddCredentials { credentials, security })
    }
}

/// Adds credentials to calls through a channel.
struct AddCredentials<C> {
    credentials: C,
    security: ChannelSecurity,
}

impl<C: CallCredentials> Interceptor for AddCredentials<C> {
    async fn intercept(&self, mut call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        if self.credentials.requires_transport_security() {
            self.security.check()?;
        }
        let credentials = self.credentials.metadata(&call).await.map_err(restricted)?;
        add(call.metadata_mut().as_mut(), credentials.into_headers());
        next.run(call).await
    }
}

impl ChannelSecurity {
    fn check(self) -> Result<(), Status> {
        let reason = match self {
            Self::Secure => return Ok(()),
            Self::Plaintext => {
                "the connection is not secure, and whoever listens would have them. Connect to an address with \
                 `https://`"
            }
            Self::Unknown => {
                "it is not known whether the tower service of the channel is secure. Connect a `Channel`"
            }
        };
        Err(Status::unauthenticated(format!(
            "the credentials of the call were not sent: {reason}, or allow plaintext where nobody can listen \
             (`BearerCredentials::allow_plaintext`)"
        )))
    }
}

/// Adds what `headers` do not have.
fn add(headers: &mut HeaderMap, mut credentials: HeaderMap) {
    let names: Vec<_> =
        credentials.keys().filter(|name| !headers.contains_key(*name)).cloned().collect();
    for name in names {
        if let http::header::Entry::Occupied(values) = credentials.entry(name.clone()) {
            for mut value in values.remove_entry_mult().1 {
                value.set_sensitive(true);
                headers.append(name.clone(), value);
            }
        }
    }
}

/// The status of a call whose credentials have failed with `status`.
fn restricted(status: Status) -> Status {
    match status.code() {
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss => {
            let mut internal = Status::internal(format!(
                "the credentials of the call have failed with {:?}, which is no code for that: {}",
                status.code(),
                status.message(),
            ));
            // Its details and metadata are the identity provider's, and may be secret.
            internal.set_source(Arc::new(Status::new(status.code(), status.message())));
            internal
        }
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_services_become_internal() {
        for code in (0..17).map(Code::from_i32) {
            let status = restricted(Status::new(code, "why"));
            let passes = matches!(
                code,
                Code::Cancelled
                    | Code::Unknown
                    | Code::DeadlineExceeded
                    | Code::PermissionDenied
                    | Code::ResourceExhausted
                    | Code::Unimplemented
                    | Code::Internal
                    | Code::Unavailable
                    | Code::Unauthenticated
            );
            assert_eq!(status.code(), if passes { code } else { Code::Internal });
            assert!(status.message().contains("why"), "{status:?}");
        }
    }
}
