//! A server that answers with what it was asked, and requests to it.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Collected, Full};
use rust_scaffold::{
    Code, CompressionEncoding, JsonOptions, Request as Call, Response as Answer, Routes, Server,
    Status, Streaming,
};
use tower_service::Service as _;

use crate::contracts::{
    google::api::HttpBody,
    mirror::{Everything, Item},
    rest::{
        Excerpts, ExcerptsServer, Rest, RestServer, Swapped, Swaps, SwapsServer, UploadRequest,
        Wrapped,
    },
};

pub(crate) struct Echo;

type Answered<T> = Result<Answer<T>, Status>;

fn echo(call: Call<Everything>) -> Answered<Everything> {
    let text = call.metadata().get("x-text").cloned();
    let mut answer = Answer::new(answered(call.into_inner())?);
    if let Some(text) = text {
        answer.metadata_mut().insert("x-text", text);
    }
    Ok(answer)
}

fn answered(message: Everything) -> Result<Everything, Status> {
    match message.string.as_str() {
        "fail" => Err(failure()),
        _ => Ok(message),
    }
}

fn failure() -> Status {
    let mut status = Status::new(Code::NotFound, "there is no \"fail\"");
    status.metadata_mut().insert("x-reason", "none".parse().unwrap());
    status
}

impl Rest for Echo {
    async fn get(&self, call: Call<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn create(&self, call: Call<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn delete(&self, call: Call<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn lint(&self, call: Call<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn watch(&self, call: Call<Everything>) -> Answered<Streaming<Everything>> {
        repeated(call)
    }

    async fn upload(&self, call: Call<UploadRequest>) -> Answered<UploadRequest> {
        Ok(call.into_inner().into())
    }

    async fn mirror(&self, call: Call<HttpBody>) -> Answered<HttpBody> {
        Ok(call.into_inner().into())
    }

    async fn download(&self, call: Call<UploadRequest>) -> Answered<HttpBody> {
        let name = call.into_inner().name;
        if name == "fail" {
            return Err(failure());
        }
        Ok(text(name.into()).into())
    }

    async fn part(&self, call: Call<UploadRequest>) -> Answered<UploadRequest> {
        let name = call.into_inner().name;
        let file = (name != "none").then(|| text(name.clone().into()));
        Ok(UploadRequest { name, file, pin: 0 }.into())
    }

    async fn download_all(&self, call: Call<UploadRequest>) -> Answered<Streaming<HttpBody>> {
        let name = call.into_inner().name.into_bytes();
        let bytes = name.into_iter().map(|byte| match byte {
            b'!' => Err(failure()),
            byte => Ok(text(vec![byte])),
        });
        Ok(Answer::new(Streaming::new(tokio_stream::iter(bytes))))
    }

    async fn collect(&self, _call: Call<Streaming<Everything>>) -> Answered<Everything> {
        Ok(Everything::default().into())
    }

    async fn plain(&self, call: Call<Everything>) -> Answered<Everything> {
        echo(call)
    }
}

impl Excerpts for Echo {
    async fn search(&self, call: Call<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn first(&self, call: Call<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn watch_items(&self, call: Call<Everything>) -> Answered<Streaming<Everything>> {
        repeated(call)
    }
}

impl Swaps for Echo {
    async fn swap(&self, call: Call<Swapped>) -> Answered<Swapped> {
        let Swapped { left, right, .. } = call.into_inner();
        Ok(Swapped { left: format!("{left} {right}"), ..Swapped::default() }.into())
    }

    async fn unwrap(&self, call: Call<Wrapped>) -> Answered<Item> {
        let right = call.into_inner().right.unwrap_or_default();
        let innermost = right.nested.and_then(|nested| nested.nested);
        let price = innermost.map_or(0, |message| message.int32);
        Ok(Item { price, ..Item::default() }.into())
    }
}

/// The message as often as it says.
fn repeated(call: Call<Everything>) -> Answered<Streaming<Everything>> {
    let message = call.into_inner();
    if message.int32 < 0 {
        return Err(failure());
    }
    let times =
        (1..=message.int32).map(move |int32| answered(Everything { int32, ..message.clone() }));
    Ok(Answer::new(Streaming::new(tokio_stream::iter(times))))
}

fn text(data: Vec<u8>) -> HttpBody {
    HttpBody { content_type: "text/plain".into(), data, ..HttpBody::default() }
}

pub(crate) fn routes() -> Routes {
    routes_with(JsonOptions::new())
}

pub(crate) fn routes_with(options: JsonOptions) -> Routes {
    let server = RestServer::new(Echo)
        .json(options)
        .max_decoding_message_size(1024)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let excerpts = ExcerptsServer::new(Echo).json(options);
    let server = Server::new().add_service(server).add_service(excerpts);
    server.add_service(SwapsServer::new(Echo).json(options)).into_service().unwrap()
}

/// The response to `request`, all of it.
pub(crate) async fn answer(request: Request<Full<Bytes>>) -> Response<Bytes> {
    answer_of(&routes(), request).await
}

pub(crate) async fn answer_of(routes: &Routes, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let response = routes.clone().call(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap();
    Response::from_parts(head, body)
}

pub(crate) async fn get(path: &str) -> (StatusCode, String) {
    seen(&answer(Request::get(path).body(Full::default()).unwrap()).await)
}

/// The response to a request with a body in JSON.
pub(crate) async fn send(method: &str, path: &str, json: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    seen(&answer(request.body(Full::new(json.to_owned().into())).unwrap()).await)
}

fn seen(response: &Response<Bytes>) -> (StatusCode, String) {
    (response.status(), str::from_utf8(response.body()).unwrap().to_owned())
}

pub(crate) fn ok(json: &str) -> (StatusCode, String) {
    (StatusCode::OK, json.to_owned())
}

/// That of a call that was refused with `InvalidArgument`.
pub(crate) fn invalid(message: &str) -> (StatusCode, String) {
    let message = message.replace('"', "\\\"");
    (StatusCode::BAD_REQUEST, format!(r#"{{"code":3,"message":"{message}","details":[]}}"#))
}
