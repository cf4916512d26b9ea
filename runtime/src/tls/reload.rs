//! Reads files again that have changed.
//!
//! They are polled. Notifications of the operating system do not come for network file systems, and would have
//! to follow the symbolic links that Kubernetes replaces.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::{
    error::TlsError,
    file_state::{FileState, SETTLE},
    pem::PemSource,
};

/// How often files are looked at by default.
pub(super) const RELOAD_INTERVAL: Duration = Duration::from_secs(10);

/// What is read from files, in two parts. Whatever is valid of one goes with whatever is valid of the other, so
/// each is replaced by itself: a list that is broken does not keep a certificate until it has expired.
pub(crate) trait Material: Send + Sync + 'static {
    /// The own certificate and its key.
    type CertifiedKey: Send;
    /// Whose certificates are accepted.
    type Trust: Send;
    type Config: Send + Sync;

    /// Reads and validates the identity.
    fn load_identity(&self) -> Result<Self::CertifiedKey, TlsError>;

    /// Reads and validates what is trusted.
    fn load_trust(&self) -> Result<Self::Trust, TlsError>;

    /// The configuration of both, which fails only for reasons other than these.
    fn config(
        &self,
        identity: &Self::CertifiedKey,
        trust: &Self::Trust,
    ) -> Result<Self::Config, TlsError>;

    /// Where the identity is read from.
    fn identity_sources(&self) -> Vec<&PemSource>;

    /// Where what is trusted is read from.
    fn trust_sources(&self) -> Vec<&PemSource>;

    /// How often the files are looked at.
    fn reload_interval(&self) -> Option<Duration>;
}

/// A configuration that is replaced when its files have changed, if the new ones are valid.
pub(crate) struct Reloading<M: Material> {
    material: M,
    has_files: bool,
    /// Locked to clone it or to replace it.
    current: Mutex<Arc<M::Config>>,
    /// Locked while files are read.
    parts: Mutex<ReloadParts<M>>,
    next: Mutex<Instant>,
}

struct ReloadParts<M: Material> {
    identity: ReloadPart<M::CertifiedKey>,
    trust: ReloadPart<M::Trust>,
}

/// What is read together, and used once all of it is valid.
struct ReloadPart<T> {
    files: Vec<PathBuf>,
    /// What was read when all of it was valid the last time.
    value: T,
    /// The files as they were before they were read the last time.
    read: Vec<FileState>,
    /// The files as they were when they were looked at the last time.
    seen: Vec<FileState>,
    /// Why what was read the last time could not be used.
    failure: Option<String>,
}

/// What has come of a look at the files of a part.
#[derive(Debug, PartialEq, Eq)]
enum ReloadOutcome {
    Unchanged,
    /// They have changed, and may be about to change further.
    Unsettled,
    Replaced,
    /// They cannot be used, for another reason than before.
    Failed(String),
}

impl<M: Material> Reloading<M> {
    /// Reads everything for the first time.
    pub(crate) fn new(material: M) -> Result<Arc<Self>, TlsError> {
        let parts = ReloadParts {
            identity: ReloadPart::new(&material.identity_sources(), || material.load_identity())?,
            trust: ReloadPart::new(&material.trust_sources(), || material.load_trust())?,
        };
        let current = material.config(&parts.identity.value, &parts.trust.value)?;
        let has_files = !(parts.identity.files.is_empty() && parts.trust.files.is_empty());
        let interval = material.reload_interval();
        Ok(Arc::new(Self {
            material,
            has_files,
            current: Mutex::new(Arc::new(current)),
            parts: Mutex::new(parts),
            next: Mutex::new(in_future(interval)),
        }))
    }

    /// The configuration for a new connection.
    pub(crate) fn current(&self) -> Arc<M::Config> {
        Arc::clone(&lock(&self.current))
    }

    /// Polls the files for ever.
    pub(crate) async fn watch(self: Arc<Self>) {
        if !self.has_files || self.material.reload_interval().is_none() {
            return;
        }
        loop {
            let next = *lock(&self.next);
            tokio::time::sleep_until(next).await;
            self.poll_files().await;
        }
    }

    /// Polls the files if it is time to.
    pub(crate) async fn poll_if_due(self: &Arc<Self>) {
        if self.has_files && *lock(&self.next) <= Instant::now() {
            self.poll_files().await;
        }
    }

