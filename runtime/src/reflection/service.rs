//! The services `grpc.reflection.v1.ServerReflection` and `grpc.reflection.v1alpha.ServerReflection`.

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Response, Status};

use super::{
    descriptors::{Descriptors, FileId},
    v1::generated::{
        ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
        ServerReflection, ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    },
    v1alpha::generated::server_reflection_service::ServerReflection as ServerReflectionAlpha,
};
use crate::{
    call::streaming::Streaming,
    server::observer::{ServerObserver, ServiceEntry},
};

type InfoResult = Result<Response<Streaming<ServerReflectionResponse>>, Status>;

/// What a server answers about itself.
#[derive(Default)]
pub(super) struct Reflected {
    /// What it serves, once it has started.
    services: OnceLock<Vec<ServiceEntry>>,
    /// Read when somebody asks.
    descriptors: OnceLock<Descriptors>,
}

impl Reflected {
    fn services(&self) -> &[ServiceEntry] {
        self.services.get().map(Vec::as_slice).unwrap_or_default()
    }

    fn descriptors(&self) -> &Descriptors {
        let files = || self.services().iter().map(|service| service.files);
        self.descriptors.get_or_init(|| Descriptors::new(files()))
    }

    /// Answers a request. `sent` are the files that the client has.
    fn answer(
        &self,
        request: &MessageRequest,
        sent: &mut BTreeSet<FileId>,
    ) -> Result<MessageResponse, ErrorResponse> {
        match request {
            MessageRequest::FileByFilename(name) => {
                let file = self.descriptors().named(name);
                self.files(file, sent).ok_or_else(|| not_found(&format!("file `{name}`")))
            }
            MessageRequest::FileContainingSymbol(symbol) => self
                .files(self.descriptors().declaring(symbol), sent)
                .ok_or_else(|| not_found(&format!("symbol `{symbol}`"))),
            MessageRequest::FileContainingExtension(extension) => {
                let (message, number) = (&extension.containing_type, extension.extension_number);
                self.files(self.descriptors().extending(message, number), sent)
                    .ok_or_else(|| not_found(&format!("extension {number} of `{message}`")))
            }
            MessageRequest::AllExtensionNumbersOfType(message) => {
                let numbers = self.descriptors().extension_numbers(message);
                let extension_number =
                    numbers.ok_or_else(|| not_found(&format!("message `{message}`")))?;
                let base_type_name = message.clone();
                let response = ExtensionNumberResponse { base_type_name, extension_number };
                Ok(MessageResponse::AllExtensionNumbersResponse(response))
            }
            MessageRequest::ListServices(_) => {
                let name = |service: &ServiceEntry| ServiceResponse { name: service.name.into() };
                let service = self.services().iter().map(name).collect();
                Ok(MessageResponse::ListServicesResponse(ListServiceResponse { service }))
            }
        }
    }

    fn files(&self, file: Option<FileId>, sent: &mut BTreeSet<FileId>) -> Option<MessageResponse> {
        let file_descriptor_proto = self.descriptors().with_imports(file?, sent);
        let response = FileDescriptorResponse { file_descriptor_proto };
        Some(MessageResponse::FileDescriptorResponse(response))
    }
}

impl ServerObserver for Reflected {
    fn starts(&self, services: &[ServiceEntry]) {
        // A server starts once.
        let _ = self.services.set(services.to_vec());
    }
}

/// Answers requests, one after the other.
pub(super) struct ReflectionService {
    pub(super) reflected: Arc<Reflected>,
}

impl ReflectionService {
    fn answer_all(&self, requests: Streaming<ServerReflectionRequest>) -> InfoResult {
        let reflected = Arc::clone(&self.reflected);
        let mut sent = BTreeSet::new();
        let responses = requests.map(move |request| {
            let request = request?;
            let answer = match &request.message_request {
                Some(message_request) => reflected.answer(message_request, &mut sent),
                None => {
                    Err(error(Code::InvalidArgument, "the request asks for nothing that is known"))
                }
            };
            Ok(ServerReflectionResponse {
                valid_host: request.host.clone(),
                original_request: Some(request),
                message_response: Some(answer.unwrap_or_else(MessageResponse::ErrorResponse)),
            })
        });
        Ok(Response::new(Streaming::new(responses)))
    }
}

impl ServerReflection for ReflectionService {
    async fn server_reflection_info(
        &self,
        requests: Request<Streaming<ServerReflectionRequest>>,
    ) -> InfoResult {
        self.answer_all(requests.into_inner())
    }
}

impl ServerReflectionAlpha for ReflectionService {
    async fn server_reflection_info(
        &self,
        requests: Request<Streaming<ServerReflectionRequest>>,
    ) -> InfoResult {
        self.answer_all(requests.into_inner())
    }
}

fn not_found(what: &str) -> ErrorResponse {
    error(Code::NotFound, &format!("this server has no {what}"))
}

fn error(code: Code, message: &str) -> ErrorResponse {
    ErrorResponse { error_code: code.into(), error_message: message.to_owned() }
}
