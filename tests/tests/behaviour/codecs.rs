//! User-defined codecs: whatever holds for a call holds with another codec.

use bytes::{BufMut as _, BytesMut};
use http_body_util::{BodyExt as _, Full};
use rust_scaffold::{
    Channel, Code, Codec as _, CompressionEncoding, InterceptedCall, Interceptor, Next, ProstCodec,
    Reply, Request, Response, Role, Server, Status, Streaming,
    codegen::{Dispatch, ServiceServer},
    mock::script,
    tonic::client::Grpc,
};
use rust_scaffold_tests::{
    codec_path::ledger::{
        Auditor, AuditorServer, Entry, Ledger, LedgerClient, LedgerServer, MockLedger,
    },
    hand::Reversed,
};
use tokio_stream::{StreamExt as _, iter};
use tower_service::Service as _;

use crate::routes::listen;

/// Answers with what it gets.
#[derive(Clone)]
struct Echo;

type Answer<T> = Result<Response<T>, Status>;

fn entry(text: &str) -> Entry {
    Entry { text: text.to_owned(), amount: 7, ..Entry::default() }
}

impl Ledger for Echo {
    async fn plain(&self, request: Request<Entry>) -> Answer<Entry> {
        Ok(Response::new(request.into_inner()))
    }

    async fn post(&self, request: Request<Entry>) -> Answer<Entry> {
        Ok(Response::new(request.into_inner()))
    }

    async fn import(&self, request: Request<Streaming<Entry>>) -> Answer<Entry> {
        let texts = request.into_inner().map(|entry| entry.map(|entry| entry.text));
        let texts = texts.collect::<Result<Vec<_>, _>>().await?;
        Ok(Response::new(entry(&texts.join(" "))))
    }

    /// An entry for each word.
    async fn export(&self, request: Request<Entry>) -> Answer<Streaming<Entry>> {
        let words = request.get_ref().text.split(' ').map(entry).collect::<Vec<_>>();
        Ok(Response::new(Streaming::from_iter(words)))
    }

    async fn convert(&self, request: Request<Streaming<Entry>>) -> Answer<Streaming<Entry>> {
        Ok(Response::new(request.into_inner()))
    }
}

impl Auditor for Echo {
    async fn check(&self, request: Request<Entry>) -> Answer<Entry> {
        Ok(Response::new(request.into_inner()))
    }

    async fn watch(&self, request: Request<Entry>) -> Answer<Streaming<Entry>> {
        Ok(Response::new(Streaming::from_iter([request.into_inner()])))
    }
}

/// A mock that answers as [`Echo`] does.
fn mock() -> MockLedger {
    let mock = MockLedger::new();
    mock.on_plain().answers(async |request: Request<Entry>| Ok(request.into_inner()));
    mock.on_post().answers(async |request: Request<Entry>| Ok(request.into_inner()));
    mock.on_import().script(script().expect(entry("a")).expect(entry("b")).send(entry("a b")));
    mock.on_export().script(script().send(entry("a")).send(entry("b")));
    mock.on_convert()
        .script(script().expect(entry("a")).send(entry("a")).expect(entry("b")).send(entry("b")));
    mock
}

