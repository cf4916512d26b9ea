//! How calls end, as interceptors learn it, and how interceptors end calls.

use super::*;

#[tokio::test]
async fn interceptors_are_told_how_calls_of_each_kind_have_ended() {
    let (served, made) = (Ends::default(), Ends::default());
    let server = TelemetryServer::new(Station::default()).intercept(served.clone());
    for route in routes::all(server).await {
        let client = route.client.clone().intercept(made.clone());
        let check = async |expected: [(u64, u64); 2], kind: &str| {
            for (side, ends) in [("client", &made), ("server", &served)] {
                let end = ends.only().await;
                let context = format!("{}, {side}, {kind}", route.name);
                assert_eq!(end.code, Code::Ok, "{context}: {end:?}");
                let sizes = if route.name.starts_with("direct") {
                    expected.map(|(messages, _)| (messages, 0))
                } else {
                    expected
                };
                assert_eq!(counts(&end), sizes, "{context}");
                assert_eq!(end.last_word.as_deref(), Some("hello"), "{context}");
            }
        };
        client.latest(with_word(query("a", 2))).await.unwrap();
        check([count(1, 5), count(1, 4)], "unary").await;
        let points = client.watch(with_word(query("a", 2))).await.unwrap().into_inner();
        assert_eq!(points.collect::<Vec<_>>().await.len(), 3);
        check([count(1, 5), count(3, 3 + 3 + 5)], "server streaming").await;
        client.upload(with_word(iter([point("a"), point("b")]))).await.unwrap();
        check([count(2, 6), count(1, 16)], "client streaming").await;
        let queries = with_word(iter([query("a", 1), query("b", 2)]));
        let points = client.tail(queries).await.unwrap().into_inner();
        assert_eq!(points.collect::<Vec<_>>().await.len(), 3);
        check([count(2, 10), count(3, 9)], "bidirectional streaming").await;
    }
}

#[tokio::test]
async fn interceptors_are_told_of_failures_deadlines_and_cancellation() {
    let (served, made) = (Ends::default(), Ends::default());
    let server = TelemetryServer::new(Station::default()).intercept(served.clone());
    for route in routes::all(server).await {
        let client = route.client.clone().intercept(made.clone());
        let check = async |code: Code, context: &str| {
            for (side, ends) in [("client", &made), ("server", &served)] {
                let end = ends.only().await;
                // The client may be the first to see that a call is late, and cancel it.
                let is_late = code == Code::DeadlineExceeded && side == "server";
                let is_expected = end.code == code || is_late && end.code == Code::Cancelled;
                assert!(is_expected, "{}, {side}, {context}: {end:?}", route.name);
                assert!(!end.message.is_empty(), "{}, {side}, {context}", route.name);
            }
        };
        client.latest(query("fails", 1)).await.unwrap_err();
        check(Code::FailedPrecondition, "unary, failed").await;
        let points = client.watch(query("fails", 2)).await.unwrap().into_inner();
        assert!(points.collect::<Result<Vec<_>, _>>().await.is_err());
        check(Code::FailedPrecondition, "stream, failed").await;
        client.latest(query("panics", 1)).await.unwrap_err();
        check(Code::Internal, "unary, panicked").await;

        let mut hanging = Request::new(query("hangs", 1));
        hanging.set_timeout(Duration::from_millis(50));
        client.latest(hanging).await.unwrap_err();
        check(Code::DeadlineExceeded, "unary, late").await;
        let mut hanging = Request::new(query("hangs", 1));
        hanging.set_timeout(Duration::from_millis(50));
        failure_of(client.watch(hanging).await).await;
        check(Code::DeadlineExceeded, "stream, late").await;

        let mut points = client.watch(query("hangs", 1)).await.unwrap().into_inner();
        points.message().await.unwrap().unwrap();
        drop(points);
        check(Code::Cancelled, "stream, dropped").await;
    }
}

#[tokio::test]
async fn what_a_client_does_not_take_is_the_end_of_its_call() {
    let made = Ends::default();
    for route in routes::encoding(TelemetryServer::new(Station::default())).await {
        let client = route.client.clone().max_decoding_message_size(4).intercept(made.clone());
        let points = client.watch(query("a", 0)).await.unwrap().into_inner();
        let status = points.collect::<Result<Vec<_>, _>>().await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{}", route.name);
        assert_eq!(made.only().await.code, Code::ResourceExhausted, "{}", route.name);
    }
}

