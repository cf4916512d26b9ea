//! Call credentials: where they are sent, and how tokens are renewed.

use std::{
    future::pending,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt as _;
use rust_scaffold::{
    BearerAuth, BearerCredentials, BearerToken, CallCredentials, Channel, Code, InterceptedCall,
    Request, Response, Server, Status, metadata::MetadataMap,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    net::UnixListener,
    time::{Instant, advance, sleep},
};
use tokio_stream::StreamExt as _;
use tower::util::MapRequestLayer;

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
        SubtractResponse,
    },
    routes::listen,
};

/// Keeps the values of `authorization` that have come.
#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<Vec<String>>>>);

impl Received {
    fn take(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn server(&self) -> CalculatorServer<Self> {
        CalculatorServer::new(self.clone())
    }
}

impl Calculator for Received {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let values = request.metadata().get_all("authorization");
        let values = values.iter().map(|value| value.to_str().unwrap().to_owned()).collect();
        self.0.lock().unwrap().push(values);
        Ok(Response::new(AddResponse::default()))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("not this one"))
    }
}

fn fixed() -> BearerCredentials {
    BearerCredentials::fixed(BearerToken::new("secret"))
}

async fn add(channel: &Channel) -> Result<(), Status> {
    CalculatorClient::new(channel.clone()).add(AddRequest::default()).await.map(drop)
}

/// The channel, if it sends credentials.
async fn sends(channel: Channel, received: &Received) {
    add(&channel.call_credentials(fixed())).await.unwrap();
    assert_eq!(received.take(), [["Bearer secret"]]);
}

async fn refuses(channel: Channel, reason: &str) {
    let status = add(&channel.call_credentials(fixed())).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    for part in [reason, "allow_plaintext"] {
        assert!(status.message().contains(part), "{status:?}");
    }
    assert!(!format!("{status:?}").contains("secret"), "{status:?}");
}

#[tokio::test]
async fn credentials_are_sent_where_nobody_listens() {
    let received = Received::default();
    sends(Channel::in_process(received.server()), &received).await;
    sends(Channel::in_process_direct(received.server()), &received).await;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calculator.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = Server::new().add_service(received.server());
    let task = tokio::spawn(async move { server.serve_listener(listener).await.unwrap() });
    sends(Channel::connect(format!("unix:{}", path.display())).await.unwrap(), &received).await;
    task.abort();

    // A connector that speaks TLS, as its address says.
    let (far, near) = duplex(64 * 1024);
    serve_io(&received, far);
    sends(over("https://calculator", near).await, &received).await;
}

fn serve_io(received: &Received, io: DuplexStream) {
    let incoming = tokio_stream::once(Ok(io)).chain(futures_util::stream::pending());
    tokio::spawn(Server::new().add_service(received.server()).serve_incoming(incoming));
}

/// A channel to `address` over `io`.
async fn over(address: &str, io: DuplexStream) -> Channel {
    let io = Mutex::new(Some(io));
    let connector = move |_| {
        let io = io.lock().unwrap().take();
        async move { io.ok_or(io::Error::from(io::ErrorKind::ConnectionRefused)) }
    };
    Channel::builder(address).connector(connector).connect().await.unwrap()
}

#[tokio::test]
async fn credentials_are_not_sent_where_others_might_listen() {
    let received = Received::default();
    let (listener, address) = listen().await;
    let server = Server::new().add_service(received.server());
    let task = tokio::spawn(async move { server.serve_listener(listener).await.unwrap() });
    let plaintext = Channel::connect(format!("http://{address}")).await.unwrap();
    refuses(plaintext.clone(), "`https://`").await;
    // It does not even connect.
    refuses(Channel::connect_lazy("http://127.0.0.1:1").unwrap(), "`https://`").await;
    let (_far, near) = duplex(1024);
    let custom = Channel::builder("unix:/calculator").connector({
        let near = Mutex::new(Some(near));
        move |_| std::future::ready(Ok::<_, io::Error>(near.lock().unwrap().take().unwrap()))
    });
    refuses(custom.connect_lazy().unwrap(), "`https://`").await;
    refuses(Channel::new(received.server()), "tower service").await;
    refuses(Channel::new(plaintext.clone()), "tower service").await;
    assert_eq!(received.take(), Vec::<Vec<String>>::new());

    for channel in [plaintext, Channel::new(received.server())] {
        add(&channel.call_credentials(fixed().allow_plaintext())).await.unwrap();
        assert_eq!(received.take(), [["Bearer secret"]]);
    }
    task.abort();
}

