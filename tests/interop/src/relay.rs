//! A TCP relay that counts the bytes it carries and can fall silent.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

/// Stands between a client and a server until it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    sent: Arc<AtomicUsize>,
    received: Arc<AtomicUsize>,
    speaks: watch::Sender<bool>,
    _relaying: JoinSet<io::Result<()>>,
}

impl Relay {
    /// A relay to the server at `target`.
    pub(crate) async fn to(target: &str) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sent, received) = (Arc::default(), Arc::default());
        let (speaks, speaking) = watch::channel(true);
        let there = Pump { carried: Arc::clone(&sent), speaking: speaking.clone() };
        let back = Pump { carried: Arc::clone(&received), speaking };
        let mut relaying = JoinSet::new();
        relaying.spawn(relay(listener, target.to_owned(), there, back));
        Ok(Self { address, sent, received, speaks, _relaying: relaying })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many bytes the clients have sent.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// How many bytes the clients have received.
    pub(crate) fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }

    /// Carries nothing more, but keeps the connections open.
    pub(crate) fn fall_silent(&self) {
        self.speaks.send_replace(false);
    }
}

async fn relay(listener: TcpListener, target: String, there: Pump, back: Pump) -> io::Result<()> {
    let mut pumps = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await?;
        let server = TcpStream::connect(&target).await?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        pumps.spawn(there.clone().pump(from_client, to_server));
        pumps.spawn(back.clone().pump(from_server, to_client));
    }
}

#[derive(Clone)]
struct Pump {
    carried: Arc<AtomicUsize>,
    speaking: watch::Receiver<bool>,
}

impl Pump {
    async fn pump(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0 || self.speaking.wait_for(|speaks| *speaks).await.is_err() {
                return Ok(());
            }
            self.carried.fetch_add(length, Ordering::Relaxed);
            to.write_all(&buffer[..length]).await?;
        }
    }
}
