//! `src/tests.rs`: a test of each service, and one with its mock.

use super::{
    package::template,
    services::{Method, Service},
    template::fill,
};
use crate::ident;

pub(super) fn text(services: &[Service], proto: &str) -> String {
    let modules = services.iter().filter_map(|service| of_service(service, proto));
    let modules = modules.collect::<String>();
    fill(template!("tests.rs"), &[("modules", modules.trim_end())])
}

/// Of a method: one that is unary is the best to begin with.
fn of_service(service: &Service, proto: &str) -> Option<String> {
    let streams = |method: &&Method| {
        (method.kind.streams_requests(), method.kind.streams_responses(), method.deprecated)
    };
    let method = service.methods.iter().min_by_key(streams)?;
    let request = match (method.kind.streams_requests(), default_of(&method.input)) {
        (true, request) => format!("Streaming::from_iter([{request}])"),
        (false, request) => request,
    };
    let is_unary = !method.is_streaming();
    let function = ident::escape(&method.name);
    let expect = &method.expect;
    let mocked = match (is_unary, &*default_of(&method.output)) {
        // There is nothing to compare.
        (true, "()") => format!(
            "mock.{expect}().once().returns(());
mock.client().{function}({request}).await.unwrap();"
        ),
        (true, response) => format!(
            "mock.{expect}().once().returns({response});
let response = mock.client().{function}({request}).await.unwrap();
assert_eq!(response.into_inner(), {response});"
        ),
        (false, _) => format!(
            "mock.{expect}().once().fails(Status::not_found(\"nothing is there\"));
let status = mock.client().{function}({request}).await.unwrap_err();
assert_eq!(status.code(), Code::NotFound);"
        ),
    };
    let used = match (is_unary, method.kind.streams_requests()) {
        (true, _) => "Code",
        (false, false) => "{Code, Status}",
        (false, true) => "{Code, Status, Streaming}",
    };
    let values = [
        ("module", &*service.module),
        ("type", &*service.implementation),
        ("client", &*service.client),
        ("mock", &*service.mock),
        ("name", &*method.name),
        ("method", &*function),
        ("request", &*request),
        ("mocked", &*mocked),
        ("used", used),
        ("proto", proto),
        ("allow", if method.deprecated { "#[allow(deprecated)]" } else { "" }),
    ];
    Some(fill(template!("tests_of_service.rs"), &values))
}

/// `proto::calculator::AddRequest::default()`
fn default_of(message: &str) -> String {
    match message {
        "()" => "()".to_owned(),
        message => format!("{message}::default()"),
    }
}
