//! Spans of `tracing` around calls, on both sides.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request as HttpRequest, header};
use rust_scaffold::{Channel, Code, HttpBody, RpcConventions, Server, Streaming, TraceCalls};
use tower_service::Service as _;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
};

use crate::{
    routes::{self, listen},
    station::{Station, point, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

type Fields = BTreeMap<String, String>;

/// The fields of an event, and those of the span in which it was.
type EventInCall = (Fields, Option<Fields>);

/// A span that is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended {
    fields: Fields,
    parent: Option<Fields>,
}

impl Ended {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// Keeps the spans of calls that are over, and the events with the call in which they were.
#[derive(Clone, Default)]
pub(crate) struct Collected {
    ended: Arc<Mutex<Vec<Ended>>>,
    events: Arc<Mutex<Vec<EventInCall>>>,
}

struct Reader<'a>(&'a mut Fields);

impl Visit for Reader<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collected {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Reader(&mut fields));
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        values.record(&mut Reader(span.extensions_mut().get_mut().unwrap()));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if !["station", "rust_scaffold::call::panics"].contains(&event.metadata().target()) {
            return;
        }
        let mut fields = Fields::new();
        event.record(&mut Reader(&mut fields));
        let span = context.event_span(event);
        let span = span.map(|span| span.extensions().get::<Fields>().unwrap().clone());
        self.events.lock().unwrap().push((fields, span));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        if span.metadata().target() != "rust_scaffold::call" {
            return;
        }
        let fields = span.extensions().get::<Fields>().unwrap().clone();
        let parent = span.parent().and_then(|it| it.extensions().get::<Fields>().cloned());
        self.ended.lock().unwrap().push(Ended { fields, parent });
    }
}

impl Collected {
    /// Collects what happens on this thread.
    pub(crate) fn here() -> (Self, DefaultGuard) {
        let collected = Self::default();
        let subscriber = Registry::default().with(collected.clone());
        (collected, tracing::subscriber::set_default(subscriber))
    }

