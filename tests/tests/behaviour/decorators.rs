//! Decorators: what they override, and what they forward.

use std::{
    any::type_name_of_val,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::StreamExt as _;
use rust_scaffold::{Channel, Code, Request, Response, Server, Status, Streaming};
use rust_scaffold_tests::decorators::{
    archive::{
        Archive, ArchiveClient, ArchiveDecorator, ArchiveServer, DecoratedArchive, DynArchive, Key,
        Page,
    },
    names,
};
use tokio::net::TcpListener;

type Answer<T> = Result<Response<T>, Status>;

/// Has the name of its method on every page.
struct Store;

fn page(text: &str) -> Page {
    Page { text: text.to_owned() }
}

fn key(name: &str) -> Key {
    Key { name: name.to_owned() }
}

impl Archive for Store {
    async fn get(&self, request: Request<Key>) -> Answer<Page> {
        Ok(Response::new(page(&format!("get {}", request.get_ref().name))))
    }

    async fn list(&self, _: Request<Key>) -> Answer<Streaming<Page>> {
        Ok(Response::new(Streaming::from_iter([page("list 1"), page("list 2")])))
    }

    async fn put(&self, request: Request<Streaming<Page>>) -> Answer<Key> {
        let mut pages = request.into_inner();
        let mut name = "put".to_owned();
        while let Some(page) = pages.message().await? {
            name += &page.text;
        }
        Ok(Response::new(Key { name }))
    }

    async fn follow(&self, request: Request<Streaming<Key>>) -> Answer<Streaming<Page>> {
        let key = request.into_inner().message().await?.unwrap_or_default();
        Ok(Response::new(Streaming::from_iter([page(&format!("follow {}", key.name))])))
    }

    async fn fetch(&self, request: Request<Key>) -> Answer<Page> {
        let header = request.metadata().get("reader").and_then(|value| value.to_str().ok());
        Err(Status::unimplemented(header.unwrap_or_default()))
    }
}

/// Overrides a unary and a streaming method.
#[derive(Debug, Default)]
struct Audit {
    gets: AtomicUsize,
    pages: Arc<AtomicUsize>,
}

impl ArchiveDecorator for Audit {
    async fn get(&self, inner: &impl Archive, request: Request<Key>) -> Answer<Page> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        let mut response = inner.get(request).await?;
        response.get_mut().text += ", audited";
        Ok(response)
    }

    async fn list(&self, inner: &impl Archive, request: Request<Key>) -> Answer<Streaming<Page>> {
        let counted = Arc::clone(&self.pages);
        let response = inner.list(request).await?;
        Ok(response.map(|pages| {
            Streaming::new(pages.inspect(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
            }))
        }))
    }
}

/// A call of each kind, of an audited store.
async fn is_audited(archive: &impl Archive) {
    let got = archive.get(Request::new(key("a"))).await.unwrap().into_inner();
    assert_eq!(got.text, "get a, audited");
    let listed = archive.list(Request::new(key("a"))).await.unwrap().into_inner();
    let listed = listed.map(|page| page.unwrap().text).collect::<Vec<_>>().await;
    assert_eq!(listed, ["list 1", "list 2"]);
    let pages = Streaming::from_iter([page(" 1"), page(" 2")]);
    let put = archive.put(Request::new(pages)).await.unwrap().into_inner();
    assert_eq!(put.name, "put 1 2");
    let keys = Streaming::from_iter([key("b")]);
    let mut followed = archive.follow(Request::new(keys)).await.unwrap().into_inner();
    assert_eq!(followed.message().await.unwrap(), Some(page("follow b")));
    let mut request = Request::new(key("c"));
    request.metadata_mut().insert("reader", "me".parse().unwrap());
    #[allow(deprecated, reason = "it is still answered")]
    let fetched = archive.fetch(request).await.unwrap_err();
    assert_eq!((fetched.code(), fetched.message()), (Code::Unimplemented, "me"));
}

#[tokio::test]
async fn what_a_decorator_does_not_override_is_forwarded() {
    let audited = DecoratedArchive { decorator: Audit::default(), inner: Store };
    let audited = Arc::new(audited);
    is_audited(&audited).await;
    is_audited(&ArchiveClient::in_process(Arc::clone(&audited))).await;
    is_audited(&ArchiveClient::in_process_direct(Arc::clone(&audited))).await;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new().add_service(ArchiveServer::from_arc(Arc::clone(&audited)));
    let serving = tokio::spawn(server.serve_listener(listener));
    is_audited(&ArchiveClient::connect(&address).await.unwrap()).await;

    assert_eq!(audited.decorator.gets.load(Ordering::Relaxed), 4);
    assert_eq!(audited.decorator.pages.load(Ordering::Relaxed), 8);

    // A client is an implementation, so it can be decorated as well: here, twice audited.
    let client = ArchiveClient::connect(address).await.unwrap();
    let twice = DecoratedArchive { decorator: Audit::default(), inner: client };
    let got = twice.get(Request::new(key("a"))).await.unwrap().into_inner();
    assert_eq!(got.text, "get a, audited, audited");
    serving.abort();
}

