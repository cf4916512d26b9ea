//! HTTP/1.1, on servers. The only module that names the `hyper` crate.

mod call;
mod connection;
mod io;
mod state;

pub(crate) use self::connection::{Http1Start, serve};
