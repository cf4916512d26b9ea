//! The calls that are made, and how each of them has to end.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use rust_scaffold::{Code, Status, Streaming};
use tokio::sync::watch;

use crate::{
    clock::Clock,
    random::Random,
    service::{self, Act, Order, point, query},
    setup::{Ends, Hold, Setup},
    telemetry::TelemetryClient,
};

/// The deadline of calls that are answered at once. A call that waits for it waits for something that
/// never comes: a round is over sooner.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long after its deadline a call may end.
const SLACK: Duration = Duration::from_secs(1);
/// The deadline of calls that are held for as long as a round lasts.
const HELD: Duration = Duration::from_secs(300);

/// How often what happened, and what should not have.
#[derive(Debug, Default)]
pub(crate) struct Log {
    outcomes: Mutex<BTreeMap<(&'static str, String), u32>>,
    complaints: Mutex<BTreeMap<String, u32>>,
}

impl Log {
    fn note(&self, call: &'static str, outcome: String) {
        *self.outcomes.lock().unwrap().entry((call, outcome)).or_default() += 1;
    }

    pub(crate) fn complain(&self, complaint: String) {
        *self.complaints.lock().unwrap().entry(complaint).or_default() += 1;
    }

    pub(crate) fn calls(&self) -> u32 {
        self.outcomes.lock().unwrap().values().sum()
    }

    pub(crate) fn outcomes(&self) -> String {
        let outcomes = self.outcomes.lock().unwrap();
        let lines = outcomes.iter().map(|((call, code), count)| format!("{call} {code} {count}"));
        lines.collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn complaints(&self) -> Vec<String> {
        let complaints = self.complaints.lock().unwrap();
        complaints.iter().map(|(complaint, count)| format!("{count} × {complaint}")).collect()
    }
}

/// One that makes calls.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) client: TelemetryClient,
    pub(crate) random: Random,
    pub(crate) setup: Arc<Setup>,
    pub(crate) clock: Clock,
    pub(crate) log: Arc<Log>,
    /// Whether the load is over.
    pub(crate) stopped: watch::Receiver<bool>,
    /// Whether what is held is let go.
    pub(crate) released: watch::Receiver<bool>,
}

/// A call that is judged.
struct Made {
    name: &'static str,
    kind: Kind,
    order: Order,
    timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unary,
    Watch,
    Upload,
    Tail,
}

const KINDS: [Kind; 4] = [Kind::Unary, Kind::Watch, Kind::Upload, Kind::Tail];

impl Caller {
    /// Makes one call after the other until the load is over.
    pub(crate) async fn run(mut self) {
        while !*self.stopped.borrow() {
            match self.random.within(0..20) {
                0..=9 => self.prompt().await,
                10 => self.refused().await,
                11 => self.panicking().await,
                12..=14 => self.expiring().await,
                15..=18 => self.cancelled().await,
                _ => self.abandoned().await,
            }
        }
    }

    /// A call that is answered at once.
    async fn prompt(&mut self) {
        let order = self.order(Act::Answer);
        let kind =
            self.random.one_of(&[Kind::Unary, Kind::Unary, Kind::Watch, Kind::Upload, Kind::Tail]);
        let call = self.make(kind, order, PATIENCE);
        self.judge(Made { name: "prompt", kind, order, timeout: PATIENCE }, call, Code::Ok).await;
    }

    /// A call that is refused, though its requests still come.
    async fn refused(&mut self) {
        let order = self.order(Act::Refuse);
        let kind = self.random.one_of(&KINDS);
        let call = self.make(kind, order, PATIENCE);
        self.judge(
            Made { name: "refused", kind, order, timeout: PATIENCE },
            call,
            Code::FailedPrecondition,
        )
        .await;
    }

    async fn panicking(&mut self) {
        let order = self.order(Act::Panic);
        let kind = self.random.one_of(&KINDS);
        let call = self.make(kind, order, PATIENCE);
        self.judge(
            Made { name: "panicking", kind, order, timeout: PATIENCE },
            call,
            Code::Internal,
        )
        .await;
    }

