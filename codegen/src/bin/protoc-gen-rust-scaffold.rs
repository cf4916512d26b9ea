//! The plugin of protoc: `protoc --rust-scaffold_out=src calculator.proto`.

use std::{
    io::{self, IsTerminal as _, Read as _, Write as _},
    process::ExitCode,
};

use rust_scaffold_build::plugin;

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    let text = match argument.as_deref() {
        Some("--version" | "-V") => format!("{}\n", plugin::version()),
        Some("--help" | "-h") => plugin::help(),
        Some(other) => {
            eprintln!("protoc-gen-rust-scaffold: unknown argument `{other}`\n  help: try --help");
            return ExitCode::FAILURE;
        }
        None if io::stdin().is_terminal() => plugin::help(),
        None => return answer_protoc(),
    };
    finish(io::stdout().write_all(text.as_bytes()))
}

fn answer_protoc() -> ExitCode {
    let mut request = Vec::new();
    if let Err(error) = io::stdin().read_to_end(&mut request) {
        return finish(Err(error));
    }
    match plugin::respond(&request) {
        Ok(reply) => {
            for warning in &reply.warnings {
                eprintln!("warning: {warning}");
            }
            finish(io::stdout().write_all(&reply.response))
        }
        Err(error) => {
            eprintln!("protoc-gen-rust-scaffold: {error}");
            ExitCode::FAILURE
        }
    }
}

fn finish(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("protoc-gen-rust-scaffold: {error}");
            ExitCode::FAILURE
        }
    }
}
