// Written by `cargo scaffold new`, once: this file is yours.
//! The implementations, with a file for each.

@modules@

use rust_scaffold::Server;

@exports@
use @proto@;

/// A server with all of them. How it serves is up to the program.
pub fn server() -> Server {
    Server::new()
        @added@
}
