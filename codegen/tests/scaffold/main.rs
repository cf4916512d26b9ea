//! Runs `cargo scaffold` as its users do.

#![allow(clippy::unwrap_used)]

mod arguments;
mod breaking;
mod doctor;
mod generate;
mod new;
mod page;
mod project;
#[path = "../fuzz/random.rs"]
mod random;
mod sync;
