//! Observes the attempts to make a call, which are below the interceptors.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::time::Instant;

/// Is in the extensions of a call whose attempts are observed.
#[derive(Clone)]
pub(crate) struct Attempts(Arc<dyn AttemptObserver>);

/// Observes the attempts to make one call.
pub(super) trait AttemptObserver: Send + Sync {
    /// An attempt begins. If there was one before, the server has certainly not processed the call.
    fn on_attempt(&self);
}

impl Attempts {
    /// Attempts that `observer` observes, and whoever does so already.
    pub(super) fn observed(observer: Arc<dyn AttemptObserver>, others: Option<Self>) -> Self {
        Self(match others {
            Some(Self(others)) => Arc::new(BothObservers(others, observer)),
            None => observer,
        })
    }

    /// Tells the observer that an attempt begins.
    pub(crate) fn begin(&self) {
        self.0.on_attempt();
    }
}

struct BothObservers(Arc<dyn AttemptObserver>, Arc<dyn AttemptObserver>);

impl AttemptObserver for BothObservers {
    fn on_attempt(&self) {
        self.0.on_attempt();
        self.1.on_attempt();
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").finish_non_exhaustive()
    }
}

/// When the current attempt has begun. None before the first one.
#[derive(Debug, Default)]
pub(super) struct AttemptStart(Mutex<Option<Instant>>);

impl AttemptStart {
    /// Sets it to now, and returns what it was.
    pub(super) fn replace(&self) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(Instant::now())
    }

    pub(super) fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
