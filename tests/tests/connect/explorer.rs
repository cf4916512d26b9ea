//! The page on which people look at services and call them: who gets it, and what is in it. What it does in a browser is
//! tested by `tests/browser`.

use std::{convert::Infallible, io, net::SocketAddr};

use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use rust_scaffold::{
    Explorer, ForwardedFor, HttpBody, ProxyProtocol, Request as Call, Response as Answer, Routes,
    ServeError, Server, Status, Streaming,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_stream::wrappers::TcpListenerStream;
use tower::{ServiceExt as _, service_fn, util::MapRequestLayer};

use crate::{
    contracts::{
        mirror::MirrorServer,
        redaction::{Gate, GateServer, Login, Plain, Session},
    },
    mirror::Echo,
};

fn server() -> Server {
    Server::new().add_service(MirrorServer::new(Echo))
}

/// A server that others serve, and everybody may look at.
fn routes(server: Server) -> Routes {
    server.explorer(Explorer::at("/docs").on_public_addresses()).into_service().unwrap()
}

fn request(method: Method, path: &str) -> Request<HttpBody> {
    Request::builder().method(method).uri(path).body(HttpBody::default()).unwrap()
}

async fn get(routes: &Routes, path: &str) -> Response<String> {
    read(routes.clone().oneshot(request(Method::GET, path)).await.unwrap()).await
}

async fn read(response: Response<HttpBody>) -> Response<String> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap())
}

/// What the page knows of the server.
fn schema(page: &str) -> Value {
    let start = r#"<script id="schema" type="application/json">"#;
    let json = page.split_once(start).unwrap().1.split_once("</script>").unwrap().0;
    serde_json::from_str(json).unwrap()
}

/// The element of a list with this name.
fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()
}

#[tokio::test]
async fn the_page_runs_nothing_but_its_own_script_and_is_not_kept() {
    let page = get(&routes(server()), "/docs").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.body().starts_with("<!doctype html>"));
    let header = |name: &str| page.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");
    let policy = header("content-security-policy");
    for directive in [
        "default-src 'none'",
        "script-src 'sha256-",
        "style-src 'sha256-",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|it| it.starts_with(directive)), "{directive}: {policy}");
    }
    assert!(!policy.contains("unsafe"));
}

#[tokio::test]
async fn it_is_at_its_path_alone_and_only_read() {
    let routes = routes(server());
    let page = get(&routes, "/docs").await;
    assert_eq!(get(&routes, "/docs/").await.body(), page.body());
    assert_eq!(get(&routes, "/docs?a=1").await.body(), page.body());
    for elsewhere in ["/", "/doc", "/docs/more", "/docs//"] {
        let response = get(&routes, elsewhere).await;
        assert_eq!(
            response.status(),
            get(&self::server().into_service().unwrap(), "/").await.status()
        );
    }
    let head = routes.clone().oneshot(request(Method::HEAD, "/docs")).await.unwrap();
    let head = read(head).await;
    assert_eq!((head.status(), head.body().as_str()), (StatusCode::OK, ""));
    assert_eq!(head.headers(), page.headers());
    let post = routes.clone().oneshot(request(Method::POST, "/docs")).await.unwrap();
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post.headers()["allow"], "GET, HEAD");
    // A call is refused as one.
    let mut call = request(Method::POST, "/docs/");
    call.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    let refused = routes.clone().oneshot(call).await.unwrap();
    assert_eq!(refused.headers()["grpc-status"], "12");
}

#[tokio::test]
async fn there_is_none_unless_it_is_asked_for() {
    let response = get(&server().into_service().unwrap(), "/docs").await;
    assert_ne!(response.status(), StatusCode::OK);
    assert!(!response.body().contains("html"));
}

