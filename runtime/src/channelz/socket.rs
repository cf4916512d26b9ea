//! Servers, and the sockets of servers and subchannels.

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use super::{
    counters::{LastTime, SpreadCallCounts, Tally},
    present::{Present, present},
    registry::{Registry, next_id},
};

pub(crate) static SERVERS: Registry<ServerRecord> = Registry::new();
/// Those of all groups, and those that are listened on.
pub(crate) static SOCKETS: Registry<SocketRecord> = Registry::new();

/// The calls of a server or a subchannel, and the connections on which they are.
#[derive(Debug)]
pub(crate) struct SocketGroup {
    pub(crate) calls: SpreadCallCounts,
    pub(crate) sockets: Registry<SocketRecord>,
}

impl SocketGroup {
    pub(super) fn new() -> Self {
        Self { calls: SpreadCallCounts::default(), sockets: Registry::new() }
    }
}

/// A server while it serves.
#[derive(Debug)]
pub(crate) struct ServerRecord {
    pub(crate) id: i64,
    pub(crate) created: SystemTime,
    pub(crate) group: Arc<SocketGroup>,
    /// What it listens on.
    listeners: Mutex<Vec<Arc<SocketRecord>>>,
}

impl ServerRecord {
    /// The sockets that the server listens on.
    pub(crate) fn listeners(&self) -> Vec<Arc<SocketRecord>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ServerRecord {
    fn drop(&mut self) {
        SERVERS.remove(self.id);
    }
}

/// The handle of a [`ServerRecord`], or of none. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerNode(Option<Present<Arc<ServerRecord>>>);

impl ServerNode {
    /// A server that begins to serve.
    pub(crate) fn new() -> Self {
        Self(present(|| {
            let id = next_id();
            let record = Arc::new(ServerRecord {
                id,
                created: SystemTime::now(),
                group: Arc::new(SocketGroup::new()),
                listeners: Mutex::default(),
            });
            SERVERS.add(id, &record);
            record
        }))
    }

    /// Whether somebody counts its calls.
    pub(crate) fn is_counted(&self) -> bool {
        self.0.is_some()
    }

    /// The server listens on what `address` tells, until [`close_listeners`](Self::close_listeners).
    pub(crate) fn listens_on(&self, address: impl FnOnce() -> Option<SocketAddress>) {
        let Some(server) = &self.0 else { return };
        let facts = SocketFacts { local: address(), ..SocketFacts::default() };
        let record = Arc::new(SocketRecord::new(facts, Arc::clone(&server.group), true));
        SOCKETS.add(record.id, &record);
        server.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    /// The server listens no more.
    pub(crate) fn close_listeners(&self) {
        let Some(server) = &self.0 else { return };
        let closed =
            std::mem::take(&mut *server.listeners.lock().unwrap_or_else(PoisonError::into_inner));
        closed.iter().for_each(|socket| SOCKETS.remove(socket.id));
    }

    /// A connection to this server, of which `facts` are known.
    pub(crate) fn open_socket(&self, facts: impl FnOnce() -> SocketFacts) -> SocketNode {
        match &self.0 {
            Some(server) => SocketNode::open(&server.group, facts(), true),
            None => SocketNode::default(),
        }
    }
}

/// What is known of a socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct SocketFacts {
    pub(crate) local: Option<SocketAddress>,
    pub(crate) remote: Option<SocketAddress>,
    pub(crate) security: Option<SocketSecurity>,
}

/// An end of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SocketAddress {
    Tcp(SocketAddr),
    /// Empty if it has no name, as clients of Unix sockets have none.
    Unix(PathBuf),
    /// For people to read.
    Other(String),
}

impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Other(name) => f.write_str(name),
        }
    }
}

#[cfg(unix)]
impl SocketAddress {
    pub(crate) fn of_unix(address: &std::os::unix::net::SocketAddr) -> Self {
        Self::Unix(address.as_pathname().map(PathBuf::from).unwrap_or_default())
    }
}

