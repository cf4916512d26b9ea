//! A server's connection, whichever version of HTTP is spoken on it: its handshake, what is known about it, and the
//! service that its requests are given to.

pub(crate) mod connect_info;
pub(crate) mod connected;
#[cfg(feature = "_observed")]
mod fitted;
pub(crate) mod handshake;
pub(crate) mod http_service;