    /// The spans that are over, once there are as many; the client's first.
    pub(crate) async fn ended(&self, count: usize) -> Vec<Ended> {
        loop {
            {
                let mut ended = self.ended.lock().unwrap();
                if ended.len() >= count {
                    let mut ended = std::mem::take(&mut *ended);
                    ended.sort_by_key(|span| span.fields["otel.kind"].clone());
                    return ended;
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn events(&self) -> Vec<EventInCall> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }
}

/// Serves until the test ends, and says where.
async fn serve(server: Server) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(server.serve_listener(listener));
    format!("http://{address}")
}

fn station() -> TelemetryServer<Station> {
    TelemetryServer::new(Station::default())
}

/// Makes a call of each kind, to its end.
async fn call(client: &TelemetryClient, method: &str) {
    match method {
        "Latest" => drop(client.latest(query("a", 1)).await.unwrap()),
        "Watch" => {
            let mut points = client.watch(query("a", 1)).await.unwrap().into_inner();
            while points.message().await.unwrap().is_some() {}
        }
        "Upload" => {
            client.upload(Streaming::from_iter([point("a")])).await.unwrap();
        }
        "Tail" => {
            let queries = Streaming::from_iter([query("a", 1)]);
            let mut points = client.tail(queries).await.unwrap().into_inner();
            while points.message().await.unwrap().is_some() {}
        }
        _ => panic!("{method}"),
    }
}

const METHODS: [&str; 4] = ["Latest", "Watch", "Upload", "Tail"];

/// The handler of `Latest` and `Upload` acts itself, that of `Watch` in its stream, that of `Tail` in a task.
#[tokio::test]
async fn a_call_has_a_span_on_either_side_and_is_served_in_it_over_every_route() {
    let (collected, _guard) = Collected::here();
    for route in routes::all(station().intercept(TraceCalls::new())).await {
        let client = route.client.clone().intercept(TraceCalls::new());
        for method in METHODS {
            let what = format!("{method}, {}", route.name);
            call(&client, method).await;
            let spans = collected.ended(2).await;
            let kinds: Vec<_> = spans.iter().map(|span| span.field("otel.kind").unwrap()).collect();
            assert_eq!(kinds, ["client", "server"], "{what}");
            for span in &spans {
                let name = format!("telemetry.Telemetry/{method}");
                assert_eq!(span.field("otel.name"), Some(name.as_str()), "{what}");
                assert_eq!(span.field("rpc.method"), Some(name.as_str()), "{what}");
                assert_eq!(span.field("rpc.system.name"), Some("grpc"), "{what}");
                assert_eq!(span.field("rpc.response.status_code"), Some("OK"), "{what}");
                for absent in ["rpc.system", "rpc.service", "rpc.grpc.status_code", "error.type"] {
                    assert_eq!(span.field(absent), None, "{what}");
                }
            }
            for (event, span) in collected.events() {
                assert_eq!(event["message"], "acts", "{what}");
                let span = span.expect(&what);
                let kind_and_method = (span["otel.kind"].as_str(), span["rpc.method"].as_str());
                let method = format!("telemetry.Telemetry/{method}");
                assert_eq!(kind_and_method, ("server", method.as_str()), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_has_a_span_for_every_request() {
    let (collected, _guard) = Collected::here();
    let tower = Server::new().add_tower_service(station());
    for (name, server) in [("ours", Server::new().add_service(station())), ("tower", tower)] {
        let address = serve(server.trace_calls()).await;
        let mut channel = Channel::connect(&address).await.unwrap();
        let client = TelemetryClient::new(channel.clone());
        for method in METHODS {
            call(&client, method).await;
            let span = collected.ended(1).await.remove(0);
            let path = format!("telemetry.Telemetry/{method}");
            // Whether another library's service has the method is not known.
            let (rpc_method, original) = match name {
                "ours" => (path.as_str(), None),
                _ => ("_OTHER", Some(path.as_str())),
            };
            assert_eq!(span.field("rpc.method"), Some(rpc_method), "{name}");
            assert_eq!(span.field("rpc.method_original"), original, "{name}");
            assert_eq!(span.field("network.peer.address"), Some("127.0.0.1"), "{name}");
            assert!(span.field("network.peer.port").unwrap().parse::<u16>().unwrap() > 0);
            assert_eq!(span.parent.as_ref(), None);
            let events = collected.events();
            assert!(!events.is_empty(), "{method}, {name}");
            for (_, span) in events {
                assert_eq!(span.unwrap()["rpc.method"], rpc_method, "{name}");
            }
        }
        for path in ["/nothing.Nothing/Nothing", "/nothing", "/telemetry.Telemetry/No"] {
            let request = HttpRequest::post(path).header(header::CONTENT_TYPE, "application/grpc");
            let _ = channel.call(request.body(HttpBody::default()).unwrap()).await.unwrap();
            let span = collected.ended(1).await.remove(0);
            assert_eq!(span.field("rpc.method"), Some("_OTHER"), "{path}, {name}");
            assert_eq!(span.field("rpc.method_original"), path.strip_prefix('/'), "{name}");
            assert_eq!(span.field("otel.name"), Some("grpc"), "{path}, {name}");
            assert_eq!(span.field("rpc.response.status_code"), Some("UNIMPLEMENTED"), "{name}");
            assert_eq!(span.field("error.type"), Some("UNIMPLEMENTED"), "{name}");
            assert_eq!(span.field("otel.status_code"), Some("ERROR"), "{name}");
        }
        // A client may send as much as headers may have.
        let path = format!("/nothing.Nothing/{}", "x".repeat(1000));
        let request = HttpRequest::post(&path).header(header::CONTENT_TYPE, "application/grpc");
        let _ = channel.call(request.body(HttpBody::default()).unwrap()).await.unwrap();
        let span = collected.ended(1).await.remove(0);
        let cut = format!("{}…", &path[1..=256]);
        assert_eq!(span.field("rpc.method_original"), Some(cut.as_str()), "{name}");
    }
}

#[tokio::test]
async fn whose_fault_a_status_is_decides_whether_it_is_an_error_and_conventions_who_reads_it() {
    let (collected, _guard) = Collected::here();
    for (conventions, is_current, is_former) in [
        (RpcConventions::Current, true, false),
        (RpcConventions::Former, false, true),
        (RpcConventions::Both, true, true),
    ] {
        let tracing = TraceCalls::new().conventions(conventions);
        let server = Server::new().add_service(station()).trace_calls_with(tracing.clone());
        let address = serve(server).await;
        let channel = Channel::connect(&address).await.unwrap();
        // A layer leaves the channel where it leads.
        let channel = channel.layer(tower_layer::Identity::new()).trace_calls_with(tracing);
        let client = TelemetryClient::new(channel);
        for (series, name, number, is_error_on_server) in
            [("fails", "FAILED_PRECONDITION", "9", false), ("panics", "INTERNAL", "13", true)]
        {
            client.latest(query(series, 1)).await.unwrap_err();
            let spans = collected.ended(2).await;
            for (span, is_error) in spans.iter().zip([true, is_error_on_server]) {
                let current = |value| is_current.then_some(value);
                let former = |value| is_former.then_some(value);
                for (field, expected) in [
                    ("rpc.response.status_code", current(name)),
                    ("rpc.grpc.status_code", former(number)),
                    ("rpc.system.name", current("grpc")),
                    ("rpc.system", former("grpc")),
                    ("rpc.service", former("telemetry.Telemetry")),
                    (
                        "rpc.method",
                        Some(if is_current { "telemetry.Telemetry/Latest" } else { "Latest" }),
                    ),
                    ("error.type", current(name).filter(|_| is_error)),
                    ("otel.status_code", is_error.then_some("ERROR")),
                ] {
                    assert_eq!(span.field(field), expected, "{field}, {conventions:?}, {series}");
                }
            }
            let port = address.rsplit_once(':').unwrap().1;
            assert_eq!(spans[0].field("server.address"), Some("127.0.0.1"));
            assert_eq!(spans[0].field("server.port"), Some(port));
        }
        collected.events();
    }
}

#[tokio::test]
async fn a_panic_is_an_event_in_the_span_of_its_call_with_its_place() {
    let (collected, _guard) = Collected::here();
    let address = serve(Server::new().add_service(station()).trace_calls()).await;
    let client = TelemetryClient::new(Channel::connect(&address).await.unwrap());
    let status = client.latest(query("panics", 1)).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    let mut points = client.watch(query("panics", 1)).await.unwrap().into_inner();
    points.message().await.unwrap();
    assert_eq!(points.message().await.unwrap_err().code(), Code::Internal);
    let events = collected.events();
    let panics: Vec<_> = events.iter().filter(|(event, _)| event["message"] != "acts").collect();
    assert_eq!(panics.len(), 2, "{events:?}");
    for ((event, span), method) in panics.into_iter().zip(["Latest", "Watch"]) {
        assert_eq!(event["panic"], "this series panics");
        assert!(event["place"].contains("station.rs:"), "{event:?}");
        let span = span.as_ref().unwrap();
        assert_eq!(span["rpc.method"], format!("telemetry.Telemetry/{method}"));
    }
}

/// A call that is made while another is served is a child of it.
#[tokio::test]
async fn spans_of_calls_are_nested_as_the_calls_are() {
    let (collected, _guard) = Collected::here();
    let last = serve(Server::new().add_service(station()).trace_calls()).await;
    let next = TelemetryClient::new(Channel::connect(&last).await.unwrap().trace_calls());
    let middle = TelemetryServer::new(Station { next: Some(next), ..Station::default() });
    let first = serve(Server::new().add_service(middle).trace_calls()).await;
    let client = TelemetryClient::new(Channel::connect(&first).await.unwrap());
    for method in ["Latest", "Watch"] {
        let asked = query("asks", 1);
        match method {
            "Latest" => drop(client.latest(asked).await.unwrap()),
            _ => {
                let mut points = client.watch(asked).await.unwrap().into_inner();
                while points.message().await.unwrap().is_some() {}
            }
        }
        let spans = collected.ended(3).await;
        let parent = spans[0].parent.as_ref().expect(method);
        assert_eq!(parent["otel.kind"], "server");
        assert_eq!(parent["rpc.method"], format!("telemetry.Telemetry/{method}"));
    }
}
