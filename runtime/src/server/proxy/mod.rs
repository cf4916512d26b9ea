//! Servers behind proxies: who calls, as the proxies say.

mod forwarded;
mod handshake;
mod header;
mod networks;

pub(super) use self::handshake::{ProxyReader, is_first_refusal};
pub use self::{forwarded::ForwardedFor, handshake::ProxyProtocol};