    async fn poll_files(self: &Arc<Self>) {
        let interval = self.material.reload_interval();
        // Before they are read, so that others do not read them as well.
        *lock(&self.next) = in_future(interval);
        let this = Arc::clone(self);
        // Reading may block for long. An error means that the runtime shuts down.
        let reloading = tokio::task::spawn_blocking(move || this.reload(SystemTime::now()));
        let Ok(outcomes) = reloading.await else { return };
        if outcomes.iter().any(|(_, outcome)| *outcome == ReloadOutcome::Unsettled) {
            *lock(&self.next) = in_future(interval.map(|interval| interval.min(SETTLE)));
        }
        for (files, outcome) in outcomes {
            match outcome {
                ReloadOutcome::Unchanged | ReloadOutcome::Unsettled => {}
                ReloadOutcome::Replaced => {
                    tracing::info!(files, "TLS files have changed: new connections use them");
                }
                ReloadOutcome::Failed(error) => tracing::warn!(
                    error,
                    files,
                    "TLS files have changed and cannot be used: new connections use what was read \
                     before"
                ),
            }
        }
    }

    /// Reads each part again that has changed. The names of the files of each come with the outcome.
    fn reload(&self, now: SystemTime) -> [(String, ReloadOutcome); 2] {
        let mut parts = lock(&self.parts);
        let ReloadParts { identity, trust } = &mut *parts;
        let outcomes = [
            (identity.names(), identity.reload(now, || self.material.load_identity())),
            (trust.names(), trust.reload(now, || self.material.load_trust())),
        ];
        if outcomes.iter().any(|(_, outcome)| *outcome == ReloadOutcome::Replaced)
            // It has succeeded before, and nothing that it could fail for has changed.
            && let Ok(config) = self.material.config(&identity.value, &trust.value)
        {
            *lock(&self.current) = Arc::new(config);
        }
        outcomes
    }
}

impl<T> ReloadPart<T> {
    fn new(
        sources: &[&PemSource],
        load: impl FnOnce() -> Result<T, TlsError>,
    ) -> Result<Self, TlsError> {
        let files = sources.iter().filter_map(|source| source.file()).map(PathBuf::from);
        let files: Vec<_> = files.collect();
        // Before they are read: if they change in between, they are read again.
        let read = FileState::of_all(&files);
        Ok(Self { files, value: load()?, seen: read.clone(), read, failure: None })
    }

    /// Reads everything again if a file has changed, or could not be used before. Of several files, one may be
    /// replaced before the other, and a certificate may become valid later.
    fn reload(
        &mut self,
        now: SystemTime,
        load: impl FnOnce() -> Result<T, TlsError>,
    ) -> ReloadOutcome {
        let state = FileState::of_all(&self.files);
        let seen = std::mem::replace(&mut self.seen, state.clone());
        if state == self.read && self.failure.is_none() {
            return ReloadOutcome::Unchanged;
        }
        // A file that is being written to may end after one of its certificates, and is valid then.
        if state != seen && !state.iter().all(|file| file.is_settled(now)) {
            return ReloadOutcome::Unsettled;
        }
        self.read = state;
        match load() {
            Ok(value) => {
                self.value = value;
                self.failure = None;
                ReloadOutcome::Replaced
            }
            Err(error) => {
                let error = error.to_string();
                if self.failure.as_ref() == Some(&error) {
                    return ReloadOutcome::Unchanged;
                }
                self.failure = Some(error.clone());
                ReloadOutcome::Failed(error)
            }
        }
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        names.join(", ")
    }
}

