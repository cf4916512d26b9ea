//! Interceptors: what runs around each call, on clients and servers, over whatever transport.

pub(crate) mod bearer;
mod call;
#[cfg(all(feature = "server", feature = "_tls", not(target_family = "wasm")))]
mod certificate;
mod end;
mod except;
pub(crate) mod http;
pub(crate) mod interceptor;
#[cfg(feature = "rate-limit")]
mod rate_limit;
mod reply;
pub(crate) mod tonic;

#[cfg(all(feature = "server", feature = "_tls", not(target_family = "wasm")))]
pub use self::certificate::CertificateAuth;
#[cfg(feature = "rate-limit")]
pub use self::rate_limit::{Rate, RateLimit};
pub use self::{
    bearer::{BearerAuth, BearerToken},
    call::{InterceptedCall, Role},
    end::CallEnd,
    except::Except,
    interceptor::{Interceptor, Next, SharedInterceptor},
    tonic::TonicInterceptor,
};
