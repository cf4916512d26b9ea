// Written by `cargo scaffold new`, once: this file is yours.
//! The services of `@package@`.

pub mod services;
#[cfg(test)]
mod tests;