#[test]
fn a_forwarded_call_is_the_future_of_what_is_decorated() {
    let audited = DecoratedArchive { decorator: Audit::default(), inner: Store };
    let pages = || Request::new(Streaming::from_iter([]));
    let (forwarded, direct) = (audited.put(pages()), Store.put(pages()));
    assert_eq!(type_name_of_val(&forwarded), type_name_of_val(&direct));
}

#[tokio::test]
async fn implementations_are_decorated_at_run_time() {
    let mut archive: Arc<dyn DynArchive> = Arc::new(Store);
    archive = Arc::new(DecoratedArchive { decorator: Audit::default(), inner: archive });
    is_audited(&archive).await;
    let channel = Channel::in_process(ArchiveServer::from_arc(archive));
    is_audited(&ArchiveClient::new(channel)).await;
}

/// Writes down when calls of `get` begin and end.
#[derive(Clone)]
struct Trace(&'static str, Arc<Mutex<Vec<String>>>);

impl Trace {
    fn write(&self, what: &str) {
        self.1.lock().unwrap().push(format!("{} {what}", self.0));
    }
}

impl ArchiveDecorator for Trace {
    async fn get(&self, inner: &impl Archive, request: Request<Key>) -> Answer<Page> {
        self.write("begins");
        let response = inner.get(request).await;
        self.write("ends");
        response
    }
}

#[tokio::test]
async fn decorators_are_decorated_and_the_outer_one_comes_first() {
    let trace = Arc::default();
    let inner = DecoratedArchive { decorator: Trace("inner", Arc::clone(&trace)), inner: Store };
    let archive = DecoratedArchive { decorator: Trace("outer", Arc::clone(&trace)), inner };
    let copy = archive.get(Request::new(key("a"))).await.unwrap();
    assert_eq!(copy.get_ref().text, "get a");
    let expected = ["outer begins", "inner begins", "inner ends", "outer ends"];
    assert_eq!(*trace.lock().unwrap(), expected);
}

/// Answers without the archive, or asks it twice.
struct Guard;

impl ArchiveDecorator for Guard {
    async fn get(&self, inner: &impl Archive, request: Request<Key>) -> Answer<Page> {
        match request.get_ref().name.as_str() {
            "secret" => Err(Status::permission_denied("it is a secret")),
            name => {
                let again = Request::new(key(&format!("{name} again")));
                inner.get(request).await?;
                inner.get(again).await
            }
        }
    }
}

#[tokio::test]
async fn a_decorator_calls_what_it_decorates_as_often_as_it_likes() {
    let audited = Arc::new(DecoratedArchive { decorator: Audit::default(), inner: Store });
    let guarded = DecoratedArchive { decorator: Guard, inner: Arc::clone(&audited) };
    let client = ArchiveClient::in_process(guarded);
    let refused = client.get(key("secret")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(audited.decorator.gets.load(Ordering::Relaxed), 0);
    let got = client.get(key("a")).await.unwrap().into_inner();
    assert_eq!(got.text, "get a again, audited");
    assert_eq!(audited.decorator.gets.load(Ordering::Relaxed), 2);
}

/// Says what it was called as.
struct Echo;

impl names::D for Echo {
    async fn inner(&self, _: Request<names::S>) -> Answer<names::S> {
        Err(Status::aborted("inner"))
    }

    async fn decorator(&self, _: Request<names::S>) -> Answer<names::S> {
        Err(Status::aborted("decorator"))
    }

    async fn clone(&self, _: Request<names::S>) -> Answer<names::S> {
        Err(Status::aborted("clone"))
    }

    async fn add(&self, _: Request<names::S>) -> Answer<names::S> {
        Err(Status::aborted("add"))
    }

    async fn r#type(&self, _: Request<names::S>) -> Answer<names::S> {
        Err(Status::aborted("type"))
    }

    async fn self_(&self, _: Request<names::S>) -> Answer<names::S> {
        Err(Status::aborted("self"))
    }
}

struct Around;

impl names::d_service::DDecorator for Around {
    async fn inner(&self, inner: &impl names::D, request: Request<names::S>) -> Answer<names::S> {
        let status = inner.inner(request).await.unwrap_err();
        Err(Status::aborted(format!("around {}", status.message())))
    }
}

#[tokio::test]
async fn rpcs_may_be_called_like_the_fields_of_what_is_decorated() {
    use names::D as _;

    let echo = names::DecoratedD { decorator: Around, inner: Echo };
    let request = || Request::new(names::S::default());
    let answers = [
        echo.inner(request()).await,
        echo.decorator(request()).await,
        names::D::clone(&echo, request()).await,
        echo.add(request()).await,
        echo.r#type(request()).await,
        echo.self_(request()).await,
    ];
    let names = ["around inner", "decorator", "clone", "add", "type", "self"];
    for (answer, name) in answers.into_iter().zip(names) {
        assert_eq!(answer.unwrap_err().message(), name);
    }
}