/// The time after `interval`, or a time that never comes.
fn in_future(interval: Option<Duration>) -> Instant {
    // A time that is too far away to be expressed is never.
    let never = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + interval.map_or(never, |interval| interval.min(never))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Two files, each of which is valid unless it is `broken`.
    struct Texts {
        identity: PemSource,
        trust: PemSource,
    }

    impl Texts {
        fn read(source: &PemSource) -> Result<String, TlsError> {
            let file = source.file().unwrap();
            let text = fs::read_to_string(file)
                .map_err(|error| TlsError::invalid(source, error.kind().to_string()))?;
            match text.strip_prefix("broken") {
                Some(reason) => Err(TlsError::invalid("a file", reason)),
                None => Ok(text),
            }
        }
    }

    impl Material for Texts {
        type CertifiedKey = String;
        type Trust = String;
        type Config = [String; 2];

        fn load_identity(&self) -> Result<String, TlsError> {
            Self::read(&self.identity)
        }

        fn load_trust(&self) -> Result<String, TlsError> {
            Self::read(&self.trust)
        }

        fn config(&self, identity: &String, trust: &String) -> Result<[String; 2], TlsError> {
            Ok([identity.clone(), trust.clone()])
        }

        fn identity_sources(&self) -> Vec<&PemSource> {
            vec![&self.identity]
        }

        fn trust_sources(&self) -> Vec<&PemSource> {
            vec![&self.trust]
        }

        fn reload_interval(&self) -> Option<Duration> {
            None
        }
    }

    struct Watched {
        folder: PathBuf,
        reloading: Arc<Reloading<Texts>>,
    }

    impl Watched {
        /// With the files `identity` and `trust`, which contain their names.
        fn new(test: &str) -> Self {
            let name = format!("rust-scaffold-reload-{test}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir_all(&folder).unwrap();
            let [identity, trust] = ["identity", "trust"].map(|name| {
                let file = folder.join(name);
                fs::write(&file, name).unwrap();
                PemSource::File(file)
            });
            let reloading = Reloading::new(Texts { identity, trust }).unwrap();
            Self { folder, reloading }
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.folder.join(name), text).unwrap();
        }

        /// Looks at the files when their last change is `age` ago.
        fn reload(&self, age: Duration) -> [ReloadOutcome; 2] {
            self.reloading.reload(SystemTime::now() + age).map(|(_, outcome)| outcome)
        }

        #[track_caller]
        fn uses(&self, identity: &str, trust: &str) {
            assert_eq!(*self.reloading.current(), [identity, trust]);
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    /// Whether the clock of files is behind or not, nothing has changed that long ago.
    const LONG_AGO: Duration = Duration::from_secs(3600);

    use ReloadOutcome::{Failed, Replaced, Unchanged, Unsettled};

    #[test]
    fn a_file_is_read_once_it_has_stayed_the_same_for_two_looks() {
        let files = Watched::new("settles");
        for half in ["a", "ab", "abc"] {
            files.write("identity", half);
            // By a clock that is behind, the change is in the future.
            let before = SystemTime::UNIX_EPOCH;
            let [(_, identity), (_, trust)] = files.reloading.reload(before);
            assert_eq!((identity, trust), (Unsettled, Unchanged), "{half}");
            files.uses("identity", "trust");
        }
        let [(_, identity), (_, trust)] = files.reloading.reload(SystemTime::UNIX_EPOCH);
        assert_eq!((identity, trust), (Replaced, Unchanged));
        files.uses("abc", "trust");
        assert_eq!(files.reload(LONG_AGO), [Unchanged, Unchanged]);
    }

    #[test]
    fn a_file_that_has_changed_long_ago_is_read_at_once() {
        let files = Watched::new("age");
        files.write("trust", "another");
        assert_eq!(files.reload(LONG_AGO), [Unchanged, Replaced]);
        files.uses("identity", "another");
        // One that is gone may be about to come back.
        fs::remove_file(files.folder.join("trust")).unwrap();
        assert_eq!(files.reload(LONG_AGO), [Unchanged, Unsettled]);
        assert!(matches!(files.reload(LONG_AGO), [Unchanged, Failed(_)]));
        files.uses("identity", "another");
    }

    #[test]
    fn what_cannot_be_used_of_one_part_does_not_keep_the_other() {
        let files = Watched::new("parts");
        files.write("trust", "broken list");
        files.write("identity", "renewed");
        let [identity, trust] = files.reload(LONG_AGO);
        assert_eq!(identity, Replaced);
        assert!(matches!(&trust, Failed(error) if error.contains("list")), "{trust:?}");
        files.uses("renewed", "trust");
        // It is said once.
        assert_eq!(files.reload(LONG_AGO), [Unchanged, Unchanged]);
        files.write("trust", "repaired");
        assert_eq!(files.reload(LONG_AGO), [Unchanged, Replaced]);
        files.uses("renewed", "repaired");
    }
}