#[tokio::test]
async fn layers_leave_a_channel_as_secure_as_it_is() {
    let received = Received::default();
    let layer = || MapRequestLayer::new(|request: http::Request<tonic::body::Body>| request);
    sends(Channel::in_process(received.server()).layer(layer()), &received).await;
    let plaintext = Channel::connect_lazy("http://127.0.0.1:1").unwrap();
    refuses(plaintext.layer(layer()), "`https://`").await;
}

#[tokio::test]
async fn a_call_keeps_credentials_of_its_own() {
    let received = Received::default();
    let never = BearerCredentials::new(pending::<Result<BearerToken, Status>>);
    for credentials in [fixed(), never] {
        let channel = Channel::in_process(received.server()).call_credentials(credentials);
        let mut request = Request::new(AddRequest::default());
        request.metadata_mut().insert("authorization", "Basic own".parse().unwrap());
        CalculatorClient::new(channel).add(request).await.unwrap();
        assert_eq!(received.take(), [["Basic own"]]);
    }
}

#[test]
fn a_runtime_that_ends_keeps_no_calls_of_another_waiting() {
    let received = Received::default();
    let credentials = BearerCredentials::new(pending::<Result<BearerToken, Status>>);
    let channel = Channel::in_process(received.server()).call_credentials(credentials);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // It begins to ask for a token, and never comes to that.
    assert!(runtime().block_on(async { add(&channel).now_or_never() }).is_none());
    let status = runtime().block_on(add(&channel)).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("its runtime has ended"), "{status}");
}

