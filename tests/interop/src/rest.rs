//! A server whose methods have rules of HTTP: see `python/rest.py`.

use rust_scaffold::{JsonOptions, OpenApi, Request, Response, Server, Status, Streaming};

use crate::contract::{
    google::api::HttpBody,
    mirror::Everything,
    rest::{Excerpts, ExcerptsServer, Rest, RestServer, UploadRequest},
};

type Answered<T> = Result<Response<T>, Status>;

/// Answers with what it was asked, and describes itself. JSON is written as Envoy does.
pub(crate) fn server() -> Server {
    let json = JsonOptions::new().write_default_values(true);
    Server::new()
        .openapi(OpenApi::at("/openapi.json").title("Rest").version("1.0"))
        .add_service(RestServer::new(Echo).json(json))
        .add_service(ExcerptsServer::new(Echo).json(json))
}

struct Echo;

fn echo(call: Request<Everything>) -> Answered<Everything> {
    let message = call.into_inner();
    match message.string.as_str() {
        "fail" => Err(Status::not_found("there is no \"fail\"")),
        _ => Ok(message.into()),
    }
}

fn text(data: Vec<u8>) -> HttpBody {
    HttpBody { content_type: "text/plain".into(), data, ..HttpBody::default() }
}

impl Rest for Echo {
    async fn get(&self, call: Request<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn create(&self, call: Request<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn delete(&self, call: Request<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn lint(&self, call: Request<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn watch(&self, call: Request<Everything>) -> Answered<Streaming<Everything>> {
        repeated(call)
    }

    async fn upload(&self, call: Request<UploadRequest>) -> Answered<UploadRequest> {
        Ok(call.into_inner().into())
    }

    async fn mirror(&self, call: Request<HttpBody>) -> Answered<HttpBody> {
        Ok(call.into_inner().into())
    }

    async fn download(&self, call: Request<UploadRequest>) -> Answered<HttpBody> {
        Ok(text(call.into_inner().name.into()).into())
    }

    async fn part(&self, call: Request<UploadRequest>) -> Answered<UploadRequest> {
        let name = call.into_inner().name;
        Ok(UploadRequest { file: Some(text(name.clone().into())), name, pin: 0 }.into())
    }

    async fn download_all(&self, call: Request<UploadRequest>) -> Answered<Streaming<HttpBody>> {
        let bytes = call.into_inner().name.into_bytes().into_iter();
        Ok(Response::new(Streaming::new(tokio_stream::iter(
            bytes.map(|byte| Ok(text(vec![byte]))),
        ))))
    }

    async fn collect(&self, _: Request<Streaming<Everything>>) -> Answered<Everything> {
        Ok(Everything::default().into())
    }

    async fn plain(&self, call: Request<Everything>) -> Answered<Everything> {
        echo(call)
    }
}

impl Excerpts for Echo {
    async fn search(&self, call: Request<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn first(&self, call: Request<Everything>) -> Answered<Everything> {
        echo(call)
    }

    async fn watch_items(&self, call: Request<Everything>) -> Answered<Streaming<Everything>> {
        repeated(call)
    }
}

/// The message as often as it says.
fn repeated(call: Request<Everything>) -> Answered<Streaming<Everything>> {
    let message = call.into_inner();
    let messages = (1..=message.int32).map(move |int32| Everything { int32, ..message.clone() });
    Ok(Response::new(Streaming::new(tokio_stream::iter(messages.map(Ok)))))
}