/// The routes to `server` that encode messages.
async fn encoding<D, S>(server: ServiceServer<D, S>) -> Vec<(&'static str, Channel)>
where
    D: Dispatch<S>,
    S: Send + Sync + ?Sized + 'static,
{
    let (listener, address) = listen().await;
    tokio::spawn(Server::new().add_service(server.clone()).serve_listener(listener));
    vec![
        ("in process", Channel::in_process(server.clone())),
        ("tower", Channel::new(server)),
        ("connection", Channel::connect(format!("http://{address}")).await.unwrap()),
    ]
}

/// Every route to `server`.
async fn all<D, S>(server: ServiceServer<D, S>) -> Vec<(&'static str, Channel)>
where
    D: Dispatch<S>,
    S: Send + Sync + ?Sized + 'static,
{
    let mut routes = encoding(server.clone()).await;
    routes.push(("direct", Channel::in_process_direct(server)));
    routes
}

async fn texts(entries: Streaming<Entry>) -> Result<Vec<String>, Status> {
    entries.map(|entry| entry.map(|entry| entry.text)).collect().await
}

#[tokio::test]
async fn calls_of_all_kinds_pass_every_route() {
    let mock = mock();
    let mut routes = all(LedgerServer::new(Echo)).await;
    routes.extend(all(mock.server()).await);
    for (route, channel) in routes {
        let client = LedgerClient::new(channel);
        let (a, b) = (entry("a"), entry("b"));
        assert_eq!(client.plain(a.clone()).await.unwrap().into_inner(), a, "{route}");
        assert_eq!(client.post(a.clone()).await.unwrap().into_inner(), a, "{route}");
        let imported = client.import(iter([a.clone(), b.clone()])).await.unwrap();
        assert_eq!(imported.into_inner(), entry("a b"), "{route}");
        let exported = client.export(entry("a b")).await.unwrap().into_inner();
        assert_eq!(texts(exported).await.unwrap(), ["a", "b"], "{route}");
        let converted = client.convert(iter([a, b])).await.unwrap().into_inner();
        assert_eq!(texts(converted).await.unwrap(), ["a", "b"], "{route}");
    }
}

/// Calls a method as a client does that knows no codec but prost's.
async fn with_prost(channel: Channel, path: &'static str) -> Answer<Entry> {
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<Entry, Entry>::default();
    client.unary(Request::new(entry("a")), path.parse().unwrap(), codec).await
}

#[tokio::test]
async fn only_the_methods_for_which_it_is_set_have_the_codec() {
    let mut routes = encoding(LedgerServer::new(Echo)).await;
    let mock = mock();
    routes.extend(encoding(mock.server()).await);
    for (route, channel) in routes {
        let response = with_prost(channel.clone(), "/ledger.Ledger/Plain").await.unwrap();
        assert_eq!(response.into_inner(), entry("a"), "{route}");
        let status = with_prost(channel, "/ledger.Ledger/Post").await.unwrap_err();
        let expected = (Code::Internal, "the marks are missing");
        assert_eq!((status.code(), status.message()), expected, "{route}");
    }
    for (route, channel) in encoding(AuditorServer::new(Echo)).await {
        let response = with_prost(channel.clone(), "/ledger.Auditor/Watch").await.unwrap();
        assert_eq!(response.into_inner(), entry("a"), "{route}");
        let status = with_prost(channel, "/ledger.Auditor/Check").await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{route}");
    }
}

/// The frame of a message as the codec of the method encodes it.
fn frame(entry: &Entry) -> BytesMut {
    let mut message = BytesMut::new();
    Reversed::encode(entry, &mut message).unwrap();
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.len().try_into().unwrap());
    frame.put_slice(&message);
    frame
}

#[tokio::test]
async fn what_is_sent_is_what_the_codec_has_encoded() {
    let entries = [entry("a"), entry("b")].map(|entry| frame(&entry));
    let mock = mock();
    for (path, request, expected) in [
        ("/ledger.Ledger/Post", frame(&entry("a")), frame(&entry("a"))),
        ("/ledger.Ledger/Export", frame(&entry("a b")), entries.concat().as_slice().into()),
        ("/ledger.Ledger/Convert", entries.concat().as_slice().into(), entries.concat()[..].into()),
    ] {
        let request = || {
            http::Request::post(path)
                .header("content-type", "application/grpc")
                .body(Full::new(request.clone().freeze()))
                .unwrap()
        };
        let real = LedgerServer::new(Echo).call(request()).await.unwrap();
        assert_eq!(real.headers()["content-type"], "application/grpc", "{path}");
        let body = real.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, expected, "{path}");
        let mocked = mock.server().call(request()).await.unwrap();
        let body = mocked.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, expected, "{path} of a mock");
    }
}

