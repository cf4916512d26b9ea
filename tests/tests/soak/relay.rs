//! What lies between the client and the server, and can be broken.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, watch},
    task::JoinHandle,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Open,
    /// Holds up what it has been given.
    Paused,
    /// Takes connections, and never says a word.
    Silent,
    /// Closes connections at once.
    Closed,
}

/// Passes connections on. It never closes one by itself, but to break it: when both ends are through
/// with them, there are none left.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    target: Mutex<SocketAddr>,
    mode: watch::Sender<Mode>,
    broken: Notify,
    connections: AtomicUsize,
}

impl Relay {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            mode: watch::Sender::new(Mode::Open),
            broken: Notify::new(),
            connections: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let connection = Connection::new(Arc::clone(&accepting));
                tokio::spawn(connection.carry(client));
            }
        });
        Self { address, shared, task }
    }

    pub(crate) fn set_target(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap() = target;
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    pub(crate) fn break_connections(&self) {
        self.shared.broken.notify_waiters();
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Takes no more connections.
    pub(crate) async fn stop(self) {
        self.task.abort();
        // It was aborted.
        let _ = self.task.await;
    }
}

struct Connection(Arc<Shared>);

impl Connection {
    fn new(shared: Arc<Shared>) -> Self {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }

    async fn carry(self, client: TcpStream) {
        let mode = *self.0.mode.borrow();
        tokio::select! {
            // Whether it broke, or was closed.
            _ = self.pass(mode, client) => {}
            () = self.0.broken.notified() => {}
        }
    }

    async fn pass(&self, mode: Mode, mut client: TcpStream) -> io::Result<()> {
        match mode {
            Mode::Closed => return Ok(()),
            Mode::Silent => {
                while client.read(&mut [0; 1024]).await? > 0 {}
                return Ok(());
            }
            Mode::Open | Mode::Paused => {}
        }
        let target = *self.0.target.lock().unwrap();
        let server = TcpStream::connect(target).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        tokio::join!(self.pump(from_client, to_server), self.pump(from_server, to_client));
        Ok(())
    }

    /// Passes on one direction until its end. What the other end does not take any more is dropped:
    /// what it has said in the other direction is still on its way.
    async fn pump(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut mode = self.0.mode.subscribe();
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            // It is there for as long as this is.
            let _ = mode.wait_for(|mode| *mode != Mode::Paused).await;
            let _ = to.write_all(&buffer[..length]).await;
        }
        let _ = to.shutdown().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
    }
}
