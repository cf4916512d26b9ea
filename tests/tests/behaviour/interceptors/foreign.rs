//! Interceptors and layers around clients and services of other libraries.

use super::*;

#[tokio::test]
async fn an_interceptor_sees_calls_of_clients_that_tonic_has_generated() {
    struct CheckForeign(Log);

    impl Interceptor for CheckForeign {
        async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
            self.0.push(format!("{:?} {} {}", call.role(), call.path(), call.method().is_some()));
            next.run(call).await
        }
    }

    let log = Log::default();
    let server = TelemetryServer::new(Station::default());
    let channel = Channel::in_process(server.intercept(CheckForeign(log.clone())));
    let mut client = Grpc::new(channel.intercept(CheckForeign(log.clone())));
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/telemetry.Telemetry/Latest");
    let codec = ProstCodec::<Query, Point>::default();
    let latest = client.unary(Request::new(query("a", 1)), path, codec).await.unwrap();
    assert_eq!(latest.into_inner(), point("x"));
    let seen =
        ["Client /telemetry.Telemetry/Latest false", "Server /telemetry.Telemetry/Latest true"];
    assert_eq!(log.take(), seen);
}

#[tokio::test]
async fn no_request_gets_past_an_interceptor_to_a_tower_service() {
    let log = Log::default();
    let server = Server::new()
        .intercept(Named("server", log.clone()))
        .add_tower_service(TelemetryServer::new(Station::default()));
    let mut routes = server.into_service().unwrap();
    let post = |content_type| {
        HttpRequest::post("/telemetry.Telemetry/Latest").header("content-type", content_type)
    };
    let request = post("application/grpc").body(HttpBody::default()).unwrap();
    routes.call(request).await.unwrap();
    assert_eq!(log.lines(2).await, ["> server", "< server"]);
    let request = post("text/plain").body(HttpBody::default()).unwrap();
    let refused = routes.call(request).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let request =
        HttpRequest::get("/telemetry.Telemetry/Latest").body(HttpBody::default()).unwrap();
    let refused = routes.call(request).await.unwrap();
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(log.take().is_empty());
}

#[tokio::test]
async fn a_channel_has_layers_and_requests_an_origin() {
    let log = Log::default();
    let noted = log.clone();
    let served = TelemetryServer::new(Station::default());
    let service = service_fn(move |request: HttpRequest<Body>| {
        noted.push(format!("{} {:?}", request.uri(), request.headers().get("x-tenant")));
        let mut served = served.clone();
        async move { served.call(request).await }
    });
    let layer = |tenant: &'static str| {
        MapRequestLayer::new(move |mut request: HttpRequest<Body>| {
            request.headers_mut().append("x-tenant", tenant.parse().unwrap());
            request
        })
    };
    let channel = Channel::new(service).layer(layer("inner")).layer(layer("outer"));
    TelemetryClient::new(channel.clone()).latest(query("a", 1)).await.unwrap();
    assert_eq!(log.take(), ["/telemetry.Telemetry/Latest Some(\"outer\")"]);
    let origin = Uri::from_static("https://example.com:8443");
    TelemetryClient::with_origin(channel, origin).latest(query("a", 1)).await.unwrap();
    let uri = "https://example.com:8443/telemetry.Telemetry/Latest";
    assert_eq!(log.take(), [format!("{uri} Some(\"outer\")")]);
}

#[tokio::test]
async fn the_requests_of_a_connection_carry_the_origin_of_their_client() {
    let log = Log::default();
    let noted = log.clone();
    let layer = MapRequestLayer::new(move |request: HttpRequest<HttpBody>| {
        noted.push(request.uri().to_string());
        request
    });
    let (listener, address) = routes::listen().await;
    let server = Server::new().add_service(TelemetryServer::new(Station::default())).layer(layer);
    let serving = tokio::spawn(server.serve_listener(listener));
    let channel = Channel::connect(format!("http://{address}")).await.unwrap();
    for (origin, uri) in [
        ("https://example.com:8443/ignored", "https://example.com:8443/telemetry.Telemetry/Latest"),
        ("example.com:80", "http://example.com:80/telemetry.Telemetry/Latest"),
    ] {
        let client = TelemetryClient::with_origin(channel.clone(), Uri::from_static(origin));
        client.latest(query("a", 1)).await.unwrap();
        assert_eq!(log.take(), [uri]);
    }
    serving.abort();
}
