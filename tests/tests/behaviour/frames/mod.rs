//! What comes frame by frame, from peers that do what no library would: each of our sides against
//! HTTP/2 by hand, over a socket.

mod client_calls;
mod client_connections;
mod client_reconnects;
mod client_statuses;
pub(crate) mod frame;
mod keepalive;
pub(crate) mod peer;
mod server_calls;
mod server_connections;
