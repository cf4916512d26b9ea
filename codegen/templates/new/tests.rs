// Written by `cargo scaffold new`, once: this file is yours.
//! Services are tested through their clients, and what calls them with their mocks; neither needs a socket.

@modules@
