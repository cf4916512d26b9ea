//! The messages that protoc and a plugin exchange.

use prost::Message as _;

use super::{
    features,
    protos::{
        Edition, FileDescriptorSet,
        compiler::{
            CodeGeneratorRequest, CodeGeneratorResponse,
            code_generator_response::{Feature, File},
        },
    },
};
use crate::error::Error;

/// What protoc asks for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) to_generate: Vec<String>,
    pub(crate) parameter: String,
    pub(crate) set: FileDescriptorSet,
}

/// What protoc gets: files, or one text that says what is wrong.
pub(crate) type Response = Result<Vec<(String, String)>, String>;

pub(crate) fn decode_request(bytes: &[u8]) -> Result<Request, Error> {
    let request =
        CodeGeneratorRequest::decode(bytes).map_err(|error| Error::Request(error.to_string()))?;
    if request.file_to_generate.is_empty() {
        return Err(Error::Request("it names no file to generate".to_owned()));
    }
    Ok(Request {
        parameter: request.parameter().to_owned(),
        to_generate: request.file_to_generate,
        set: FileDescriptorSet { file: request.proto_file },
    })
}

pub(crate) fn encode_response(outcome: Response) -> Vec<u8> {
    let mut reply = CodeGeneratorResponse {
        supported_features: Some(Feature::Proto3Optional as u64 | Feature::SupportsEditions as u64),
        minimum_edition: Some(Edition::Proto2 as i32),
        maximum_edition: Some(features::MAXIMUM as i32),
        ..CodeGeneratorResponse::default()
    };
    match outcome {
        Ok(files) => reply.file = files.into_iter().map(file).collect(),
        Err(text) => reply.error = Some(text),
    }
    reply.encode_to_vec()
}

fn file((name, content): (String, String)) -> File {
    File { name: Some(name), content: Some(content), ..File::default() }
}
