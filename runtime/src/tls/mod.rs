//! TLS: certificates and keys from PEM, read again when their files change, as configurations of rustls for
//! clients and servers. What is done on a connection, clients and servers do themselves.

mod certificate;
mod client;
pub(crate) mod crypto;
mod error;
pub(crate) mod failure;
mod file_state;
mod identity;
pub(crate) mod info;
mod pem;
pub(crate) mod reload;
mod roots;
mod server;
pub(crate) mod shown_certificate;

pub use self::{client::ClientTls, error::TlsError, info::TlsInfo, server::ServerTls};
