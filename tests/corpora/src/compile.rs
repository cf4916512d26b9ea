//! Compiles what was generated, as a crate of its own: ours with its mocks, too.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use nix::sys::resource::{UsageWho, getrusage};

use crate::measure::{Generator, first_lines};

/// What rustc made of the code.
pub(crate) struct Compiled {
    /// For `cargo check` of the crate alone, without mocks.
    pub(crate) cpu_seconds: f64,
    /// How many errors there are, and the first of them.
    pub(crate) errors: usize,
    pub(crate) first: String,
}

const MOCKS: &[&str] = &["--features", "mock"];

/// Real APIs hold messages that hold each other far deeper than rustc's 128.
const LIBRARY: &str =
    "#![recursion_limit = \"1024\"]\n#![allow(warnings)]\ninclude!(\"code/mod.rs\");\n";

/// As programs have generated code: in a private module, of which clippy says more.
const PROGRAM: &str = "#![recursion_limit = \"1024\"]\n#[path = \"code/mod.rs\"]\nmod code;\n";

/// Compiles what is in `out`, and has clippy look at it where it is `linted`.
pub(crate) fn check(
    generator: Generator,
    (directory, out): (&Path, &Path),
    linted: bool,
) -> Result<Compiled, String> {
    let package = directory.join("crates").join(generator.name());
    let failed = |error: std::io::Error| format!("{}: {error}", package.display());
    let source = package.join("src");
    let _ = fs::remove_dir_all(&source);
    fs::create_dir_all(&source).map_err(failed)?;
    fs::write(package.join("Cargo.toml"), manifest(generator)?).map_err(failed)?;
    // Not what this repository has clippy say.
    fs::write(package.join("clippy.toml"), "").map_err(failed)?;
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    fs::copy(lock, package.join("Cargo.lock")).map_err(failed)?;
    fs::write(source.join("lib.rs"), "").map_err(failed)?;
    // What the crate depends on is compiled before the clock starts.
    for features in [&[][..], MOCKS] {
        let prepared = cargo((&package, directory), "check", features)?;
        if !prepared.status.success() {
            return Err(first_lines(&prepared.stderr));
        }
    }
    std::os::unix::fs::symlink(out, source.join("code")).map_err(failed)?;
    fs::write(source.join("lib.rs"), LIBRARY).map_err(failed)?;
    let before = cpu_of_children()?;
    let output = cargo((&package, directory), "check", &[])?;
    let cpu_seconds = cpu_of_children()? - before;
    if !output.status.success() || generator != Generator::Ours {
        return Ok(compiled(&output, cpu_seconds));
    }
    let output = cargo((&package, directory), "check", MOCKS)?;
    if !output.status.success() || !linted {
        return Ok(compiled(&output, cpu_seconds));
    }
    fs::write(source.join("lib.rs"), PROGRAM).map_err(failed)?;
    let strict = [MOCKS, &["--", "-D", "warnings"]].concat();
    Ok(compiled(&cargo((&package, directory), "clippy", &strict)?, cpu_seconds))
}

fn compiled(output: &Output, cpu_seconds: f64) -> Compiled {
    let text = String::from_utf8_lossy(&output.stderr);
    let is_error = |line: &&str| line.starts_with("error") && !line.contains("could not compile");
    let errors = text.lines().filter(is_error).count();
    let first = text.find("error").map_or("", |at| &text[at..]);
    let errors = if output.status.success() { 0 } else { errors.max(1) };
    Compiled { cpu_seconds, errors, first: first_lines(first.as_bytes()) }
}

fn manifest(generator: Generator) -> Result<String, String> {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime");
    let runtime = runtime.canonicalize().map_err(|error| error.to_string())?;
    let dependencies = match generator {
        Generator::Ours => format!("rust-scaffold = {{ path = {runtime:?} }}\n"),
        Generator::Tonic => {
            "tonic = \"0.14\"\ntonic-prost = \"0.14\"\nprost = \"0.14\"\nprost-types = \"0.14\"\n"
                .to_owned()
        }
    };
    let feature = if generator == Generator::Ours { "\"rust-scaffold/mock\"" } else { "" };
    Ok(format!(
        "[package]\nname = \"code\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [features]\nmock = [{feature}]\n\n[dependencies]\n{dependencies}\n[workspace]\n"
    ))
}

fn cargo(
    (package, directory): (&Path, &Path),
    command: &str,
    arguments: &[&str],
) -> Result<Output, String> {
    // All crates share what they depend on.
    let target = directory.with_file_name("compiled");
    Command::new(env!("CARGO"))
        .args([command, "--quiet"])
        .args(arguments)
        .current_dir(package)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "0")
        .output()
        .map_err(|error| error.to_string())
}

fn cpu_of_children() -> Result<f64, String> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| error.to_string())?;
    let seconds = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6);
    Ok(seconds[0] + seconds[1])
}
