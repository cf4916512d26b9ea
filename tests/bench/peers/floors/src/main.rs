//! What a call costs without gRPC: `h2-echo` over bare HTTP/2, `tcp-echo` over bare TCP.
//!
//! The first word says which.
