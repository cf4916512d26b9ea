//! Servers in processes of their own.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rust_scaffold::{Channel, ChannelBuilder};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::{LONG, telemetry::TelemetryClient};

/// A server in a process of its own.
pub(crate) struct Instance {
    process: Child,
    says: Lines<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
}

impl Instance {
    pub(crate) async fn start() -> Self {
        Self::start_with([]).await
    }

    /// One that writes down the calls that it begins with.
    pub(crate) async fn keeping(journal: &Journal) -> Self {
        Self::start_with([journal.path().to_str().unwrap()]).await
    }

    /// One that also limits the age of its connections to so many milliseconds.
    pub(crate) async fn aging(journal: &Journal, age: &str) -> Self {
        Self::start_with([journal.path().to_str().unwrap(), age]).await
    }

    async fn start_with<const N: usize>(arguments: [&str; N]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_instance"));
        command.args(arguments).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut says = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = says.next_line().await.unwrap().expect("its address").parse().unwrap();
        Self { process, says, address }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let process = Pid::from_raw(self.process.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(process, signal).unwrap();
    }

    /// Waits until it has ended. How many calls it has begun.
    pub(crate) async fn ended(mut self) -> usize {
        let calls = timeout(LONG, self.says.next_line()).await.expect("it stops").unwrap();
        let exit = self.process.wait().await.unwrap();
        assert!(exit.success(), "{exit}");
        calls.expect("it says how many calls it has begun").parse().unwrap()
    }

    /// Kills it, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}

/// What instances write down: each call that they begin with.
pub(crate) struct Journal(NamedTempFile);

impl Journal {
    pub(crate) fn new() -> Self {
        Self(NamedTempFile::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The calls, and how often each was begun.
    pub(crate) fn begun(&self) -> HashMap<String, usize> {
        let mut begun = HashMap::new();
        for call in std::fs::read_to_string(self.path()).unwrap().lines() {
            *begun.entry(call.to_owned()).or_default() += 1;
        }
        begun
    }
}

/// The addresses of instances, the oldest first, as a name service says them that is behind the times.
#[derive(Clone, Default)]
pub(crate) struct Addresses {
    all: Arc<Mutex<Vec<SocketAddr>>>,
    /// How many connections were made to any of them.
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Addresses {
    pub(crate) fn add(&self, instance: &Instance) {
        self.all.lock().unwrap().push(instance.address);
    }

    pub(crate) fn remove(&self, address: SocketAddr) {
        self.all.lock().unwrap().retain(|it| *it != address);
    }

    /// A client of the first one that accepts a connection.
    pub(crate) fn client(&self) -> TelemetryClient {
        TelemetryClient::new(self.channel().connect_lazy().unwrap())
    }

    pub(crate) fn channel(&self) -> ChannelBuilder {
        let addresses = self.clone();
        Channel::builder("http://instances").connector(move |_| addresses.clone().connect())
    }

    async fn connect(self) -> io::Result<TcpStream> {
        let addresses = self.all.lock().unwrap().clone();
        let mut refused = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(connected) => {
                    self.connections.fetch_add(1, Ordering::SeqCst);
                    return Ok(connected);
                }
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}
