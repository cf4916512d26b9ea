//! Implementations that several share, and those that are chosen at run time.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rust_scaffold::{Channel, Request, Response, Server, Status, Streaming};
use rust_scaffold_tests::dyn_traits::{
    archive::{
        Archive, ArchiveClient, ArchiveServer, DynArchive, DynSilence, Key, MockArchive, Page,
        Silence,
    },
    names,
};
use tokio::net::TcpListener;

use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, MockCalculator,
        SubtractRequest, SubtractResponse,
    },
    greeter::{DynGreeter, Greeter, GreeterClient, HelloReply, HelloRequest},
};

/// Counts its calls, and is no `Clone`.
#[derive(Debug, Default)]
struct Counter {
    calls: AtomicUsize,
}

impl Calculator for Counter {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let AddRequest { a, b } = request.into_inner();
        Ok(Response::new(AddResponse { result: a + b }))
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("it only adds"))
    }
}

/// Code that takes any implementation, by value.
async fn eight(calculator: impl Calculator) -> i32 {
    calculator.add(Request::new(AddRequest { a: 5, b: 3 })).await.unwrap().into_inner().result
}

#[tokio::test]
async fn an_implementation_is_shared_between_servers_clients_and_the_test() {
    let counter = Arc::new(Counter::default());
    let server = CalculatorServer::new(Arc::clone(&counter));
    let clients = [
        CalculatorClient::new(Channel::in_process(server)),
        CalculatorClient::new(Channel::in_process(CalculatorServer::from_arc(Arc::clone(
            &counter,
        )))),
        CalculatorClient::in_process(Arc::clone(&counter)),
        CalculatorClient::in_process_direct(Arc::clone(&counter)),
    ];
    for client in clients {
        assert_eq!(eight(client).await, 8);
    }
    assert_eq!(eight(Arc::clone(&counter)).await, 8);
    let spy = MockCalculator::spy(Arc::clone(&counter));
    assert_eq!(eight(spy.client()).await, 8);
    assert_eq!(counter.calls.load(Ordering::Relaxed), 6);
}

