//! The generator as a plugin of protoc: a request's bytes in, a response's bytes out.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

use crate::{
    descriptor,
    error::Error,
    generate::{Input, generate},
    options::{Options, TABLE},
};

/// What goes back to protoc, and what the user should see besides.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reply {
    /// An encoded `CodeGeneratorResponse`, for stdout.
    pub response: Vec<u8>,
    /// Texts for stderr; they do not stop protoc.
    pub warnings: Vec<String>,
}

/// Answers an encoded `CodeGeneratorRequest`.
///
/// What is wrong with protos or options is in the response, where protoc looks for it.
///
/// # Errors
/// [`Error::Request`] when the bytes are not a request: nobody waits for a response then.
pub fn respond(request: &[u8]) -> Result<Reply, Error> {
    let request = descriptor::decode_request(request)?;
    let (outcome, warnings) = match run(request) {
        Ok((files, warnings)) => (Ok(files), warnings),
        Err(error) => (Err(error.to_string()), Vec::new()),
    };
    Ok(Reply { response: descriptor::encode_response(outcome), warnings })
}

/// The text of `--help`.
#[must_use]
pub fn help() -> String {
    let mut text = String::from(
        "Generates typed Rust gRPC services from .proto files.\n\n\
         protoc starts this program when it is on the PATH:\n  \
         protoc --rust-scaffold_out=src calculator.proto\n\
         or with --plugin=protoc-gen-rust-scaffold=PATH.\n\n\
         Options are given with --rust-scaffold_opt=OPTION, several of them separated by commas:\n",
    );
    for entry in TABLE {
        if let Some(usage) = entry.usage() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {usage}\n      {}", entry.about);
        }
    }
    text.push_str("\n  --help, --version\n      say what this is, outside of protoc\n");
    text
}

/// The text of `--version`.
#[must_use]
pub fn version() -> String {
    format!("protoc-gen-rust-scaffold {}", env!("CARGO_PKG_VERSION"))
}

/// Paths and contents, sorted, and warnings.
type Outcome = (Vec<(String, String)>, Vec<String>);

fn run(request: descriptor::Request) -> Result<Outcome, Error> {
    let options = Options::parse(&request.parameter)?;
    let wanted = request.to_generate.into_iter().collect::<BTreeSet<_>>();
    let known = descriptor::file_names(&request.set).collect::<BTreeSet<_>>();
    if let Some(missing) = wanted.iter().find(|name| !known.contains(name.as_str())) {
        return Err(Error::Input(format!("{missing}: the request does not hold this file")));
    }
    let files = Mutex::new(Vec::new());
    let keep = |path: String, content: String| {
        files.lock().unwrap_or_else(PoisonError::into_inner).push((path, content));
        Ok(())
    };
    let generated = generate(Input { set: request.set, wanted, options: &options }, &keep)?;
    let mut files = files.into_inner().unwrap_or_else(PoisonError::into_inner);
    files.sort();
    Ok((files, generated.warnings))
}
