//! The same service as a program of its own, by us and by tonic, and its messages alone.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use super::{cargo, children, lines_of, write};
use crate::output;

/// Whose code it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Messages,
    Ours,
    Tonic,
}

/// A program that serves a contract and calls all of its methods.
pub(super) struct Project {
    folder: PathBuf,
}

impl Project {
    /// Writes the program for a service of that many methods.
    pub(super) fn write(directory: &Path, kind: Kind, methods: usize) -> Result<Self, String> {
        let folder = directory.join(format!("{kind:?}").to_lowercase());
        let proto = folder.join("wide.proto");
        write(&proto, &contract(methods))?;
        write(&folder.join("Cargo.toml"), &manifest(kind))?;
        write(&folder.join("src/main.rs"), &program(kind, methods))?;
        let generated = folder.join("src/generated");
        fs::create_dir_all(&generated).map_err(|error| error.to_string())?;
        generate(kind, &proto, &generated)?;
        Ok(Self { folder })
    }

    /// Runs cargo there, and returns the CPU time that it took.
    pub(super) fn cargo(&self, words: &[&str]) -> Result<f64, String> {
        let before = children()?;
        output(cargo().args(words).current_dir(&self.folder).env("CARGO_INCREMENTAL", "0"))?;
        Ok(children()? - before)
    }

    /// Has the program itself compiled again.
    pub(super) fn touch(&self) -> Result<(), String> {
        let file = self.folder.join("src/main.rs");
        let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
        write(&file, &text)
    }

    pub(super) fn clean(&self) -> Result<(), String> {
        output(cargo().arg("clean").current_dir(&self.folder)).map(drop)
    }

    /// How many crates it takes, itself left out.
    pub(super) fn crates(&self) -> Result<f64, String> {
        let mut tree = cargo();
        tree.args(["tree", "--prefix", "none", "--edges", "normal,build"]);
        let lines = lines_of(tree.current_dir(&self.folder))?;
        let crates: BTreeSet<_> = lines.iter().map(|line| line.trim_end_matches(" (*)")).collect();
        Ok(crates.len().saturating_sub(1) as f64)
    }

    /// The bytes of the program.
    pub(super) fn size(&self) -> Result<f64, String> {
        let program = self.folder.join("target/release/wide");
        let metadata = fs::metadata(program).map_err(|error| error.to_string())?;
        Ok(metadata.len() as f64)
    }
}

/// A service of so many methods: most are unary, and every fifth streams, each kind in turn.
fn contract(methods: usize) -> String {
    let mut proto = String::from("syntax = \"proto3\";\npackage wide;\n\nservice Wide {\n");
    for method in 0..methods {
        let (requests, responses) = streams(method);
        let stream = |streams: bool| if streams { "stream " } else { "" };
        let _ = writeln!(
            proto,
            "  rpc Method{method}({}Request{method}) returns ({}Response{method});",
            stream(requests),
            stream(responses)
        );
    }
    proto.push_str("}\n");
    for method in 0..methods {
        let _ = writeln!(
            proto,
            "message Request{method} {{ string name = 1; int64 number = 2; repeated string tags = 3; }}
             message Response{method} {{ string text = 1; double value = 2; bytes data = 3; }}"
        );
    }
    proto
}

/// Whether the requests and the responses of a method stream.
fn streams(method: usize) -> (bool, bool) {
    match method % 20 {
        4 => (true, false),
        9 => (false, true),
        14 => (true, true),
        _ => (false, false),
    }
}

fn manifest(kind: Kind) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let runtime = root.join("runtime");
    let dependencies = match kind {
        Kind::Messages => "prost = \"0.14.1\"\n".to_owned(),
        Kind::Ours => format!(
            "rust-scaffold = {{ path = {runtime:?} }}\ntokio = {{ version = \"1.45\", features = \
             [\"rt-multi-thread\"] }}\n"
        ),
        Kind::Tonic => "prost = \"0.14.1\"\ntokio = { version = \"1.45\", features = \
             [\"rt-multi-thread\"] }\ntokio-stream = \"0.1.17\"\ntonic = \"0.14.9\"\ntonic-prost = \
             \"0.14.9\"\n"
            .to_owned(),
    };
    format!(
        "[package]\nname = \"wide\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{dependencies}\n[workspace]\n"
    )
}

fn generate(kind: Kind, proto: &Path, into: &Path) -> Result<(), String> {
    let includes = [proto.parent().unwrap_or(Path::new("."))];
    let ours = rust_scaffold_build::configure()
        .out_dir(into)
        .include_file("mod.rs")
        .emit_rerun_if_changed(false)
        .mock(rust_scaffold_build::Mock::Never);
    let generated = match kind {
        Kind::Messages => {
            let mut prost = tonic_prost_build::Config::new();
            prost.protoc_executable(protoc()?).out_dir(into).include_file("mod.rs");
            return prost.compile_protos(&[proto], &includes).map_err(|error| error.to_string());
        }
        Kind::Ours => ours.compile_protos(&[proto], &includes).map_err(|error| error.to_string()),
        Kind::Tonic => {
            let mut prost = tonic_prost_build::Config::new();
            prost.protoc_executable(protoc()?);
            tonic_prost_build::configure()
                .out_dir(into)
                .include_file("mod.rs")
                .emit_rerun_if_changed(false)
                .compile_with_config(prost, &[proto], &includes)
                .map_err(|error| error.to_string())
        }
    };
    generated
}