/// Answers with a query, which is malformed as a summary.
struct Mistaken;

impl Interceptor for Mistaken {
    async fn intercept(&self, _: InterceptedCall, _: Next<'_>) -> Result<Reply, Status> {
        Reply::with_message(Response::new(query("a", 1)))
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_decoded_is_the_end_of_its_call() {
    let made = Ends::default();
    let server = TelemetryServer::new(Station::default());
    let mut clients = Vec::new();
    for route in routes::all(server.clone()).await {
        clients.push((route.client.clone().intercept(made.clone()).intercept(Mistaken), route));
    }
    for route in routes::all(server.intercept(Mistaken)).await {
        clients.push((route.client.clone().intercept(made.clone()), route));
    }
    for (client, route) in clients {
        let failed = client.upload(iter([point("a")])).await.unwrap_err();
        assert_eq!(failed.code(), Code::Internal, "{}: {failed:?}", route.name);
        let end = made.only().await;
        assert_eq!((end.code, &*end.message), (Code::Internal, failed.message()), "{}", route.name);
    }
}

#[tokio::test]
async fn an_interceptor_may_set_an_earlier_deadline() {
    let server = TelemetryServer::new(Station::default());
    let mut clients = Vec::new();
    for route in routes::all(server.clone()).await {
        clients.push((route.client.clone().intercept(Hurrying), route));
    }
    for route in routes::all(server.intercept(Hurrying)).await {
        clients.push((route.client.clone(), route));
    }
    for (client, route) in clients {
        let late = timeout(LONG, client.latest(query("hangs", 1))).await.expect(route.name);
        assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded, "{}", route.name);
        let late = failure_of(client.watch(query("hangs", 2)).await);
        let late = timeout(LONG, late).await.expect(route.name);
        assert_eq!(late.code(), Code::DeadlineExceeded, "{}", route.name);
    }
}

#[tokio::test]
async fn an_interceptor_that_waits_for_ever_is_ended_by_the_deadline() {
    struct Waiting;

    impl Interceptor for Waiting {
        async fn intercept(&self, _: InterceptedCall, _: Next<'_>) -> Result<Reply, Status> {
            std::future::pending().await
        }
    }

    let server = Server::new().intercept(Waiting);
    let tower = server.add_tower_service(TelemetryServer::new(Station::default()));
    let mut routes = tower.into_service().unwrap();
    let request = HttpRequest::post("/telemetry.Telemetry/Latest")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "50m");
    let response = routes.call(request.body(HttpBody::default()).unwrap());
    let response = timeout(LONG, response).await.expect("an answer").unwrap();
    assert_eq!(response.headers()["grpc-status"], "4");

    let server = TelemetryServer::new(Station::default());
    let mut clients = Vec::new();
    for route in routes::all(server.clone()).await {
        clients.push((route.client.clone().intercept(Waiting), route));
    }
    for route in routes::all(server.intercept(Waiting)).await {
        clients.push((route.client.clone(), route));
    }
    for (client, route) in clients {
        let mut request = Request::new(query("a", 1));
        request.set_timeout(Duration::from_millis(50));
        let late = timeout(LONG, client.latest(request)).await.expect(route.name);
        assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded, "{}", route.name);
    }
}

#[tokio::test]
async fn a_panic_in_an_interceptor_of_a_server_fails_its_call_only() {
    let server = TelemetryServer::new(Station::default()).intercept(Panicking("after"));
    for route in routes::all(server).await {
        for (when, code) in [
            ("before", Code::Internal),
            ("after", Code::Internal),
            ("end", Code::Ok),
            ("never", Code::Ok),
        ] {
            let mut request = Request::new(query("a", 1));
            request.metadata_mut().insert("panics", when.parse().unwrap());
            let answered = route.client.latest(request).await;
            let got = answered.map_or_else(|status| status.code(), |_| Code::Ok);
            assert_eq!(got, code, "{}, {when}", route.name);
        }
    }
}