#[tokio::test]
async fn messages_that_cannot_be_encoded_fail_their_calls() {
    let long = entry(&"x".repeat(Reversed::MAX));
    let late = entry(&format!("a b {}", long.text));
    let refused = (Code::Internal, "too long to be reversed");
    for (route, channel) in encoding(LedgerServer::new(Halves)).await {
        let client = LedgerClient::new(channel);
        let status = client.post(long.clone()).await.unwrap_err();
        assert_eq!((status.code(), status.message()), refused, "{route}");
        let status = client.import(iter([entry("a"), long.clone()])).await.unwrap_err();
        assert_eq!((status.code(), status.message()), refused, "{route}");
        // Responses: both halves of a text can be encoded, but not the whole.
        let half = entry(&"x".repeat(Reversed::MAX / 2));
        let status = client.import(iter([half.clone(), half])).await.unwrap_err();
        assert_eq!((status.code(), status.message()), refused, "{route}");
        let mut exported = client.export(entry("a b")).await.unwrap().into_inner();
        assert_eq!(exported.message().await.unwrap(), Some(entry("a")), "{route}");
        assert_eq!(exported.message().await.unwrap(), Some(entry("b")), "{route}");
        let status = exported.message().await.unwrap_err();
        assert_eq!((status.code(), status.message()), refused, "{route}");
    }
    let direct = LedgerClient::in_process_direct(Echo);
    assert_eq!(direct.post(long.clone()).await.unwrap().into_inner(), long);
    let exported = direct.export(late).await.unwrap().into_inner();
    assert_eq!(texts(exported).await.unwrap().len(), 3);
}

/// Like [`Echo`], but there is one response more in each stream, which is too long.
struct Halves;

impl Ledger for Halves {
    async fn plain(&self, request: Request<Entry>) -> Answer<Entry> {
        Echo.plain(request).await
    }

    async fn post(&self, request: Request<Entry>) -> Answer<Entry> {
        Echo.post(request).await
    }

    async fn import(&self, request: Request<Streaming<Entry>>) -> Answer<Entry> {
        Echo.import(request).await
    }

    async fn export(&self, request: Request<Entry>) -> Answer<Streaming<Entry>> {
        let long = entry(&"x".repeat(Reversed::MAX));
        let entries = Echo.export(request).await?.into_inner();
        Ok(Response::new(Streaming::new(entries.chain(iter([Ok(long)])))))
    }

    async fn convert(&self, request: Request<Streaming<Entry>>) -> Answer<Streaming<Entry>> {
        Echo.convert(request).await
    }
}

#[tokio::test]
async fn size_limits_are_those_of_encoded_messages() {
    // It is smaller when it is compressed.
    let message = entry(&"x".repeat(500));
    let size = frame(&message).len() - 5;
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let server = || LedgerServer::new(Echo).accept_compressed(CompressionEncoding::Gzip);
        let client = |channel| match compression {
            Some(encoding) => LedgerClient::new(channel).send_compressed(encoding),
            None => LedgerClient::new(channel),
        };
        for (route, channel) in encoding(server()).await {
            for (limit, fits) in [(size, true), (size - 1, false)] {
                let client = client(channel.clone());
                let sending = client.clone().max_encoding_message_size(limit);
                let receiving = client.max_decoding_message_size(limit);
                for client in [sending, receiving] {
                    let code = match fits {
                        true => Code::Ok,
                        false => Code::ResourceExhausted,
                    };
                    let posted = client.post(message.clone()).await;
                    let posted = posted.map_or_else(|status| status.code(), |_| Code::Ok);
                    assert_eq!(posted, code, "{route} {compression:?}");
                    let converted = client.convert(iter([message.clone()])).await;
                    let converted = match converted {
                        Ok(entries) => texts(entries.into_inner()).await,
                        Err(status) => Err(status),
                    };
                    let converted = converted.map_or_else(|status| status.code(), |_| Code::Ok);
                    assert_eq!(converted, code, "{route} {compression:?}");
                }
            }
        }
        for (limit, fits) in [(size, true), (size - 1, false)] {
            for (route, channel) in encoding(server().max_decoding_message_size(limit)).await {
                let posted = client(channel).post(message.clone()).await;
                assert_eq!(posted.is_ok(), fits, "{route} {compression:?}");
            }
        }
    }
}

