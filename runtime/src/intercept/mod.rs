//! Interceptors: what runs around each call, on clients and servers, over whatever transport.

mod call;
mod end;
pub(crate) mod http;
pub(crate) mod interceptor;
mod reply;
pub(crate) mod tonic;

pub use self::{
    call::{InterceptedCall, Role},
    end::CallEnd,
    interceptor::{Interceptor, Next, SharedInterceptor},
    tonic::TonicInterceptor,
};
