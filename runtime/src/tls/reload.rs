//! Reads files again that have changed.
//!
//! They are polled. Notifications of the operating system do not come for network file systems, and would have
//! to follow the symbolic links that Kubernetes replaces.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::{error::TlsError, pem::PemSource};

/// How often files are looked at by default.
pub(super) const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// What is read from files.
pub(crate) trait Material: Send + Sync + 'static {
    type Config: Send + Sync;

    /// Reads and validates everything.
    fn load(&self) -> Result<Self::Config, TlsError>;

    /// Where it is read from.
    fn sources(&self) -> Vec<&PemSource>;

    /// How often the files are looked at.
    fn reload_interval(&self) -> Option<Duration>;
}

/// A configuration that is replaced when its files have changed, if the new ones are valid.
pub(crate) struct Reloading<M: Material> {
    material: M,
    files: Vec<PathBuf>,
    /// Locked to clone it or to replace it.
    current: Mutex<Arc<M::Config>>,
    /// Locked while files are read.
    progress: Mutex<Progress>,
    next: Mutex<Instant>,
}

struct Progress {
    /// The files as they were before they were read the last time.
    seen: Vec<FileState>,
    /// Why what was read then could not be used.
    failure: Option<String>,
}

/// What is to be said of a poll.
enum ReloadOutcome {
    Unchanged,
    Replaced,
    /// For another reason than before.
    Failed(String),
}

/// What differs after a file was replaced or written to. Symbolic links are followed, so it differs as well
/// when one on the way has another target.
#[derive(Clone, Debug, PartialEq, Eq)]
enum FileState {
    Present { modified: Option<SystemTime>, length: u64, identity: Identifier },
    Unreadable(io::ErrorKind),
}

/// The device, the inode, and when that was changed.
type Identifier = (u64, u64, i64, i64);

impl<M: Material> Reloading<M> {
    /// Reads everything for the first time.
    pub(crate) fn new(material: M) -> Result<Arc<Self>, TlsError> {
        let files = material.sources().into_iter().filter_map(|source| source.file());
        let files: Vec<_> = files.map(PathBuf::from).collect();
        // Before they are read: if they change in between, they are read again.
        let seen = state_of(&files);
        let current = Mutex::new(Arc::new(material.load()?));
        let progress = Mutex::new(Progress { seen, failure: None });
        let next = Mutex::new(next_poll(material.reload_interval()));
        Ok(Arc::new(Self { material, files, current, progress, next }))
    }

    /// The configuration for a new connection.
    pub(crate) fn current(&self) -> Arc<M::Config> {
        Arc::clone(&lock(&self.current))
    }

    /// Polls the files for ever.
    pub(crate) async fn watch(self: Arc<Self>) {
        let Some(interval) = self.material.reload_interval() else { return };
        while !self.files.is_empty() {
            tokio::time::sleep(interval).await;
            self.poll_files().await;
        }
    }

    /// Polls the files if it is time to.
    pub(crate) async fn poll_if_due(self: &Arc<Self>) {
        if self.files.is_empty() || *lock(&self.next) > Instant::now() {
            return;
        }
        *lock(&self.next) = next_poll(self.material.reload_interval());
        self.poll_files().await;
    }

    async fn poll_files(self: &Arc<Self>) {
        let this = Arc::clone(self);
        // Reading may block for long. An error means that the runtime shuts down.
        let Ok(outcome) = tokio::task::spawn_blocking(move || this.reload()).await else { return };
        let files: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        let files = files.join(", ");
        match outcome {
            ReloadOutcome::Unchanged => {}
            ReloadOutcome::Replaced => {
                tracing::info!(files, "TLS files have changed: new connections use them");
            }
            ReloadOutcome::Failed(error) => tracing::warn!(
                error,
                files,
                "TLS files have changed and cannot be used: new connections use what was read before"
            ),
        }
    }

    /// Reads everything again if a file has changed, or could not be used before. Of several files, one may be
    /// replaced before the other, and a certificate may become valid later.
    fn reload(&self) -> ReloadOutcome {
        let mut progress = lock(&self.progress);
        let state = state_of(&self.files);
        if state == progress.seen && progress.failure.is_none() {
            return ReloadOutcome::Unchanged;
        }
        progress.seen = state;
        match self.material.load() {
            Ok(config) => {
                *lock(&self.current) = Arc::new(config);
                progress.failure = None;
                ReloadOutcome::Replaced
            }
            Err(error) => {
                let error = error.to_string();
                if progress.failure.as_ref() == Some(&error) {
                    return ReloadOutcome::Unchanged;
                }
                progress.failure = Some(error.clone());
                ReloadOutcome::Failed(error)
            }
        }
    }
}

fn next_poll(interval: Option<Duration>) -> Instant {
    // A time that is too far away to be expressed is never.
    let never = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + interval.map_or(never, |interval| interval.min(never))
}

fn state_of(files: &[PathBuf]) -> Vec<FileState> {
    let state = |file: &PathBuf| match fs::metadata(file) {
        Ok(metadata) => FileState::Present {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            identity: identifier(&metadata),
        },
        Err(error) => FileState::Unreadable(error.kind()),
    };
    files.iter().map(state).collect()
}

#[cfg(unix)]
fn identifier(metadata: &fs::Metadata) -> Identifier {
    use std::os::unix::fs::MetadataExt as _;

    (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identifier(_: &fs::Metadata) -> Identifier {
    (0, 0, 0, 0)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
