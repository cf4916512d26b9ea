//! The pages for people and programs, in plain HTTP.

use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::{ChannelzClient, ChannelzService, Code, GetServersRequest, Running, Server, listen};
use crate::calculator::{AddRequest, CalculatorClient};

/// The address of an administrators' listener.
async fn admin(server: Server) -> (String, Running) {
    let (admin, address) = listen().await;
    let (listener, _) = listen().await;
    let running = Running::on(listener, server.admin_listener(admin));
    (format!("http://{address}"), running)
}

async fn ask(method: Method, address: &str, path: &str) -> Response<String> {
    ask_over(true, method, address, path).await
}

async fn ask_over(http2: bool, method: Method, address: &str, path: &str) -> Response<String> {
    let client: Client<_, Empty<bytes::Bytes>> =
        Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
    let request = Request::builder().method(method).uri(format!("{address}{path}"));
    let response = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_build_and_the_uptime_are_shown_to_people_and_programs() {
    let server = Server::new().build_info("the \"station\"", "1.2.3").health();
    let (address, _running) = admin(server).await;
    let page = ask(Method::GET, &address, "/status").await;
    assert_eq!(
        (page.status().as_u16(), &page.headers()["content-type"]),
        (200, &"text/plain; charset=utf-8".parse().unwrap())
    );
    let lines: Vec<_> = page.body().lines().collect();
    let [name, version, library, started, uptime, services] = lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(name, "name:          the \"station\"");
    assert_eq!(version, "version:       1.2.3");
    assert_eq!(library, format!("rust-scaffold: {}", env!("CARGO_PKG_VERSION")));
    assert!(started.starts_with("started:       20") && started.ends_with('Z'), "{started}");
    assert!(uptime.starts_with("uptime:        ") && uptime.ends_with(" s"), "{uptime}");
    assert_eq!(services, "services:      grpc.health.v1.Health, telemetry.Telemetry");
    assert_eq!(ask(Method::GET, &address, "/").await.body().lines().next(), Some(name));

    let page = ask(Method::GET, &address, "/status.json").await;
    assert_eq!(page.headers()["content-type"], "application/json");
    let page: serde_json::Value = serde_json::from_str(page.body()).unwrap();
    assert_eq!(page["name"], "the \"station\"");
    assert_eq!(page["version"], "1.2.3");
    assert!(page["uptime_seconds"].is_u64());
    assert!(started.ends_with(page["started"].as_str().unwrap()));
    assert_eq!(page["services"][1], "telemetry.Telemetry");
}

/// A page in a browser, whose name has come to mean this machine.
#[tokio::test]
async fn pages_of_other_hosts_do_not_see_them() {
    let (address, _running) = admin(Server::new()).await;
    for (host, expected) in [("localhost", 200), ("evil.example", 421)] {
        let client: Client<_, Empty<bytes::Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let request = Request::get(format!("{address}/status")).header("host", host);
        let response = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), expected, "{host}");
    }
}

#[tokio::test]
async fn people_and_programs_may_speak_http1() {
    let (address, _running) = admin(Server::new()).await;
    let page = ask_over(false, Method::GET, &address, "/status").await;
    assert_eq!((page.version(), page.status().as_u16()), (Version::HTTP_11, 200));
    assert!(page.body().contains("uptime:"), "{}", page.body());
    let page = ask_over(false, Method::HEAD, &address, "/status").await;
    assert_eq!((page.status().as_u16(), page.body().as_str()), (200, ""));
}

#[tokio::test]
async fn a_server_without_a_name_has_a_page_too() {
    let (address, _running) = admin(Server::new()).await;
    let page = ask(Method::GET, &address, "/status.json").await;
    let page: serde_json::Value = serde_json::from_str(page.body()).unwrap();
    assert_eq!((&page["name"], &page["version"]), (&"".into(), &"".into()));
}

#[tokio::test]
async fn a_server_with_channelz_among_its_services_has_the_pages_as_well() {
    let server = Server::new().build_info("station", "1").add_service(ChannelzService::new());
    let (address, _running) = admin(server).await;
    let page = ask(Method::GET, &address, "/status.json").await;
    assert_eq!(page.status(), 200, "{}", page.body());
    let page: serde_json::Value = serde_json::from_str(page.body()).unwrap();
    assert_eq!((&page["name"], &page["version"]), (&"station".into(), &"1".into()));
    assert_eq!(page["services"][0], "grpc.channelz.v1.Channelz");
    let client = ChannelzClient::connect(address).await.unwrap();
    assert!(client.get_servers(GetServersRequest::default()).await.is_ok());
}

#[tokio::test]
async fn there_are_no_other_pages() {
    let (address, _running) = admin(Server::new()).await;
    let page = ask(Method::GET, &address, "/metrics").await;
    assert_eq!(page.status(), 404);
    assert!(page.body().contains("/status.json"), "{}", page.body());
    let page = ask(Method::DELETE, &address, "/status").await;
    assert_eq!(
        (page.status().as_u16(), &page.headers()["allow"]),
        (405, &"GET, HEAD".parse().unwrap())
    );
    let page = ask(Method::HEAD, &address, "/status").await;
    assert_eq!((page.status().as_u16(), page.body().as_str()), (200, ""));
    let client = CalculatorClient::connect(address).await.unwrap();
    let refused = client.add(AddRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}
