//! The document that describes what is called by REST.

use std::collections::BTreeSet;

use http::{Request, StatusCode};
use http_body_util::Full;
use rust_scaffold::{Explorer, OpenApi, Routes, Server};
use serde_json::{Value, json};

use crate::{
    contracts::rest::{RestServer, SwapsServer},
    rest::{Echo, answer_of, get},
};

fn routes(api: impl Into<OpenApi>) -> Routes {
    let server = Server::new().openapi(api).add_service(RestServer::new(Echo));
    server.add_service(SwapsServer::new(Echo)).into_service().unwrap()
}

async fn document() -> Value {
    document_of("/openapi.json").await
}

async fn document_of(api: impl Into<OpenApi>) -> Value {
    let request = Request::get("/openapi.json").body(Full::default()).unwrap();
    let response = answer_of(&routes(api), request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    serde_json::from_slice(response.body()).unwrap()
}

#[tokio::test]
async fn a_server_says_nothing_of_its_api_unless_it_is_asked_to() {
    assert_eq!(get("/openapi.json").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_document_is_served_where_it_is_wanted() {
    let routes = routes("/api/spec");
    for (method, status, length) in
        [("GET", 200, None), ("HEAD", 200, Some(0)), ("POST", 405, None)]
    {
        let request = Request::builder().method(method).uri("/api/spec");
        let response = answer_of(&routes, request.body(Full::default()).unwrap()).await;
        assert_eq!(response.status(), status, "{method}");
        assert!(length.is_none_or(|length| response.body().len() == length), "{method}");
    }
}

#[tokio::test]
async fn a_path_that_is_none_or_that_of_another_page_is_refused() {
    let start = |server: Server, path: &str| {
        let server = server.openapi(path);
        server.into_service().map(drop).map_err(|error| error.to_string())
    };
    for (path, problem) in [
        ("openapi.json", "is no path"),
        ("", "is no path"),
        ("/a b", "is no path"),
        ("/docs/", "another page"),
    ] {
        let server = Server::new().explorer(Explorer::at("/docs").on_public_addresses());
        let error = start(server, path).unwrap_err();
        assert!(error.contains("Server::openapi") && error.contains(problem), "{path}: {error}");
    }
    start(Server::new(), "/").unwrap();
}

/// A rule for all paths does not hide it.
#[tokio::test]
async fn pages_come_before_rules() {
    let server = Server::new().explorer(Explorer::at("/v1/things/docs").on_public_addresses());
    let server = server.openapi("/v1/things/api/");
    let routes = server.add_service(RestServer::new(Echo)).into_service().unwrap();
    for (path, expected) in [
        ("/v1/things/docs", "<!doctype html>"),
        ("/v1/things/api", r#"{"components""#),
        ("/v1/things/api/", r#"{"components""#),
        ("/v1/things/other", r#"{"string":"other"}"#),
    ] {
        let request = Request::get(path).body(Full::default()).unwrap();
        let response = answer_of(&routes, request).await;
        let body = String::from_utf8_lossy(response.body()).to_lowercase();
        assert!(body.starts_with(expected), "{path}: {body:.80}");
    }
}

#[tokio::test]
async fn it_says_what_it_is_about() {
    let info = json!({ "title": "rest.Rest, rest.Swaps", "version": "0.0.0" });
    assert_eq!(document().await["info"], info);
    let api = OpenApi::at("/openapi.json").title("Rest").version("1.2");
    let api = api.server("https://a.example").server("https://b.example");
    let document = document_of(api).await;
    assert_eq!(document["openapi"], "3.1.1");
    assert_eq!(document["info"], json!({ "title": "Rest", "version": "1.2" }));
    let servers = json!([{ "url": "https://a.example" }, { "url": "https://b.example" }]);
    assert_eq!(document["servers"], servers);
}

#[tokio::test]
async fn an_operation_has_the_parameters_and_the_bodies_of_its_rule() {
    let document = document().await;
    let paths = &document["paths"];
    let update = &paths["/v1/things/{string}/item"]["patch"];
    assert_eq!(update["operationId"], "rest_Rest_Create_3");
    assert_eq!(update["tags"], json!(["rest.Rest"]));
    let string =
        json!({ "name": "string", "in": "path", "required": true, "schema": { "type": "string" } });
    assert_eq!(update["parameters"][0], string);
    let item = json!({ "$ref": "#/components/schemas/mirror.Item" });
    assert_eq!(update["requestBody"]["content"]["application/json"]["schema"], item);
    let names: BTreeSet<_> = update["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert!(names.contains("int64") && names.contains("nested.item.price"), "{names:?}");
    // Not what is in the path, in the body, or cannot be a parameter.
    for name in ["item.name", "items", "struct", "byNumber"] {
        assert!(!names.contains(name), "{name}");
    }
    let all = &paths["/v1/things"]["post"];
    assert_eq!(all.get("parameters"), None);
    let everything = json!({ "$ref": "#/components/schemas/mirror.Everything" });
    assert_eq!(all["responses"]["200"]["content"]["application/json"]["schema"], everything);

    let parts = &paths["/v1/shelves/{string.2}/books/{string.4}"]["get"]["parameters"];
    assert_eq!(parts[0]["description"], "A part of `string`: shelves/*/books/**.");
    let watch = &paths["/v1/watch/{int32}"]["get"];
    assert_eq!(watch["description"], "As often as `int32` says.");
    assert_eq!(watch["responses"]["200"]["content"]["application/x-ndjson"]["schema"], everything);
    let raw = &paths["/v1/mirror"]["post"];
    assert_eq!(raw["requestBody"]["content"]["*/*"], json!({ "schema": {} }));
    // Both have a parameter at this place, and the same one.
    let file = paths["/v1/files/{name}"].as_object().unwrap();
    assert_eq!(file.keys().collect::<Vec<_>>(), ["get", "post"]);
    assert!(paths.get("/v1/collect").is_none() && paths.get("/v1/lint").is_none());
}

#[tokio::test]
async fn of_many_query_parameters_the_outer_ones_are_listed() {
    let document = document().await;
    let unwrap = &document["paths"]["/v1/unwrapped"]["get"];
    let parameters = unwrap["parameters"].as_array().unwrap();
    let names: Vec<_> = parameters.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!((names.len(), names[0]), (100, "last"));
    assert!(names.contains(&"right.wrappedText"), "{names:?}");
    let description = unwrap["description"].as_str().unwrap();
    let (comment, note) = description.split_once("\n\n").unwrap();
    assert_eq!(comment, "The price is the innermost number on the right.");
    assert_eq!(note, "25 more query parameters are not listed.");
    // They are read all the same.
    let (_, item) = get("/v1/unwrapped?right.nested.nested.int32=7").await;
    assert_eq!(item, r#"{"price":7}"#);
}

#[tokio::test]
async fn schemas_are_those_of_the_json() {
    let document = document().await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let fields = &schemas["mirror.Everything"]["properties"];
    for (field, schema) in [
        ("int64", json!({ "type": "string", "format": "int64" })),
        ("uint32", json!({ "type": "integer", "format": "int64", "minimum": 0 })),
        ("bytes", json!({ "type": "string", "contentEncoding": "base64" })),
        ("color", json!({ "$ref": "#/components/schemas/mirror.Color" })),
        ("other", json!({ "type": "integer", "format": "int32" })),
        (
            "items",
            json!({ "type": "array", "items": { "$ref": "#/components/schemas/mirror.Item" } }),
        ),
        ("byNumber", json!({ "type": "object", "additionalProperties": { "type": "boolean" } })),
        ("nothing", json!({ "type": "null" })),
        ("time", json!({ "type": "string", "format": "date-time" })),
        ("wrapped", json!({ "type": "string", "format": "int64" })),
        ("nested", json!({ "$ref": "#/components/schemas/mirror.Everything" })),
    ] {
        assert_eq!(fields[field], schema, "{field}");
    }
    let colors = json!({ "type": "string", "enum": ["COLOR_UNSPECIFIED", "COLOR_RED"] });
    assert_eq!(schemas["mirror.Color"], colors);
}

#[tokio::test]
async fn nothing_in_it_refers_to_what_is_not_there() {
    let document = document().await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let (mut places, mut references, mut ids) = (vec![&document], 0, BTreeSet::new());
    while let Some(place) = places.pop() {
        if let Some(Value::String(reference)) = place.get("$ref") {
            let name = reference.strip_prefix("#/components/schemas/").unwrap();
            assert!(schemas.contains_key(name), "{reference}");
            references += 1;
        }
        if let Some(Value::String(id)) = place.get("operationId") {
            assert!(ids.insert(id), "{id}");
        }
        places.extend(place.as_object().into_iter().flat_map(|object| object.values()));
        places.extend(place.as_array().into_iter().flatten());
    }
    assert!(references > 20 && ids.len() > 15, "{references} {ids:?}");
}
