//! What a server says of its services and messages to clients without their protos.

use std::{path::Path, process::Command, time::Duration};

use rust_scaffold::{
    Channel, Code, Request, Response, Server, Status, prost::Message as _,
    prost_types::FileDescriptorProto, tonic::transport::Endpoint,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic_reflection::pb;

use crate::{
    calculator::{CalculatorServer, MockCalculator},
    custom_options::{Book, GetBookRequest, Library, LibraryServer},
    reflection_v1::{
        ExtensionRequest, ServerReflectionClient, ServerReflectionRequest,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    },
    routes::listen,
    station::Station,
    telemetry::TelemetryServer,
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);

const METHOD_OPTIONS: &str = "google.protobuf.MethodOptions";
/// The number of `google.api.http`.
const HTTP: i32 = 72_295_728;

#[derive(Clone, Debug)]
struct NoBooks;

impl Library for NoBooks {
    async fn get_book(&self, _: Request<GetBookRequest>) -> Result<Response<Book>, Status> {
        Err(Status::not_found("there are no books"))
    }

    async fn create_book(&self, _: Request<Book>) -> Result<Response<Book>, Status> {
        Err(Status::resource_exhausted("there are no shelves"))
    }

    async fn plain(&self, request: Request<Book>) -> Result<Response<Book>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

fn server() -> Server {
    Server::new()
        .add_service(LibraryServer::new(NoBooks))
        .reflection()
        .add_service(TelemetryServer::new(Station::default()))
}

/// Asks on one stream, and returns the answers.
async fn ask(requests: impl IntoIterator<Item = MessageRequest>) -> Vec<MessageResponse> {
    let client = ServerReflectionClient::new(Channel::new(server().into_service().unwrap()));
    let requests = Vec::from_iter(requests.into_iter().map(asking));
    let responses = client.server_reflection_info(tokio_stream::iter(requests.clone())).await;
    let mut responses = responses.unwrap().into_inner();
    let mut answers = Vec::new();
    for request in requests {
        let response = timeout(LONG, responses.message()).await.expect("no answer");
        let response = response.unwrap().unwrap();
        assert_eq!(response.valid_host, "a host");
        assert_eq!(response.original_request.unwrap(), request);
        answers.push(response.message_response.unwrap());
    }
    assert!(responses.message().await.unwrap().is_none());
    answers
}

fn asking(request: MessageRequest) -> ServerReflectionRequest {
    ServerReflectionRequest { host: "a host".into(), message_request: Some(request) }
}

fn file(name: &str) -> MessageRequest {
    MessageRequest::FileByFilename(name.into())
}

fn symbol(name: &str) -> MessageRequest {
    MessageRequest::FileContainingSymbol(name.into())
}

fn extension(message: &str, number: i32) -> MessageRequest {
    let containing_type = message.to_owned();
    MessageRequest::FileContainingExtension(ExtensionRequest {
        containing_type,
        extension_number: number,
    })
}

fn numbers(message: &str) -> MessageRequest {
    MessageRequest::AllExtensionNumbersOfType(message.into())
}

/// The encoded files of an answer.
fn files(answer: &MessageResponse) -> &[Vec<u8>] {
    match answer {
        MessageResponse::FileDescriptorResponse(files) => &files.file_descriptor_proto,
        other => panic!("no files: {other:?}"),
    }
}

fn names(answer: &MessageResponse) -> Vec<String> {
    let name = |file: &Vec<u8>| FileDescriptorProto::decode(file.as_slice()).unwrap().name.unwrap();
    files(answer).iter().map(name).collect()
}

fn failure(answer: &MessageResponse) -> Code {
    match answer {
        MessageResponse::ErrorResponse(error) => Code::from(error.error_code),
        other => panic!("no failure: {other:?}"),
    }
}

#[tokio::test]
async fn all_services_are_listed_whatever_the_order() {
    let calculator = CalculatorServer::new(MockCalculator::new());
    let server = server().health().add_tower_service(calculator);
    let expected = [
        "calculator.Calculator",
        "custom_options.Library",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "telemetry.Telemetry",
    ];
    assert_eq!(listed(server).await, expected);
}

/// The names of the services that `server` lists.
async fn listed(server: Server) -> Vec<String> {
    let client = ServerReflectionClient::new(Channel::new(server.into_service().unwrap()));
    let requests = tokio_stream::iter([asking(MessageRequest::ListServices(String::new()))]);
    let mut responses = client.server_reflection_info(requests).await.unwrap().into_inner();
    let response = responses.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(listed) = response else { panic!("{response:?}") };
    listed.service.into_iter().map(|service| service.name).collect()
}

#[tokio::test]
async fn clones_of_a_server_list_their_own_services() {
    let common = Server::new().reflection();
    let library = common.clone().add_service(LibraryServer::new(NoBooks));
    let telemetry = common.add_service(TelemetryServer::new(Station::default()));
    for (server, name) in [(library, "custom_options.Library"), (telemetry, "telemetry.Telemetry")]
    {
        let mut names = listed(server).await;
        names.retain(|it| !it.starts_with("grpc."));
        assert_eq!(names, [name]);
    }
}

#[tokio::test]
async fn files_are_those_of_protoc_imports_and_custom_options_included() {
    for (folder, proto) in
        [("../proto", "telemetry.proto"), ("golden/custom_options/input", "custom_options.proto")]
    {
        let answers = ask([file(proto)]).await;
        let mut found = files(&answers[0]).to_vec();
        let mut expected = by_protoc(folder, proto);
        assert_eq!(found[0], expected[expected.len() - 1], "{proto} itself comes first");
        found.sort();
        expected.sort();
        assert!(found == expected, "{:?} are not as protoc has them", names(&answers[0]));
    }
}

/// `proto` and its imports, encoded by protoc.
fn by_protoc(folder: &str, proto: &str) -> Vec<Vec<u8>> {
    /// `google.protobuf.FileDescriptorSet`
    #[derive(Clone, PartialEq, rust_scaffold::prost::Message)]
    #[prost(prost_path = "rust_scaffold::prost")]
    struct EncodedFiles {
        #[prost(bytes = "vec", repeated, tag = "1")]
        file: Vec<Vec<u8>>,
    }
    let directory = tempfile::tempdir().unwrap();
    let set = directory.path().join("set");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let protoc = Command::new(protoc_bin_vendored::protoc_bin_path().unwrap())
        .args(["--include_imports", "-o"])
        .arg(&set)
        .arg("-I")
        .arg(folder)
        .arg("-I")
        .arg(protoc_bin_vendored::include_path().unwrap())
        .arg(proto)
        .status();
    assert!(protoc.unwrap().success());
    EncodedFiles::decode(std::fs::read(set).unwrap().as_slice()).unwrap().file
}

#[tokio::test]
async fn symbols_of_all_kinds_are_found() {
    for (name, expected) in [
        ("telemetry.Telemetry", "telemetry.proto"),
        ("telemetry.Telemetry.Latest", "telemetry.proto"),
        ("telemetry.Point", "telemetry.proto"),
        ("telemetry.Point.series", "telemetry.proto"),
        ("telemetry.Query.LabelsEntry", "telemetry.proto"),
        ("custom_options.host", "custom_options.proto"),
        ("google.api.HttpRule", "google/api/annotations.proto"),
        ("google.api.http", "google/api/annotations.proto"),
        ("google.protobuf.Timestamp", "google/protobuf/timestamp.proto"),
        ("google.protobuf.FieldDescriptorProto.Type", "google/protobuf/descriptor.proto"),
        ("google.protobuf.FieldDescriptorProto.TYPE_BOOL", "google/protobuf/descriptor.proto"),
        ("grpc.reflection.v1alpha.ServerReflection", "grpc/reflection/v1alpha/reflection.proto"),
        ("grpc.reflection.v1alpha.ErrorResponse", "grpc/reflection/v1alpha/reflection.proto"),
        ("grpc.reflection.v1.ServerReflectionRequest.host", "grpc/reflection/v1/reflection.proto"),
    ] {
        let answers = ask([symbol(name)]).await;
        assert_eq!(names(&answers[0])[0], expected, "{name}");
    }
}

#[tokio::test]
async fn what_there_is_not_is_an_error_response_and_the_stream_goes_on() {
    let answers = ask([
        file("missing.proto"),
        symbol("telemetry.Missing"),
        symbol("telemetry"),
        // Nobody imports it.
        file("google/protobuf/struct.proto"),
        symbol("google.protobuf.Struct"),
        extension(METHOD_OPTIONS, 1),
        extension("telemetry.Missing", HTTP),
        numbers("telemetry.Missing"),
        file("telemetry.proto"),
    ])
    .await;
    for answer in &answers[..8] {
        assert_eq!(failure(answer), Code::NotFound);
    }
    assert_eq!(names(&answers[8])[0], "telemetry.proto");
}

#[tokio::test]
async fn extensions_are_found_by_their_numbers() {
    let answers = ask([
        extension(METHOD_OPTIONS, HTTP),
        extension("google.protobuf.ServiceOptions", 50_001),
        numbers(METHOD_OPTIONS),
        numbers("telemetry.Point"),
    ])
    .await;
    assert_eq!(names(&answers[0])[0], "google/api/annotations.proto");
    assert_eq!(names(&answers[1])[0], "custom_options.proto");
    for (answer, message, expected) in
        [(&answers[2], METHOD_OPTIONS, &[HTTP][..]), (&answers[3], "telemetry.Point", &[])]
    {
        let MessageResponse::AllExtensionNumbersResponse(found) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!((&*found.base_type_name, &*found.extension_number), (message, expected));
    }
}

#[tokio::test]
async fn what_a_stream_has_sent_is_not_sent_again_unless_it_is_asked_for() {
    let answers =
        ask([file("custom_options.proto"), symbol("google.api.http"), file("telemetry.proto")])
            .await;
    let first = names(&answers[0]);
    assert_eq!(first.len(), 3, "{first:?}");
    assert_eq!(names(&answers[1]), ["google/api/annotations.proto"]);
    assert_eq!(names(&answers[2]).len(), 3, "timestamp and duration are new");
}

#[tokio::test]
async fn a_request_for_nothing_is_invalid() {
    let client = ServerReflectionClient::new(Channel::new(server().into_service().unwrap()));
    let nothing = ServerReflectionRequest { host: String::new(), message_request: None };
    let mut responses =
        client.server_reflection_info(tokio_stream::iter([nothing])).await.unwrap().into_inner();
    let response = responses.message().await.unwrap().unwrap().message_response.unwrap();
    assert_eq!(failure(&response), Code::InvalidArgument);
}

#[tokio::test]
async fn reflection_is_served_once() {
    let refused = server().reflection().into_service().unwrap_err().to_string();
    assert!(refused.contains("grpc.reflection.v1"), "{refused}");
}

async fn serve() -> (Endpoint, JoinHandle<()>) {
    let (listener, address) = listen().await;
    let served = tokio::spawn(async move { server().serve_listener(listener).await.unwrap() });
    (Endpoint::from_shared(format!("http://{address}")).unwrap(), served)
}

/// Clients keep it open without asking anything, and would keep the server.
#[tokio::test]
async fn a_stream_ends_when_shutdown_begins() {
    let (listener, address) = listen().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = server().shutdown_timeout(None);
    let served = tokio::spawn(server.serve_listener_with_shutdown(listener, async {
        let _ = stopped.await;
    }));
    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    let (requests, asked) = mpsc::unbounded_channel();
    requests.send(asking(file("telemetry.proto"))).unwrap();
    let responses = ServerReflectionClient::new(channel)
        .server_reflection_info(UnboundedReceiverStream::new(asked))
        .await;
    let mut responses = responses.unwrap().into_inner();
    responses.message().await.unwrap().unwrap();
    stop.send(()).unwrap();
    let ended = timeout(LONG, responses.message()).await.expect("the stream goes on");
    assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
    timeout(LONG, served).await.expect("the server is kept").unwrap().unwrap();
    drop(requests);
}

/// The file with `telemetry.Telemetry.Latest` as tonic's client of a version gets it.
macro_rules! asked_by_tonic {
    ($version:ident, $endpoint:expr) => {{
        use pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let channel = $endpoint.connect().await.unwrap();
        let symbol = "telemetry.Telemetry.Latest".to_owned();
        let message_request = Some(MessageRequest::FileContainingSymbol(symbol));
        let request = ServerReflectionRequest { host: String::new(), message_request };
        let mut client = ServerReflectionClient::new(channel);
        let responses = client.server_reflection_info(tokio_stream::iter([request])).await;
        let response = responses.unwrap().into_inner().message().await.unwrap().unwrap();
        match response.message_response.unwrap() {
            MessageResponse::FileDescriptorResponse(files) => {
                FileDescriptorProto::decode(&*files.file_descriptor_proto[0]).unwrap()
            }
            other => panic!("no files: {other:?}"),
        }
    }};
}

#[tokio::test]
async fn tonics_clients_of_both_versions_are_answered() {
    let (endpoint, served) = serve().await;
    for file in [asked_by_tonic!(v1, endpoint), asked_by_tonic!(v1alpha, endpoint)] {
        assert_eq!(file.name(), "telemetry.proto");
    }
    served.abort();
}
