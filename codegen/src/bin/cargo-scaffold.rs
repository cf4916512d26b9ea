//! `cargo scaffold`, which cargo starts as `cargo-scaffold scaffold`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rust_scaffold_build::scaffold::main(std::env::args_os())
}