    /// A call that ends by its deadline.
    async fn expiring(&mut self) {
        let order = self.order(Act::Hang);
        let (kind, timeout) = (self.random.one_of(&KINDS), self.random.millis(1..60));
        let call = self.make(kind, order, timeout);
        self.judge(Made { name: "expiring", kind, order, timeout }, call, Code::DeadlineExceeded)
            .await;
    }

    /// A call that its caller gives up at some point.
    async fn cancelled(&mut self) {
        let act = self.random.one_of(&[Act::Answer, Act::Hang]);
        let order = self.order(act);
        let (kind, time) = (self.random.one_of(&KINDS), self.random.millis(0..20));
        let call = self.make(kind, order, PATIENCE);
        let end = tokio::time::timeout(time, call).await;
        let end = end.map_or_else(|_| "given up".to_owned(), |end| code(&end));
        self.log.note("cancelled", end);
    }

    /// A stream of responses that is dropped half-way.
    async fn abandoned(&mut self) {
        let order = Order { count: 0, ..self.order(Act::Hold) };
        let wanted = self.random.within(0..8);
        let client = self.client.clone();
        let call = async move {
            let mut points = client.watch(order.request(query(10), PATIENCE)).await?.into_inner();
            for _ in 0..wanted {
                points.message().await?;
            }
            Ok(())
        };
        self.judge(
            Made { name: "abandoned", kind: Kind::Watch, order, timeout: PATIENCE },
            call,
            Code::Ok,
        )
        .await;
    }

    fn order(&mut self, act: Act) -> Order {
        let size = self.random.one_of(&[0, 10, 100, 1000, 10_000, 60_000]);
        // A call may take half a MiB.
        let count = self.random.within(0..20.min(500_000 / (size + 1)).max(2));
        let pause = self.random.one_of(&[0, 0, 0, 1]);
        Order { act, size, count, pause: Duration::from_millis(pause) }
    }

    fn make(
        &self,
        kind: Kind,
        order: Order,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), Status>> + use<> {
        let client = self.client.clone();
        async move {
            match kind {
                Kind::Unary => {
                    let request = order.request(query(order.size), timeout);
                    let point = client.latest(request).await?.into_inner();
                    assert_eq!(point.series.len(), order.size);
                    Ok(())
                }
                Kind::Watch => {
                    let request = order.request(query(order.size), timeout);
                    let mut points = client.watch(request).await?.into_inner();
                    for _ in 0..order.count {
                        let point = points.message().await?.expect("as many as were ordered");
                        assert_eq!(point.series.len(), order.size);
                    }
                    assert_eq!(points.message().await?, None);
                    Ok(())
                }
                Kind::Upload => {
                    let points = (0..order.count).map(move |_| point(order.size));
                    let request = order.request(tokio_stream::iter(points), timeout);
                    let summary = client.upload(request).await?.into_inner();
                    assert_eq!(summary.accepted, order.count as u64);
                    Ok(())
                }
                Kind::Tail => converse(client, order, timeout).await,
            }
        }
    }

    /// Waits until `call` ends, and complains if that is too late or with another code.
    async fn judge(
        &self,
        Made { name, order, kind, timeout }: Made,
        call: impl Future<Output = Result<(), Status>>,
        expected: Code,
    ) {
        let begin = self.clock.now();
        let end = tokio::select! {
            end = call => end,
            () = self.clock.passes(timeout + SLACK) => {
                return self.log.complain(format!("{name} {kind:?} `{order}`: no end within {timeout:?} and {SLACK:?}"));
            }
        };
        let took = self.clock.now() - begin;
        self.log.note(name, code(&end));
        let code = end.as_ref().map_or_else(Status::code, |()| Code::Ok);
        // The machine may have been busy with something else.
        let had_no_time = code == Code::DeadlineExceeded && took < timeout / 2;
        let told = end.as_ref().err().map(Status::message).unwrap_or_default();
        if code != expected && !self.may_be_lost(code, told) && !had_no_time {
            self.log.complain(format!(
                "{name} {kind:?} `{order}`: {code:?} `{told}`, expected {expected:?}"
            ));
        }
    }

