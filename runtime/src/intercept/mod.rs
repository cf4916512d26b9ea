//! Interceptors: what runs around each call, on clients and servers, over whatever transport.

#[cfg(feature = "opentelemetry")]
pub(crate) mod attempts;
pub(crate) mod bearer;
mod call;
#[cfg(feature = "opentelemetry")]
pub(crate) mod call_metrics;
#[cfg(all(feature = "server", feature = "_tls", not(target_family = "wasm")))]
mod certificate;
pub(crate) mod end;
mod except;
pub(crate) mod http;
pub(crate) mod interceptor;
#[cfg(feature = "rate-limit")]
mod rate_limit;
mod reply;
pub(crate) mod tonic;
#[cfg(feature = "tracing")]
pub(crate) mod trace_calls;
#[cfg(feature = "opentelemetry")]
mod trace_context;

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
