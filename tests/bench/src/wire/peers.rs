//! The programs of the peers, built when they are needed.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Case, Setup, certificates::Certificates};
use crate::{
    output,
    report::{BASELINE, OURS},
};

/// A peer's program.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// The program, and what comes before its own arguments.
    words: Vec<OsString>,
    /// Whether it only makes small unary calls and echoes.
    floor: bool,
    /// Whether it makes calls in each [`Setup`].
    knows_setups: bool,
    /// Tells it of one.
    variable: Option<(&'static str, OsString)>,
}

impl Peer {
    fn new(name: &'static str, words: Vec<OsString>) -> Self {
        Self { name, words, floor: false, knows_setups: false, variable: None }
    }

    /// Whether it makes such calls at all.
    pub(crate) fn makes(&self, case: &Case) -> bool {
        let knows = !self.floor || ["add", "echo"].contains(&case.call);
        knows && (self.knows_setups || case.setup == Setup::Plaintext)
    }

    /// The same peer in this setup.
    pub(super) fn with_setup(&self, setup: Setup, certificates: &Certificates) -> Self {
        let variable = match setup {
            Setup::Plaintext => None,
            Setup::Tls => Some(("TLS", certificates.folder().into())),
            Setup::Equipped => Some(("EQUIPPED", "1".into())),
        };
        Self { variable, ..self.clone() }
    }

    /// The same program with another name, which is told of `value` by an environment variable.
    pub(crate) fn with_variable(
        &self,
        name: &'static str,
        (variable, value): (&'static str, &str),
    ) -> Self {
        Self { name, variable: Some((variable, value.into())), ..self.clone() }
    }

    /// A program in Python, of the environment that this one has.
    pub(crate) fn with_script(mut self, script: &Path) -> Self {
        self.words.truncate(1);
        self.words.push(script.into());
        self
    }

    /// The program, run by `tool` if that is any.
    pub(crate) fn command_under(&self, tool: &[OsString]) -> Command {
        let mut words = tool.iter().chain(&self.words);
        let mut command = Command::new(words.next().map_or_else(OsString::new, Clone::clone));
        command.args(words);
        command.envs(self.variable.clone());
        command
    }
}

type Build = fn() -> Result<Peer, String>;

/// The peers that can be built here; the others are told of.
pub(crate) fn build(quick: bool) -> Result<Vec<Peer>, String> {
    let mut peers = vec![
        Peer { knows_setups: true, ..member("bench-ours", OURS, "bench-ours")? },
        Peer { knows_setups: true, ..member("bench-tonic", BASELINE, "bench-tonic")? },
        Peer { floor: true, ..member("bench-floors", "bare h2", "bench-h2-echo")? },
        Peer { floor: true, ..member("bench-floors", "bare TCP", "bench-tcp-echo")? },
    ];
    if quick {
        return Ok(peers);
    }
    let others: [(&str, Build); 3] = [
        ("connectrpc", || stranger("connectrpc")),
        ("volo-grpc", || stranger("volo").map(|peer| Peer { name: "volo-grpc", ..peer })),
        ("grpcio", grpcio),
    ];
    for (name, build) in others {
        match build() {
            Ok(peer) => peers.push(peer),
            Err(problem) => eprintln!("{name} is left out: {problem}"),
        }
    }
    Ok(peers)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn target() -> PathBuf {
    folder().join("../../target/bench-wire")
}

/// A peer of the workspace, built by itself: together their features would add up.
pub(crate) fn member(package: &str, name: &'static str, program: &str) -> Result<Peer, String> {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--package", package, "--target-dir"]).arg(target());
    output(build.current_dir(folder()))?;
    let program = target().join("release").join(program);
    Ok(Peer::new(name, vec![program.into()]))
}

/// A peer with dependencies that the workspace has no other use for.
fn stranger(name: &'static str) -> Result<Peer, String> {
    let manifest = folder().join("peers").join(name).join("Cargo.toml");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--manifest-path"]).arg(manifest);
    build.arg("--target-dir").arg(target());
    // volo and connectrpc generate with the protoc that is found.
    let protoc = protoc_bin_vendored::protoc_bin_path().map_err(|error| error.to_string())?;
    output(build.env("PROTOC", protoc))?;
    let program = target().join("release").join(format!("bench-{name}"));
    Ok(Peer::new(name, vec![program.into()]))
}

/// Python's gRPC, in an environment of its own.
pub(crate) fn grpcio() -> Result<Peer, String> {
    let sources = folder().join("peers/grpcio");
    let environment = target().join("venv");
    let python = environment.join("bin/python");
    output(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--requirement"]);
    output(install.arg(sources.join("requirements.txt")))?;
    let words = vec![python.into(), sources.join("peer.py").into()];
    Ok(Peer::new("grpcio", words))
}
