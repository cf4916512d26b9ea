//! By what it is recognized that a file has changed.

use std::{
    fs, io,
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// How long a file that has changed has to stay as it is to be read.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

/// What differs after a file was replaced or written to. Symbolic links are followed, so it differs as well
/// when one on the way has another target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileState {
    Present { length: u64, modified: Option<SystemTime>, inode: Inode },
    Unreadable(io::ErrorKind),
}

/// What is known of a file's inode, besides the times of its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    device: u64,
    number: u64,
    changed: Option<SystemTime>,
}

impl FileState {
    pub(super) fn of_all(files: &[PathBuf]) -> Vec<Self> {
        let state = |file: &PathBuf| match fs::metadata(file) {
            Ok(metadata) => Self::Present {
                length: metadata.len(),
                modified: metadata.modified().ok(),
                inode: inode(&metadata),
            },
            Err(error) => Self::Unreadable(error.kind()),
        };
        files.iter().map(state).collect()
    }

    /// Whether the last change is long enough ago that no more of it is to come. A file that is gone may come back.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        let Self::Present { modified, inode, .. } = self else { return false };
        // Tools may set the time of the contents to that of another file, but not that of the inode.
        let Some(changed) = (*modified).max(inode.changed) else { return false };
        // An error means that it is in the future, by another clock.
        now.duration_since(changed).is_ok_and(|age| age >= SETTLE)
    }
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> Inode {
    use std::os::unix::fs::MetadataExt as _;

    let seconds = u64::try_from(metadata.ctime()).ok();
    let nanoseconds = u32::try_from(metadata.ctime_nsec()).unwrap_or_default();
    let changed = seconds.map(|seconds| Duration::new(seconds, nanoseconds));
    Inode {
        device: metadata.dev(),
        number: metadata.ino(),
        changed: changed.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)),
    }
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> Inode {
    Inode { device: 0, number: 0, changed: None }
}