#[tokio::test]
async fn clients_of_other_libraries_have_the_credentials_of_their_channel() {
    let verify = |token: BearerToken| async move {
        let is_known = token.as_str() == "secret";
        is_known.then_some(()).ok_or_else(|| Status::unauthenticated("who is that?"))
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("health.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = Server::new().health().intercept(BearerAuth::new(verify));
    let task = tokio::spawn(async move { server.serve_listener(listener).await.unwrap() });
    let channel = Channel::connect(format!("unix:{}", path.display())).await.unwrap();
    let check = async |channel| {
        let mut client = tonic_health::pb::health_client::HealthClient::new(channel);
        client.check(tonic_health::pb::HealthCheckRequest::default()).await
    };
    assert_eq!(check(channel.clone()).await.unwrap_err().code(), Code::Unauthenticated);
    check(channel.call_credentials(fixed())).await.unwrap();
    task.abort();
}

/// Signs calls by their paths.
struct Signatures;

impl CallCredentials for Signatures {
    async fn metadata(&self, call: &InterceptedCall) -> Result<MetadataMap, Status> {
        match call.path() {
            "/calculator.Calculator/Add" => {
                let mut metadata = MetadataMap::new();
                metadata.append("authorization", "Signature a".parse().unwrap());
                metadata.append("authorization", "Signature b".parse().unwrap());
                Ok(metadata)
            }
            path => Err(Status::not_found(format!("no key for {path}"))),
        }
    }
}

#[tokio::test]
async fn credentials_of_other_kinds_see_the_call() {
    let received = Received::default();
    let channel = Channel::in_process(received.server()).call_credentials(Signatures);
    add(&channel).await.unwrap();
    assert_eq!(received.take(), [["Signature a", "Signature b"]]);
    let subtract = CalculatorClient::new(channel).subtract(SubtractRequest::default()).await;
    let status = subtract.unwrap_err();
    // Nobody must take it for what the service says.
    assert_eq!(status.code(), Code::Internal);
    assert!(
        status.message().contains("NotFound") && status.message().contains("no key for"),
        "{status:?}"
    );
}

#[tokio::test]
async fn http2_never_indexes_credentials() {
    let received = Received::default();
    let (near, mut proxy_near) = duplex(64 * 1024);
    let (mut proxy_far, far) = duplex(64 * 1024);
    let sent = Arc::new(Mutex::new(Vec::new()));
    serve_io(&received, far);
    tokio::spawn({
        let sent = Arc::clone(&sent);
        async move {
            let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
            loop {
                tokio::select! {
                    read = proxy_near.read(&mut up) => {
                        let bytes = &up[..read.unwrap()];
                        sent.lock().unwrap().extend_from_slice(bytes);
                        proxy_far.write_all(bytes).await.unwrap();
                        if bytes.is_empty() { return }
                    }
                    read = proxy_far.read(&mut down) => {
                        proxy_near.write_all(&down[..read.unwrap()]).await.unwrap();
                    }
                }
            }
        }
    });
    let channel = over("https://calculator", near).await.call_credentials(fixed());
    for _ in 0..3 {
        add(&channel).await.unwrap();
    }
    assert_eq!(received.take().len(), 3);
    // A literal that is never indexed (0001), with name 23 of the static table: `authorization`.
    let sent = sent.lock().unwrap();
    assert_eq!(sent.windows(2).filter(|bytes| bytes == &[0x1f, 0x08]).count(), 3);
}

/// A source of numbered tokens.
#[derive(Clone, Default)]
struct Issuer {
    asked: Arc<AtomicUsize>,
    /// How the next answers are, the last one first. After that, tokens live for an hour.
    plan: Arc<Mutex<Vec<Answer>>>,
}

#[derive(Clone, Debug)]
enum Answer {
    Token { after: Duration, lifetime: Duration },
    Text(&'static str),
    Fails(Code),
    Panics,
    Hangs,
}

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

impl Issuer {
    fn plan<const N: usize>(&self, mut answers: [Answer; N]) {
        answers.reverse();
        *self.plan.lock().unwrap() = answers.into();
    }

    async fn issue(self) -> Result<BearerToken, Status> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = self.plan.lock().unwrap().pop();
        let at_once = Answer::Token { after: Duration::ZERO, lifetime: HOUR };
        match answer.unwrap_or(at_once) {
            Answer::Token { after, lifetime } => {
                sleep(after).await;
                Ok(BearerToken::new(number.to_string()).expires_in(lifetime))
            }
            Answer::Text(text) => Ok(BearerToken::new(text)),
            Answer::Fails(code) => Err(Status::new(code, "no token today")),
            Answer::Panics => panic!("the source panics"),
            Answer::Hangs => pending().await,
        }
    }
}

/// A client whose tokens come from an [`Issuer`].
struct Renewing {
    issuer: Issuer,
    received: Received,
    channel: Channel,
}

impl Renewing {
    fn new<const N: usize>(answers: [Answer; N]) -> Self {
        let (issuer, received) = (Issuer::default(), Received::default());
        issuer.plan(answers);
        let source = issuer.clone();
        let credentials = BearerCredentials::new(move || source.clone().issue());
        let channel = Channel::in_process(received.server()).call_credentials(credentials);
        Self { issuer, received, channel }
    }

    /// The number of the token that a call has.
    async fn call(&self) -> Result<String, Status> {
        add(&self.channel).await?;
        let value = self.received.take().concat().concat();
        Ok(value.strip_prefix("Bearer ").unwrap().to_owned())
    }

    /// The code of a call that fails.
    async fn failure(&self) -> Code {
        self.call().await.unwrap_err().code()
    }

    fn asked(&self) -> usize {
        self.issuer.asked.load(Ordering::SeqCst)
    }
}

/// Lets tasks run that have something to do.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn calls_at_a_time_share_one_token() {
    let client = Renewing::new([Answer::Token { after: SECOND, lifetime: HOUR }]);
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let channel = client.channel.clone();
            tokio::spawn(async move { add(&channel).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(client.received.take(), vec![["Bearer 1"]; 50]);
    assert_eq!(client.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_expires_and_nobody_waits() {
    let hour = Answer::Token { after: Duration::from_secs(10), lifetime: HOUR };
    let client = Renewing::new([hour.clone(), hour]);
    let start = Instant::now();
    assert_eq!(client.call().await.unwrap(), "1");
    assert_eq!(start.elapsed(), 10 * SECOND);
    // A minute before the last half of a minute of its hour.
    advance(HOUR - 90 * SECOND - 11 * SECOND).await;
    assert_eq!(client.call().await.unwrap(), "1");
    settle().await;
    assert_eq!(client.asked(), 1);
    advance(SECOND).await;
    for _ in 0..3 {
        let start = Instant::now();
        assert_eq!(client.call().await.unwrap(), "1");
        assert_eq!(start.elapsed(), Duration::ZERO, "it does not wait");
        settle().await;
        assert_eq!(client.asked(), 2, "one at a time");
        advance(SECOND).await;
    }
    advance(10 * SECOND).await;
    settle().await;
    assert_eq!(client.call().await.unwrap(), "2");
    assert_eq!(client.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_expired_is_waited_for() {
    let client = Renewing::new([
        Answer::Token { after: Duration::ZERO, lifetime: HOUR },
        Answer::Token { after: 5 * SECOND, lifetime: HOUR },
    ]);
    assert_eq!(client.call().await.unwrap(), "1");
    // Half a minute is left of it, which is not enough.
    advance(HOUR - 30 * SECOND).await;
    let start = Instant::now();
    assert_eq!(client.call().await.unwrap(), "2");
    assert_eq!(start.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_its_deadline_and_the_next_one_profits() {
    let client = Renewing::new([Answer::Token { after: 5 * SECOND, lifetime: HOUR }]);
    let calculator = CalculatorClient::new(client.channel.clone());
    let start = Instant::now();
    let mut request = Request::new(AddRequest::default());
    request.set_timeout(SECOND);
    let status = calculator.add(request).await.unwrap_err();
    assert_eq!((status.code(), start.elapsed()), (Code::DeadlineExceeded, SECOND));
    assert_eq!(client.call().await.unwrap(), "1");
    assert_eq!((client.asked(), start.elapsed()), (1, 5 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_valid_survives_failures_to_renew_it() {
    let client = Renewing::new([
        Answer::Token { after: Duration::ZERO, lifetime: HOUR },
        Answer::Fails(Code::Unavailable),
        Answer::Panics,
    ]);
    assert_eq!(client.call().await.unwrap(), "1");
    advance(HOUR - 90 * SECOND).await;
    // Backoff: about a second after the first failure, about 1.6 after the second one.
    for (wait, asked) in [(0, 2), (700, 2), (600, 3), (1200, 3), (800, 4)] {
        advance(Duration::from_millis(wait)).await;
        assert_eq!(client.call().await.unwrap(), "1");
        settle().await;
        assert_eq!(client.asked(), asked, "{wait}");
    }
    assert_eq!(client.call().await.unwrap(), "4");
}

#[tokio::test(start_paused = true)]
async fn without_a_token_calls_fail_as_its_source_has() {
    for (answer, code) in [
        (Answer::Fails(Code::Unavailable), Code::Unavailable),
        (Answer::Fails(Code::Unauthenticated), Code::Unauthenticated),
        (Answer::Fails(Code::NotFound), Code::Internal),
        (Answer::Panics, Code::Unavailable),
        (Answer::Hangs, Code::Unavailable),
        (Answer::Text("two words"), Code::Unauthenticated),
        (Answer::Text(""), Code::Unauthenticated),
        (Answer::Token { after: 2 * SECOND, lifetime: SECOND }, Code::Unauthenticated),
    ] {
        let client = Renewing::new([answer.clone()]);
        let start = Instant::now();
        assert_eq!(client.failure().await, code, "{answer:?}");
        let hangs = matches!(answer, Answer::Hangs);
        assert_eq!(start.elapsed() >= 30 * SECOND, hangs, "{answer:?}");
        // Until the delay is over, nobody is asked.
        advance(Duration::from_millis(700)).await;
        assert_eq!((client.failure().await, client.asked()), (code, 1), "{answer:?}");
        advance(Duration::from_millis(600)).await;
        assert_eq!(client.call().await.unwrap(), "2", "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn short_tokens_are_renewed_in_time_and_long_ones_never() {
    let short = Answer::Token { after: Duration::ZERO, lifetime: 8 * SECOND };
    let client = Renewing::new([short.clone(), short]);
    // Of eight seconds, one is too late, and the two before are for renewing it.
    for (wait, token) in [(0, "1"), (4, "1"), (1, "1"), (0, "2")] {
        advance(wait * SECOND).await;
        assert_eq!(client.call().await.unwrap(), token);
        settle().await;
    }
    let endless = Answer::Token { after: Duration::ZERO, lifetime: Duration::MAX };
    for answer in [endless, Answer::Text("forever")] {
        let client = Renewing::new([answer]);
        for _ in 0..3 {
            client.call().await.unwrap();
            advance(1000 * HOUR).await;
        }
        assert_eq!(client.asked(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn without_calls_nothing_is_renewed() {
    let client = Renewing::new([]);
    client.call().await.unwrap();
    advance(100 * HOUR).await;
    settle().await;
    assert_eq!(client.asked(), 1);
}