fn protoc() -> Result<PathBuf, String> {
    protoc_bin_vendored::protoc_bin_path().map_err(|error| error.to_string())
}

fn program(kind: Kind, methods: usize) -> String {
    match kind {
        Kind::Messages => messages(methods),
        Kind::Ours => ours(methods),
        Kind::Tonic => tonic(methods),
    }
}

/// Encodes and decodes every message, as services do.
fn messages(methods: usize) -> String {
    let mut program = String::from(
        "mod generated;
use generated::wide::*;
use prost::Message;

fn turn<M: Message + Default>() {
    let bytes = M::default().encode_to_vec();
    std::hint::black_box(M::decode(std::hint::black_box(&bytes[..])).is_ok());
}

fn main() {
",
    );
    for method in 0..methods {
        let _ =
            writeln!(program, "    turn::<Request{method}>();\n    turn::<Response{method}>();");
    }
    program.push_str("}\n");
    program
}

fn ours(methods: usize) -> String {
    let mut handlers = String::new();
    let mut calls = String::new();
    for method in 0..methods {
        let (requests, responses) = streams(method);
        let wrap = |streams: bool, message: String| {
            if streams { format!("Streaming<{message}>") } else { message }
        };
        let (request, response) = (
            wrap(requests, format!("Request{method}")),
            wrap(responses, format!("Response{method}")),
        );
        let _ = writeln!(
            handlers,
            "    async fn method{method}(&self, _: Request<{request}>) -> \
             Result<Response<{response}>, Status> {{ Ok(Response::new(Default::default())) }}"
        );
        let argument = match requests {
            true => format!("Streaming::from_iter([Request{method}::default()])"),
            false => format!("Request{method}::default()"),
        };
        let _ = writeln!(calls, "    let _ = client.method{method}({argument}).await;");
    }
    format!(
        "mod generated;
use generated::wide::*;
#[allow(unused_imports)]
use rust_scaffold::{{Request, Response, Server, Status, Streaming}};

struct Service;

impl Wide for Service {{
{handlers}}}

async fn run() -> Result<(), Box<dyn std::error::Error>> {{
    let server = Server::new().add_service(WideServer::new(Service));
    tokio::spawn(server.serve(\"127.0.0.1:50051\"));
    let client = WideClient::connect(\"http://127.0.0.1:50051\").await?;
{calls}    Ok(())
}}

fn main() {{
    let _ = tokio::runtime::Runtime::new().unwrap().block_on(run());
}}
"
    )
}

fn tonic(methods: usize) -> String {
    let mut handlers = String::new();
    let mut calls = String::new();
    for method in 0..methods {
        let (requests, responses) = streams(method);
        let request = match requests {
            true => format!("Streaming<Request{method}>"),
            false => format!("Request{method}"),
        };
        let response = match responses {
            true => format!("Self::Method{method}Stream"),
            false => format!("Response{method}"),
        };
        if responses {
            let _ = writeln!(
                handlers,
                "    type Method{method}Stream = tokio_stream::Iter<std::vec::IntoIter<Result<\
                 Response{method}, Status>>>;"
            );
        }
        let answer = if responses { "tokio_stream::iter(vec![])" } else { "Default::default()" };
        let _ = writeln!(
            handlers,
            "    async fn method{method}(&self, _: Request<{request}>) -> \
             Result<Response<{response}>, Status> {{ Ok(Response::new({answer})) }}"
        );
        let argument = match requests {
            true => format!("tokio_stream::iter([Request{method}::default()])"),
            false => format!("Request{method}::default()"),
        };
        let _ = writeln!(calls, "    let _ = client.method{method}({argument}).await;");
    }
    format!(
        "mod generated;
use generated::wide::{{wide_client::WideClient, wide_server::{{Wide, WideServer}}, *}};
#[allow(unused_imports)]
use tonic::{{Request, Response, Status, Streaming, transport::Server}};

struct Service;

#[tonic::async_trait]
impl Wide for Service {{
{handlers}}}

async fn run() -> Result<(), Box<dyn std::error::Error>> {{
    let server = Server::builder().add_service(WideServer::new(Service));
    tokio::spawn(server.serve(\"127.0.0.1:50051\".parse()?));
    let mut client = WideClient::connect(\"http://127.0.0.1:50051\").await?;
{calls}    Ok(())
}}

fn main() {{
    let _ = tokio::runtime::Runtime::new().unwrap().block_on(run());
}}
"
    )
}
