//! What mocks add to the compilation of a service with 40 methods, ours and mockall's.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rust_scaffold_build::Mock;

use crate::report::{MOCKALL, Report};
use crate::{median, output};

const METHODS: usize = 40;
const ROUNDS: usize = 5;

/// A package that is compiled.
struct Package {
    name: &'static str,
    /// Whether the generated mock, or mockall's, is in it.
    mocks: bool,
    ours: bool,
}

const PACKAGES: [Package; 4] = [
    Package { name: "ours-with", mocks: true, ours: true },
    Package { name: "ours-without", mocks: false, ours: true },
    Package { name: "mockall-with", mocks: true, ours: false },
    Package { name: "mockall-without", mocks: false, ours: false },
];

pub(super) fn measure(report: &mut Report) -> Result<(), String> {
    let workspace = workspace();
    write(&workspace).map_err(|error| format!("{}: {error}", workspace.display()))?;
    for command in ["check", "build"] {
        cargo(&workspace, command, &["--workspace"])?;
        let mut found = [const { Vec::new() }; PACKAGES.len()];
        for _ in 0..ROUNDS {
            for (package, found) in PACKAGES.iter().zip(&mut found) {
                found.push(compile(&workspace, command, package.name)?);
            }
        }
        let [with, without, mockall_with, mockall_without] = found.map(median);
        let case = format!("{METHODS} methods, cargo {command}");
        let metric = ("CPU of mocks", "s");
        report.add((&case, "rust-scaffold"), metric, with - without);
        report.add((&case, MOCKALL), metric, mockall_with - mockall_without);
    }
    Ok(())
}

fn workspace() -> PathBuf {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    bench.ancestors().nth(2).unwrap_or(bench).join("target/bench-mocks")
}

/// The CPU seconds that one package takes, whose dependencies are built already.
fn compile(workspace: &Path, command: &str, package: &str) -> Result<f64, String> {
    let source = workspace.join(package).join("src/lib.rs");
    let text = fs::read_to_string(&source).map_err(|error| error.to_string())?;
    fs::write(&source, text).map_err(|error| error.to_string())?;
    let before = cpu_of_children();
    cargo(workspace, command, &["--package", package])?;
    Ok(cpu_of_children() - before)
}

/// What the processes that this one has started and waited for have had of the CPU.
fn cpu_of_children() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let statistics = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name of the program, which may hold spaces: see proc_pid_stat(5).
    let fields = statistics.rsplit(") ").next().unwrap_or_default();
    let ticks = |index| -> f64 {
        fields.split(' ').nth(index).and_then(|text| text.parse().ok()).unwrap_or_default()
    };
    (ticks(13) + ticks(14)) / TICKS_PER_SECOND
}

fn cargo(workspace: &Path, command: &str, arguments: &[&str]) -> Result<(), String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([command, "--quiet", "--offline"]).args(arguments).current_dir(workspace);
    cargo.env("CARGO_INCREMENTAL", "0").env("CARGO_TARGET_DIR", workspace.join("target"));
    output(&mut cargo).map(drop)
}

/// Writes a workspace with all packages, and with the versions of this one.
fn write(workspace: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = bench.ancestors().nth(2).ok_or("the package is not in its workspace")?;
    fs::create_dir_all(workspace)?;
    let names = PACKAGES.iter().map(|package| format!("{:?}", package.name)).collect::<Vec<_>>();
    let members = names.join(", ");
    fs::write(
        workspace.join("Cargo.toml"),
        format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n"),
    )?;
    fs::copy(root.join("Cargo.lock"), workspace.join("Cargo.lock"))?;
    let proto = workspace.join("big.proto");
    fs::write(&proto, self::proto())?;
    for package in &PACKAGES {
        let folder = workspace.join(package.name);
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("Cargo.toml"), manifest(package, &root.join("runtime")))?;
        let mock = if package.ours && package.mocks { Mock::Always } else { Mock::Never };
        rust_scaffold_build::configure()
            .emit_rerun_if_changed(false)
            .mock(mock)
            .out_dir(folder.join("src"))
            .compile_protos(&[&proto], &[workspace])?;
        fs::write(folder.join("src/lib.rs"), library(package))?;
    }
    Ok(())
}

fn manifest(package: &Package, runtime: &Path) -> String {
    format!(
        "[package]\nname = {:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         mockall = \"0.15\"\n\
         rust-scaffold = {{ path = {runtime:?}, features = [\"mock\"] }}\n",
        package.name
    )
}

fn proto() -> String {
    let mut proto = String::from("syntax = \"proto3\";\npackage big;\n\nservice Big {\n");
    // Writing to a string cannot fail.
    for method in 0..METHODS {
        let _ = writeln!(proto, "  rpc Call{method}(Request{method}) returns (Response{method});");
    }
    proto.push_str("}\n");
    for method in 0..METHODS {
        for side in ["Request", "Response"] {
            let _ = writeln!(
                proto,
                "message {side}{method} {{ string name = 1; int32 number = 2; \
                 repeated string tags = 3; }}"
            );
        }
    }
    proto
}

/// The generated code, and a use of each expectation.
fn library(package: &Package) -> String {
    let mut library = String::from("pub mod big;\npub use big::*;\n");
    if !package.ours {
        library.push_str(&mockall_trait(package.mocks));
    }
    if package.mocks {
        let mock = if package.ours { "MockBig" } else { "MockContract" };
        let _ =
            writeln!(library, "pub fn set_up() -> {mock} {{\n    let mut mock = {mock}::new();");
        for method in 0..METHODS {
            let _ = match package.ours {
                true => writeln!(
                    library,
                    "    mock.expect_call{method}().with(Request{method}::default()).once()\
                     .returns(Response{method}::default());"
                ),
                false => writeln!(
                    library,
                    "    mock.expect_call{method}()\
                     .withf(|it| *it.get_ref() == Request{method}::default()).times(1)\
                     .returning(|_| Box::pin(std::future::ready(Ok(\
                     rust_scaffold::Response::new(Response{method}::default())))));"
                ),
            };
        }
        let mock = if package.ours { "let _ = &mut mock; mock" } else { "mock" };
        let _ = writeln!(library, "    {mock}\n}}");
    }
    library
}

fn mockall_trait(is_mocked: bool) -> String {
    let mut text = String::from(if is_mocked { "#[mockall::automock]\n" } else { "" });
    text.push_str("pub trait Contract: Send + Sync + 'static {\n");
    for method in 0..METHODS {
        let _ = writeln!(
            text,
            "    fn call{method}(&self, request: rust_scaffold::Request<Request{method}>) -> \
             impl Future<Output = Result<rust_scaffold::Response<Response{method}>, \
             rust_scaffold::Status>> + Send;"
        );
    }
    text.push_str("}\n");
    text
}