/// Has its name on every page.
struct Store(&'static str);

impl Store {
    fn page(&self, key: &Key) -> Page {
        Page { text: format!("{}/{}", self.0, key.name) }
    }
}

impl Archive for Store {
    async fn get(&self, request: Request<Key>) -> Result<Response<Page>, Status> {
        Ok(Response::new(self.page(request.get_ref())))
    }

    async fn list(&self, request: Request<Key>) -> Result<Response<Streaming<Page>>, Status> {
        Ok(Response::new(Streaming::from_iter([self.page(request.get_ref())])))
    }

    async fn put(&self, request: Request<Streaming<Page>>) -> Result<Response<Key>, Status> {
        let mut pages = request.into_inner();
        let mut name = self.0.to_owned();
        while let Some(page) = pages.message().await? {
            name += &page.text;
        }
        Ok(Response::new(Key { name }))
    }

    async fn follow(
        &self,
        request: Request<Streaming<Key>>,
    ) -> Result<Response<Streaming<Page>>, Status> {
        let key = request.into_inner().message().await?.unwrap_or_default();
        Ok(Response::new(Streaming::from_iter([self.page(&key)])))
    }

    async fn fetch(&self, _: Request<Key>) -> Result<Response<Page>, Status> {
        Err(Status::unimplemented(self.0))
    }
}

impl Silence for Store {}

fn key(name: &str) -> Key {
    Key { name: name.to_owned() }
}

/// A call of each kind, of a store with this name.
async fn is_store(archive: &impl Archive, name: &str) {
    let page = Page { text: format!("{name}/a") };
    let got = archive.get(Request::new(key("a"))).await.unwrap().into_inner();
    assert_eq!(got, page);
    let mut listed = archive.list(Request::new(key("a"))).await.unwrap().into_inner();
    assert_eq!(listed.message().await.unwrap(), Some(page.clone()));
    let pages = Streaming::from_iter([Page { text: "!".to_owned() }]);
    let put = archive.put(Request::new(pages)).await.unwrap().into_inner();
    assert_eq!(put.name, format!("{name}!"));
    let keys = Streaming::from_iter([key("a")]);
    let mut followed = archive.follow(Request::new(keys)).await.unwrap().into_inner();
    assert_eq!(followed.message().await.unwrap(), Some(page));
    #[allow(deprecated, reason = "it is still answered")]
    let fetched = archive.fetch(Request::new(key("a"))).await.unwrap_err();
    assert_eq!(fetched.message(), name);
}

#[tokio::test]
async fn what_is_shared_answers_calls_of_all_kinds() {
    let store = Arc::new(Store("shared"));
    is_store(&store, "shared").await;
    is_store(&ArchiveClient::in_process(Arc::clone(&store)), "shared").await;
    is_store(&ArchiveClient::in_process_direct(store), "shared").await;
}

#[tokio::test]
async fn implementations_are_chosen_at_run_time() {
    let mut stores = BTreeMap::<&str, Arc<dyn DynArchive>>::new();
    stores.insert("disk", Arc::new(Store("disk")));
    stores.insert("tape", Arc::new(Store("tape")));
    stores.insert("far", Arc::new(ArchiveClient::in_process(Store("far"))));
    for (name, store) in &stores {
        is_store(store, name).await;
        is_store(&ArchiveClient::in_process(Arc::clone(store)), name).await;
        let channel = Channel::in_process_direct(ArchiveServer::from_arc(Arc::clone(store)));
        is_store(&ArchiveClient::new(channel), name).await;
    }
    let boxed: Box<dyn DynArchive> = Box::new(Arc::clone(&stores["disk"]));
    is_store(&boxed, "disk").await;
    is_store(&ArchiveClient::in_process(boxed), "disk").await;
    let silent: Arc<dyn DynSilence> = Arc::new(Store("silent"));
    let _ = silent;
}

/// A call on a task of its own, of whatever is shared.
async fn spawned<A: Archive + ?Sized>(archive: Arc<A>) -> String {
    let call = async move { archive.get(Request::new(key("a"))).await };
    tokio::spawn(call).await.unwrap().unwrap().into_inner().text
}

#[tokio::test]
async fn what_is_shared_is_called_from_any_task() {
    assert_eq!(spawned(Arc::new(Store("disk"))).await, "disk/a");
    let chosen: Arc<dyn DynArchive> = Arc::new(Store("tape"));
    assert_eq!(spawned(Arc::clone(&chosen)).await, "tape/a");
    assert_eq!(spawned(Arc::new(chosen)).await, "tape/a");
}

#[tokio::test]
async fn what_is_chosen_at_run_time_is_served() {
    let store: Arc<dyn DynArchive> = Arc::new(Store("disk"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new().add_service(ArchiveServer::new(store));
    let serving = tokio::spawn(server.serve_listener(listener));
    is_store(&ArchiveClient::connect(address).await.unwrap(), "disk").await;
    serving.abort();
}

#[tokio::test]
async fn a_mock_is_what_is_chosen_at_run_time() {
    let mock = MockArchive::new();
    mock.expect_get().once().returns(Page { text: "planned".to_owned() });
    let archive: Arc<dyn DynArchive> = Arc::new(mock.clone());
    let page = archive.get(Request::new(key("a"))).await.unwrap().into_inner();
    assert_eq!(page.text, "planned");

    let real: Arc<dyn DynArchive> = Arc::new(Store("real"));
    is_store(&MockArchive::spy(real).client(), "real").await;
}

/// Says what it was called as.
struct Echo;

type Answer<T> = Result<Response<T>, Status>;

impl names::S for Echo {
    async fn clone(&self, _: Request<names::Box>) -> Answer<names::Box> {
        Err(Status::aborted("clone"))
    }

    async fn into(&self, _: Request<names::Box>) -> Answer<names::Box> {
        Err(Status::aborted("into"))
    }

    async fn as_ref(&self, _: Request<names::Box>) -> Answer<names::Box> {
        Err(Status::aborted("as_ref"))
    }

    async fn deref(&self, _: Request<names::Box>) -> Answer<names::Box> {
        Err(Status::aborted("deref"))
    }

    async fn r#type(&self, _: Request<names::Box>) -> Answer<names::Box> {
        Err(Status::aborted("type"))
    }

    async fn self_(&self, _: Request<names::Box>) -> Answer<names::Box> {
        Err(Status::aborted("self"))
    }

    async fn dyn_clone(&self, _: Request<Streaming<names::Box>>) -> Answer<Streaming<names::Box>> {
        Err(Status::aborted("dyn_clone"))
    }
}

#[tokio::test]
async fn methods_that_an_arc_has_too_get_to_the_implementation() {
    let chosen: Arc<dyn names::s_service::DynS> = Arc::new(Echo);
    let request = || Request::new(names::Box::default());
    let answers = [
        names::S::clone(&chosen, request()).await,
        names::S::into(&chosen, request()).await,
        names::S::as_ref(&chosen, request()).await,
        names::S::deref(&chosen, request()).await,
        names::S::r#type(&chosen, request()).await,
        names::S::self_(&chosen, request()).await,
    ];
    let names = ["clone", "into", "as_ref", "deref", "type", "self"];
    for (answer, name) in answers.into_iter().zip(names) {
        assert_eq!(answer.unwrap_err().message(), name);
    }
    let stream = Request::new(Streaming::from_iter([]));
    assert_eq!(names::S::dyn_clone(&chosen, stream).await.unwrap_err().message(), "dyn_clone");
}

/// A family of user-defined services.
trait Polite: Send + Sync + 'static {
    fn greeting(&self) -> &str;
}

impl<P: Polite> Greeter for P {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Answer<HelloReply> {
        let message = format!("{}, {}", self.greeting(), request.get_ref().name);
        Ok(Response::new(HelloReply { message }))
    }
}

struct Butler;

impl Polite for Butler {
    fn greeting(&self) -> &str {
        "Good evening"
    }
}

#[tokio::test]
async fn a_contract_can_be_implemented_for_a_family_of_services() {
    let butler: Arc<dyn DynGreeter> = Arc::new(Butler);
    let request = HelloRequest { name: "Sir".to_owned() };
    let reply = GreeterClient::in_process(butler).say_hello(request).await.unwrap();
    assert_eq!(reply.into_inner().message, "Good evening, Sir");
}