/// What TLS has negotiated.
#[derive(Clone, Debug, Default)]
pub(crate) struct SocketSecurity {
    /// The name by IANA, such as `TLS_AES_128_GCM_SHA256`.
    pub(crate) cipher_suite: Option<String>,
    /// In DER. Empty if there is none, or it is not known.
    pub(crate) local_certificate: Vec<u8>,
    pub(crate) remote_certificate: Vec<u8>,
}

/// A connection, or what a server listens on.
#[derive(Debug)]
pub(crate) struct SocketRecord {
    pub(crate) id: i64,
    pub(crate) facts: SocketFacts,
    /// Whether it is a server's.
    pub(crate) is_server: bool,
    group: Arc<SocketGroup>,
    pub(crate) streams_started: Tally,
    pub(crate) streams_succeeded: Tally,
    pub(crate) streams_failed: Tally,
    pub(crate) messages_sent: Tally,
    pub(crate) messages_received: Tally,
    pub(crate) keep_alives_sent: Tally,
    /// Clients begin streams, servers receive them.
    pub(crate) last_stream_started: LastTime,
    pub(crate) last_message_sent: LastTime,
    pub(crate) last_message_received: LastTime,
}

impl SocketRecord {
    fn new(facts: SocketFacts, group: Arc<SocketGroup>, is_server: bool) -> Self {
        Self {
            id: next_id(),
            facts,
            is_server,
            group,
            streams_started: Tally::default(),
            streams_succeeded: Tally::default(),
            streams_failed: Tally::default(),
            messages_sent: Tally::default(),
            messages_received: Tally::default(),
            keep_alives_sent: Tally::default(),
            last_stream_started: LastTime::default(),
            last_message_sent: LastTime::default(),
            last_message_received: LastTime::default(),
        }
    }

    fn forget(&self) {
        SOCKETS.remove(self.id);
        self.group.sockets.remove(self.id);
    }
}

impl Drop for SocketRecord {
    fn drop(&mut self) {
        self.forget();
    }
}

/// The handle of a [`SocketRecord`], or of none. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SocketNode(Option<Present<Arc<SocketRecord>>>);

impl SocketNode {
    pub(super) fn open(group: &Arc<SocketGroup>, facts: SocketFacts, is_server: bool) -> Self {
        Self(present(|| {
            let record = Arc::new(SocketRecord::new(facts, Arc::clone(group), is_server));
            SOCKETS.add(record.id, &record);
            group.sockets.add(record.id, &record);
            record
        }))
    }

    /// Whether somebody counts what is on it.
    #[inline]
    pub(crate) fn is_counted(&self) -> bool {
        self.0.is_some()
    }

    /// The connection is closed: the registry forgets it, though handles may remain.
    pub(crate) fn close(&self) {
        if let Some(socket) = &self.0 {
            socket.forget();
        }
    }

    /// Counts a stream that starts, which is a call of the server or the subchannel.
    #[inline]
    pub(crate) fn count_start(&self) {
        if let Some(socket) = &self.0 {
            let now = SystemTime::now();
            socket.streams_started.add(1);
            socket.last_stream_started.set(now);
            socket.group.calls.of(socket.id).start(now);
        }
    }

    /// Counts a stream that has ended, with `END_STREAM` or without, and whether the call was OK.
    #[inline]
    pub(crate) fn count_end(&self, has_ended_cleanly: bool, is_ok: bool) {
        if let Some(socket) = &self.0 {
            match has_ended_cleanly {
                true => socket.streams_succeeded.add(1),
                false => socket.streams_failed.add(1),
            }
            socket.group.calls.of(socket.id).end(is_ok);
        }
    }

    #[inline]
    pub(crate) fn count_sent(&self, messages: u64) {
        if let Some(socket) = &self.0 {
            socket.messages_sent.add(messages);
            socket.last_message_sent.set(SystemTime::now());
        }
    }

    #[inline]
    pub(crate) fn count_received(&self, messages: u64) {
        if let Some(socket) = &self.0 {
            socket.messages_received.add(messages);
            socket.last_message_received.set(SystemTime::now());
        }
    }

    pub(crate) fn count_keep_alive(&self) {
        if let Some(socket) = &self.0 {
            socket.keep_alives_sent.add(1);
        }
    }
}