    fn may_be_lost(&self, code: Code, told: &str) -> bool {
        // tonic's client does not wait until it knows the server's limit, and makes no call again.
        let refused = self.setup.ends == Ends::Server && told.contains("refused stream");
        code == Code::Unavailable && (self.setup.loses_calls() || refused)
    }

    /// Holds a stream until the round lets go of it.
    pub(crate) async fn hold(mut self) {
        while !*self.released.borrow() {
            match self.setup.hold {
                Hold::Nothing => return,
                Hold::Streams => self.hold_stream().await,
                Hold::Responses => self.hold_responses().await,
                Hold::Requests => self.hold_requests().await,
            }
        }
    }

    /// The server has read all of the request, and has more to say.
    async fn hold_stream(&mut self) {
        let size = self.random.within(20_000..32_000);
        let order = Order { act: Act::Hold, size: 10, count: 1, pause: Duration::ZERO };
        let (client, released) = (self.client.clone(), self.released.clone());
        let is_unary = self.random.within(0..2) == 0;
        let call = async move {
            let request = order.request(query(size), HELD);
            if is_unary {
                return client.latest(request).await.map(drop);
            }
            let mut points = client.watch(request).await?.into_inner();
            points.message().await?;
            service::released(released).await;
            while points.message().await?.is_some() {}
            Ok(())
        };
        let kind = if is_unary { Kind::Unary } else { Kind::Watch };
        self.judge(Made { name: "held stream", kind, order, timeout: HELD }, call, Code::Ok).await;
    }

    /// The client reads nothing of endless responses.
    async fn hold_responses(&mut self) {
        let order = Order { act: Act::Hold, size: 10_000, count: 0, pause: Duration::ZERO };
        let (client, released) = (self.client.clone(), self.released.clone());
        let call = async move {
            let mut points = client.watch(order.request(query(10), HELD)).await?.into_inner();
            service::released(released).await;
            while points.message().await?.is_some() {}
            Ok(())
        };
        self.judge(
            Made { name: "held responses", kind: Kind::Watch, order, timeout: HELD },
            call,
            Code::Ok,
        )
        .await;
    }

    /// The handler reads nothing of more requests than there is room for.
    async fn hold_requests(&mut self) {
        let order = Order { act: Act::Hold, size: 10_000, count: 0, pause: Duration::ZERO };
        let count = self.setup.stream_window as usize / order.size * 2;
        let points = (0..count).map(move |_| point(order.size));
        let request = order.request(tokio_stream::iter(points), HELD);
        let client = self.client.clone();
        let call = async move { client.upload(request).await.map(drop) };
        self.judge(
            Made { name: "held requests", kind: Kind::Upload, order, timeout: HELD },
            call,
            Code::Ok,
        )
        .await;
    }
}

/// Query by query, each sent when the point for the last one has come.
async fn converse(client: TelemetryClient, order: Order, timeout: Duration) -> Result<(), Status> {
    let (queries, requests) = Streaming::channel(1);
    let response = client.tail(order.request(requests, timeout)).await?;
    let mut points = response.into_inner();
    for _ in 0..order.count {
        // Whoever reads them no more says why in the response.
        let _ = queries.send(query(order.size)).await;
        let point = points.message().await?.expect("a point for each query");
        assert_eq!(point.series.len(), order.size);
    }
    if order.act == Act::Answer {
        drop(queries);
    }
    assert_eq!(points.message().await?, None);
    Ok(())
}

fn code(end: &Result<(), Status>) -> String {
    end.as_ref().map_or_else(|status| format!("{:?}", status.code()), |()| "Ok".to_owned())
}