#[tokio::test]
async fn the_home_page_may_be_the_explorer() {
    for path in ["/", "/a/b/"] {
        let explorer = Explorer::at(path).on_public_addresses();
        let routes = server().explorer(explorer).into_service().unwrap();
        let page = get(&routes, path).await;
        assert_eq!(schema(page.body())["path"], path.trim_end_matches('/'));
        assert_ne!(get(&routes, "/docs").await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn services_methods_and_messages_are_described() {
    let page = get(&routes(server()), "/docs").await;
    let schema = schema(page.body());
    assert_eq!(schema["path"], "/docs");
    let service = named(&schema["services"], "mirror.Mirror");
    assert_eq!(service["comment"], "Answers with what it was asked.");
    assert_eq!(service["file"], "mirror.proto");
    let method = json!({
        "name": "Reflect", "kind": "unary", "safe": true,
        "input": "mirror.Everything", "output": "mirror.Everything",
    });
    assert_eq!(named(&service["methods"], "Reflect"), &method);
    assert_eq!(named(&service["methods"], "ReflectAll")["kind"], "bidi");

    let fields = &schema["messages"]["mirror.Everything"]["fields"];
    for expected in [
        json!({"name": "double", "number": 1, "type": "double"}),
        json!({"name": "color", "number": 13, "type": "enum", "of": "mirror.Color"}),
        json!({"name": "present", "number": 14, "type": "int32", "optional": true}),
        json!({"name": "renamed_field", "number": 15, "type": "int32", "json": "other"}),
        json!({"name": "items", "number": 16, "type": "message", "of": "mirror.Item", "repeated": true}),
        json!({"name": "by_name", "number": 18, "type": "message", "of": "mirror.Item", "key": "string", "json": "byName"}),
        json!({"name": "by_number", "number": 19, "type": "bool", "key": "int32", "json": "byNumber"}),
        json!({"name": "text", "number": 20, "type": "string", "oneof": "choice"}),
    ] {
        assert_eq!(named(fields, expected["name"].as_str().unwrap()), &expected);
    }
    let values = json!([["COLOR_UNSPECIFIED", 0, null], ["COLOR_RED", 1, null]]);
    assert_eq!(schema["enums"]["mirror.Color"]["values"], values);
    // Those of proto2 and of editions have defaults and required fields.
    assert!(schema["messages"]["legacy.Item"]["fields"].is_array());
    assert!(schema["messages"]["edition.Item"]["fields"].is_array());
}

pub(crate) struct Closed;

impl Gate for Closed {
    async fn sign_in(&self, _: Call<Login>) -> Result<Answer<Session>, Status> {
        Err(Status::unavailable("closed"))
    }

    async fn watch(
        &self,
        _: Call<Streaming<Session>>,
    ) -> Result<Answer<Streaming<Session>>, Status> {
        Err(Status::unavailable("closed"))
    }

    async fn ping(&self, _: Call<Plain>) -> Result<Answer<Plain>, Status> {
        Err(Status::unavailable("closed"))
    }
}

#[tokio::test]
async fn secrets_are_marked() {
    let page = get(&routes(server().add_service(GateServer::new(Closed))), "/docs").await;
    let messages = &schema(page.body())["messages"];
    for (message, field, is_secret) in [
        ("redaction.Login", "user", false),
        ("redaction.Login", "password", true),
        ("redaction.Login", "answers", true),
        ("redaction.Login", "code", true),
        ("redaction.Login", "key", false),
        ("vault.Key", "id", false),
        ("vault.Key", "secret", true),
    ] {
        let field = named(&messages[message]["fields"], field);
        assert_eq!(field["redacted"] == true, is_secret, "{field}");
    }
    let fields = &messages["redaction.Login"]["fields"];
    assert_eq!(named(fields, "pin")["required"], true);
    assert_eq!(named(fields, "hint")["deprecated"], true);
}

/// Why `server` does not serve on `listener`.
async fn refusal(server: Server, listener: TcpListener) -> String {
    refused(server.serve_listener_with_shutdown(listener, async {}).await)
}

fn refused(served: io::Result<()>) -> String {
    let error = served.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    error.to_string()
}

#[tokio::test]
async fn it_is_not_shown_to_others_by_mistake() {
    let listen = async || TcpListener::bind("0.0.0.0:0").await.unwrap();
    let explored = server().explorer("/docs");
    let listener = listen().await;
    let address = listener.local_addr().unwrap();
    assert_eq!(
        refusal(explored.clone(), listener).await,
        format!(
            "`Server::explorer` would show all services on {address}, where others may reach it: serve on 127.0.0.1 \
             without proxies, or say `Explorer::on_public_addresses`"
        )
    );
    assert!(
        refused(explored.clone().serve_with_shutdown("0.0.0.0:0", async {}).await)
            .contains("0.0.0.0")
    );
    let unknown = "`Server::explorer` would show all services on addresses that it does not know: serve on 127.0.0.1 \
                   without proxies, or say `Explorer::on_public_addresses`";
    let incoming = TcpListenerStream::new(listen().await);
    assert_eq!(
        refused(explored.clone().serve_incoming_with_shutdown(incoming, async {}).await),
        unknown
    );
    assert_eq!(explored.into_service().unwrap_err().to_string(), unknown);
}

#[tokio::test]
async fn proxies_may_show_it_to_others() {
    let this_machine = || ["127.0.0.1"];
    for server in [
        server().proxy_protocol(ProxyProtocol::from_trusted(this_machine())),
        server().forwarded_for(ForwardedFor::from_trusted(this_machine())),
    ] {
        let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let problem = refusal(server.clone().explorer("/docs"), listen().await).await;
        assert!(problem.contains("behind proxies, through which others may reach it"), "{problem}");
        let public = server.explorer(Explorer::at("/docs").on_public_addresses());
        public.serve_listener_with_shutdown(listen().await, async {}).await.unwrap();
    }
}

#[tokio::test]
async fn paths_that_are_none_are_refused() {
    for path in ["", "docs", "/do cs", "/docs?a", "/docs#a", "/dücs"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let problem = refusal(server().explorer(path), listener).await;
        assert!(problem.contains(&format!("is at {path:?}, which is no path")), "{problem}");
        let public = Explorer::at(path).on_public_addresses();
        let error = server().explorer(public).into_service().unwrap_err();
        assert!(matches!(error, ServeError::InvalidOption { option: "explorer", .. }));
    }
}

/// The status of the page on a server at `address`, as a browser asks for it by the name `host`.
async fn status_for(address: SocketAddr, host: &str) -> StatusCode {
    status_with(address, Request::get("/docs").header("host", host)).await
}

async fn status_with(address: SocketAddr, request: http::request::Builder) -> StatusCode {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = request.body(Full::<bytes::Bytes>::default()).unwrap();
    client.send_request(request).await.unwrap().status()
}

#[tokio::test]
async fn no_proxy_on_this_machine_shows_it_to_others() {
    for (explorer, expected) in [
        (Explorer::at("/docs"), StatusCode::FORBIDDEN),
        (Explorer::at("/docs").on_public_addresses(), StatusCode::OK),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(server().explorer(explorer).serve_listener(listener));
        for (name, value) in [
            ("x-forwarded-for", "192.0.2.1"),
            ("x-real-ip", "192.0.2.1"),
            ("forwarded", "for=192.0.2.1"),
            ("via", "1.1 proxy"),
        ] {
            let request = Request::get("/docs").header("host", "127.0.0.1").header(name, value);
            assert_eq!(status_with(address, request).await, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn no_page_of_another_site_reads_it_by_a_name_of_its_own() {
    for (explorer, of_others) in [
        (Explorer::at("/docs"), StatusCode::MISDIRECTED_REQUEST),
        (Explorer::at("/docs").on_public_addresses(), StatusCode::OK),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(server().explorer(explorer).serve_listener(listener));
        assert_eq!(status_for(address, "localhost:80").await, StatusCode::OK);
        assert_eq!(status_for(address, &address.to_string()).await, StatusCode::OK);
        assert_eq!(status_for(address, "evil.example").await, of_others);
    }
}

#[tokio::test]
async fn it_is_served_over_both_versions_of_http_on_this_machine() {
    for host in ["127.0.0.1", "::1"] {
        let Ok(listener) = TcpListener::bind((host, 0)).await else { continue };
        let address = listener.local_addr().unwrap();
        tokio::spawn(server().explorer("/docs").serve_listener(listener));
        for (http2, version) in [(false, Version::HTTP_11), (true, Version::HTTP_2)] {
            let client: Client<_, Full<bytes::Bytes>> =
                Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
            let uri = format!("http://{address}/docs").parse().unwrap();
            let response = client.get(uri).await.unwrap();
            assert_eq!((response.status(), response.version()), (StatusCode::OK, version));
            let page = response.into_body().collect().await.unwrap().to_bytes();
            assert!(page.ends_with(b"</html>\n"));
        }
    }
}

#[tokio::test]
async fn a_unix_socket_is_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
    let end = async {};
    server().explorer("/docs").serve_listener_with_shutdown(listener, end).await.unwrap();
}

/// As one that asks for credentials does.
#[tokio::test]
async fn layers_see_requests_for_it() {
    let moved = MapRequestLayer::new(|mut request: Request<HttpBody>| {
        if !request.headers().contains_key("authorization") {
            *request.uri_mut() = "/elsewhere".parse().unwrap();
        }
        request
    });
    let routes = routes(server().layer(moved));
    assert_ne!(get(&routes, "/docs").await.status(), StatusCode::OK);
    let mut with_credentials = request(Method::GET, "/docs");
    with_credentials.headers_mut().insert("authorization", "Bearer a".parse().unwrap());
    assert_eq!(routes.clone().oneshot(with_credentials).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn the_fallback_answers_for_everything_else() {
    let fallback = service_fn(async |request: Request<HttpBody>| {
        let mut headers = HeaderMap::new();
        headers.insert("path", request.uri().path().parse().unwrap());
        let mut response = Response::new(HttpBody::default());
        *response.headers_mut() = headers;
        Ok::<_, Infallible>(response)
    });
    let routes = routes(server().fallback(fallback));
    assert_eq!(get(&routes, "/other").await.headers()["path"], "/other");
    assert!(!get(&routes, "/docs").await.headers().contains_key("path"));
}
