//! `cargo scaffold sync`

mod cases;
mod compiled;
mod files;
mod properties;
mod written;
