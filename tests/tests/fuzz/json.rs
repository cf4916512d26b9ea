//! Whatever comes as JSON, and whatever is written as JSON.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, Full};
use rust_scaffold::{
    JsonOptions, Request, Response, Routes, Server, Status, Streaming, prost::Message,
    prost_types::Any,
};
use tokio::runtime::Builder;
use tower_service::Service as _;

use crate::contracts::{
    edition, legacy,
    mirror::{Everything, Mirror, MirrorServer},
};

/// How many messages came back as they were sent.
pub(crate) static REFLECTED: AtomicU64 = AtomicU64::new(0);
/// How many messages were written as what prost has read of them.
pub(crate) static WRITTEN: AtomicU64 = AtomicU64::new(0);

pub(crate) const EVERYTHING: &str = "mirror.Everything";
/// Says that the bytes of a request are a message, and of which type. The response has it in an `Any`.
const UNPACK: &str = "x-unpack";

/// Which routes: those without options, and those with all of them.
pub(crate) const STRICT: usize = 0;
const VERBOSE: usize = 1;

thread_local! {
    static ROUTES: [Routes; 2] = [JsonOptions::new(), all_options()].map(|options| {
        Server::new().add_service(MirrorServer::new(Echo).json(options)).into_service().unwrap()
    });
}

fn all_options() -> JsonOptions {
    JsonOptions::new()
        .ignore_unknown_fields(true)
        .write_default_values(true)
        .write_enum_numbers(true)
        .write_proto_names(true)
}

struct Echo;

impl Mirror for Echo {
    async fn reflect(&self, call: Request<Everything>) -> Result<Response<Everything>, Status> {
        let name = call.metadata().get(UNPACK).and_then(|name| name.to_str().ok());
        let Some(type_url) = name.map(|name| format!("type.googleapis.com/{name}")) else {
            return Ok(call.into_inner().into());
        };
        let any = Any { type_url, value: call.into_inner().bytes };
        Ok(Everything { any: Some(any), ..Everything::default() }.into())
    }

    async fn reflect_edition(
        &self,
        call: Request<edition::Item>,
    ) -> Result<Response<edition::Item>, Status> {
        Ok(call.into_inner().into())
    }

    async fn reflect_legacy(
        &self,
        call: Request<legacy::Item>,
    ) -> Result<Response<legacy::Item>, Status> {
        Ok(call.into_inner().into())
    }

    async fn reflect_all(
        &self,
        call: Request<Streaming<Everything>>,
    ) -> Result<Response<Streaming<Everything>>, Status> {
        Ok(call.into_inner().into())
    }
}

/// Sends `json`. What comes back is the same when it is sent again.
pub(crate) fn reflect(json: &[u8]) {
    for options in [STRICT, VERBOSE] {
        for method in ["Reflect", "ReflectEdition", "ReflectLegacy"] {
            let (status, body) = answer(options, post(method, Bytes::copy_from_slice(json)));
            if status == StatusCode::OK {
                let again = answer(options, post(method, body.clone()));
                assert_eq!(again, (StatusCode::OK, body), "{}", shown(json));
                REFLECTED.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let is_refused =
                status == StatusCode::BAD_REQUEST && has_code(&body, "invalid_argument");
            // In the innermost object, there are empty lists by default.
            let is_too_deep = options == VERBOSE && shown(&body).contains("nested too deeply");
            assert!(is_refused || is_too_deep, "{}: {}", shown(&body), shown(json));
        }
    }
}

/// Has an encoded message, of each type, written as JSON, which is that of the message that prost makes of it.
pub(crate) fn write(encoded: &[u8]) {
    write_as::<Everything>(EVERYTHING, encoded);
    // prost writes required fields in any case.
    write_as::<edition::Item>("edition.Item", &[&[24, 1], encoded].concat());
    write_as::<legacy::Item>("legacy.Item", &[&[8, 1], encoded].concat());
}

fn write_as<M: Message + Default>(name: &'static str, encoded: &[u8]) {
    for options in [STRICT, VERBOSE] {
        let (status, body) = answer(options, unpacking(name, encoded));
        let is_unwritable =
            status == StatusCode::INTERNAL_SERVER_ERROR && has_code(&body, "internal");
        assert!(status == StatusCode::OK || is_unwritable, "{encoded:?}: {}", shown(&body));
        let Ok(message) = M::decode(encoded) else { continue };
        let (_, expected) = answer(options, unpacking(name, &message.encode_to_vec()));
        // prost drops a -0 where there is no presence, and extensions.
        if !["-0.0", "[edition.note]"].iter().any(|dropped| shown(&body).contains(dropped)) {
            assert_eq!(shown(&body), shown(&expected), "{encoded:?}");
        }
        WRITTEN.fetch_add(u64::from(status == StatusCode::OK), Ordering::Relaxed);
    }
}

pub(crate) fn post(method: &str, json: Bytes) -> http::Request<Full<Bytes>> {
    http::Request::post(format!("/mirror.Mirror/{method}"))
        .header("content-type", "application/json")
        .body(Full::new(json))
        .unwrap()
}

pub(crate) fn unpacking(name: &'static str, encoded: &[u8]) -> http::Request<Full<Bytes>> {
    let json = format!("{{\"bytes\":\"{}\"}}", STANDARD.encode(encoded));
    let mut request = post("Reflect", json.into());
    request.headers_mut().insert(UNPACK, http::HeaderValue::from_static(name));
    request
}

pub(crate) fn answer(options: usize, request: http::Request<Full<Bytes>>) -> (StatusCode, Bytes) {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let mut routes = ROUTES.with(|routes| routes[options].clone());
    runtime.block_on(async {
        let response = routes.call(request).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    })
}

fn has_code(body: &[u8], code: &str) -> bool {
    shown(body).contains(&format!("\"code\":\"{code}\""))
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
