//! Notifies services that report on the server itself, such as its health: of what is served, and of shutdown.

// Without such services, nobody observes.
#![cfg_attr(
    not(any(feature = "admin", feature = "explorer", feature = "health", feature = "reflection")),
    allow(dead_code)
)]

use std::sync::Arc;

use super::error::ServeError;
use crate::channelz::SocketAddress;

/// From where a server can be reached.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "explorer"), allow(dead_code, reason = "nothing else asks which address"))]
pub(crate) enum Exposure<'a> {
    Address(&'a SocketAddress),
    /// From wherever its proxies can be.
    Proxies,
    Unknown,
}

/// Is notified of the life of a server.
pub(crate) trait ServerObserver: Send + Sync {
    /// Fails if the server must not serve where it can be reached like that.
    fn may_serve(&self, _exposure: Exposure<'_>) -> Result<(), ServeError> {
        Ok(())
    }

    /// The server is complete: it will serve these services, and no others.
    fn starts(&self, services: &[ServiceEntry]);

    /// The server is a build of the program with this name and version.
    #[cfg(feature = "admin")]
    fn is_build(&self, _info: &BuildInfo) {}

    /// The server serves connections itself, so that `drain_begins` will follow. Not called if others serve it.
    fn will_drain(&self) {}

    /// Shutdown begins: after a while, no more connections will be accepted, and those that are open drained. Called
    /// at least once, even if serving is abandoned.
    fn shutdown_begins(&self) {}

    /// No more connections are accepted, and those that are open are drained. Called as `shutdown_begins` is.
    fn drain_begins(&self) {}
}

/// What a server is a build of.
#[cfg(feature = "admin")]
#[derive(Clone, Debug)]
pub(crate) struct BuildInfo {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// A service of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServiceEntry {
    /// The full name, such as `calculator.Calculator`.
    pub(crate) name: &'static str,
    /// The descriptors of a generated service. See [`Dispatch::FILES`](super::Dispatch::FILES).
    #[cfg(any(feature = "explorer", feature = "reflection"))]
    pub(crate) files: &'static [&'static [u8]],
    /// Its comments. See [`Dispatch::COMMENTS`](super::Dispatch::COMMENTS).
    #[cfg(feature = "explorer")]
    pub(crate) comments: &'static [(&'static str, &'static str)],
}

/// The observers of a server.
#[derive(Clone, Default)]
pub(super) struct Observers(Vec<Arc<dyn ServerObserver>>);

impl Observers {
    pub(super) fn add(&mut self, observer: Arc<dyn ServerObserver>) {
        self.0.push(observer);
    }

    pub(super) fn may_serve(&self, exposure: Exposure<'_>) -> Result<(), ServeError> {
        self.0.iter().try_for_each(|observer| observer.may_serve(exposure))
    }

    pub(super) fn starts(&self, services: &[ServiceEntry]) {
        self.0.iter().for_each(|observer| observer.starts(services));
    }

    #[cfg(feature = "admin")]
    pub(super) fn is_build(&self, info: &BuildInfo) {
        self.0.iter().for_each(|observer| observer.is_build(info));
    }

    pub(super) fn will_drain(&self) {
        self.0.iter().for_each(|observer| observer.will_drain());
    }

    pub(super) fn shutdown_begins(&self) {
        self.0.iter().for_each(|observer| observer.shutdown_begins());
    }

    pub(super) fn drain_begins(&self) {
        self.0.iter().for_each(|observer| observer.drain_begins());
    }
}