#[tokio::test]
async fn encoded_messages_are_compressed() {
    let gzip = CompressionEncoding::Gzip;
    let server = LedgerServer::new(Echo).accept_compressed(gzip).send_compressed(gzip);
    let mock = mock();
    let mocked = mock.server().accept_compressed(gzip).send_compressed(gzip);
    let mut routes = encoding(server).await;
    routes.extend(encoding(mocked).await);
    let long = entry(&"x".repeat(50_000));
    for (route, channel) in routes {
        let client = LedgerClient::new(channel).send_compressed(gzip).accept_compressed(gzip);
        assert_eq!(client.post(long.clone()).await.unwrap().into_inner(), long, "{route}");
        let converted = client.convert(iter([entry("a"), entry("b")])).await.unwrap();
        assert_eq!(texts(converted.into_inner()).await.unwrap(), ["a", "b"], "{route}");
    }
}

/// Answers calls without a server, or on one, encoded by the codec of the method or not.
struct Answering {
    role: Role,
    with_codec: bool,
}

impl Interceptor for Answering {
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let is_stream = call.method().is_some_and(|method| method.kind.streams_responses());
        let streamed = || Response::new(Streaming::from_iter([entry("a"), entry("b")]));
        match (call.role() == self.role, is_stream, self.with_codec) {
            (false, ..) => next.run(call).await,
            (true, false, true) => {
                Reply::with_message_and_codec::<Reversed, _>(Response::new(entry("a")))
            }
            (true, false, false) => Reply::with_message(Response::new(entry("a"))),
            (true, true, true) => Ok(Reply::with_messages_and_codec::<Reversed, _>(streamed())),
            (true, true, false) => Ok(Reply::with_messages(streamed())),
        }
    }
}

#[tokio::test]
async fn replies_of_interceptors_are_decoded_by_the_codec_of_the_method() {
    for role in [Role::Client, Role::Server] {
        for with_codec in [true, false] {
            let server = LedgerServer::new(Echo).intercept(Answering { role, with_codec });
            for (route, channel) in all(server).await {
                let client = LedgerClient::new(channel).intercept(Answering { role, with_codec });
                let posted = client.post(entry("c")).await;
                let exported = client.export(entry("c")).await.unwrap().into_inner();
                let exported = texts(exported).await;
                if with_codec {
                    assert_eq!(posted.unwrap().into_inner(), entry("a"), "{route} {role:?}");
                    assert_eq!(exported.unwrap(), ["a", "b"], "{route} {role:?}");
                    continue;
                }
                for status in [posted.unwrap_err(), exported.unwrap_err()] {
                    let expected = (Code::Internal, "the marks are missing");
                    assert_eq!((status.code(), status.message()), expected, "{route} {role:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_tape_has_messages_of_protobuf_whatever_the_codec() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.jsonl");
    let spy = MockLedger::spy(Echo);
    {
        let _tape = spy.record(&path).unwrap();
        let client = spy.client();
        client.post(entry("a")).await.unwrap();
        let converted = client.convert(iter([entry("a")])).await.unwrap().into_inner();
        assert_eq!(texts(converted).await.unwrap(), ["a"]);
    }
    let mut proto = Vec::new();
    ProstCodec::encode(&entry("a"), &mut proto).unwrap();
    let line = std::fs::read_to_string(&path).unwrap();
    let messages = line.matches("\"proto\":\"CgFhEAc=\"").count();
    assert_eq!((messages, proto.as_slice()), (4, b"\x0a\x01a\x10\x07".as_slice()), "{line}");

    let replayed = MockLedger::replay(&path).unwrap();
    let client = replayed.client();
    assert_eq!(client.post(entry("a")).await.unwrap().into_inner(), entry("a"));
    let converted = client.convert(iter([entry("a")])).await.unwrap().into_inner();
    assert_eq!(texts(converted).await.unwrap(), ["a"]);
    replayed.verify();
    MockLedger::verify_tape(&path, Echo).await.unwrap();
}
