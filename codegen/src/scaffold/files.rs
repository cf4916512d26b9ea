//! The only place that changes files: a file is written beside the old one and renamed, so that
//! whoever looks finds either of them, and never a part.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use super::outcome::Change;
use crate::error::Error;

/// Makes a file as it should be, unless somebody has changed it since it was read.
pub(super) fn carry_out(change: &Change) -> Result<(), Error> {
    let path = &*change.path;
    if read(path)? != change.before {
        let source = io::Error::other("it has been changed meanwhile");
        return Err(failed("write", path, "run the command again", source));
    }
    // A link stays one; the file behind it changes.
    let path = &*path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match &change.after {
        Some(content) => write(path, content, change.before.is_none()).map_err(|source| {
            let help = match source.kind() {
                io::ErrorKind::AlreadyExists => "look at what is there, and run the command again",
                _ => "check its permissions",
            };
            failed("write", path, help, source)
        }),
        None => fs::remove_file(path)
            .map_err(|source| failed("remove", path, "check its permissions", source)),
    }
}

/// The bytes of a file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", path, "check its permissions", source)),
    }
}

fn write(path: &Path, content: &[u8], is_new: bool) -> io::Result<()> {
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    let directory = directory.unwrap_or(Path::new("."));
    let permissions = match fs::metadata(path) {
        // Renaming does not ask whether the file may be written.
        Ok(metadata) if metadata.permissions().readonly() => {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(metadata) => Some(metadata.permissions()),
        Err(_) => None,
    };
    fs::create_dir_all(directory)?;
    let mut file = beside().tempfile_in(directory)?;
    file.write_all(content)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    // Some file systems rename before they write: after a power cut, the file would be empty.
    file.as_file().sync_all()?;
    match is_new {
        // What has come meanwhile stays, as does a link to what is not there.
        true => file.persist_noclobber(path)?,
        false => file.persist(path)?,
    };
    Ok(())
}

/// A file that is not there yet gets the permissions that any new file gets.
fn beside() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".scaffold-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

fn failed(action: &'static str, path: &Path, help: &'static str, source: io::Error) -> Error {
    Error::Io { action, path: path.to_owned(), help, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_has_changed_since_it_was_read_stays() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("lib.rs");
        fs::write(&path, "theirs").expect("there is room");
        for (before, after) in
            [(Some("old"), Some("new")), (Some("old"), None), (None, Some("new"))]
        {
            let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
            let (before, after) = (bytes(before), bytes(after));
            let error = carry_out(&Change { path: path.clone(), before, after });
            let text = error.expect_err("it is another file").to_string();
            assert!(text.contains("it has been changed meanwhile"), "{text}");
            assert_eq!(fs::read(&path).expect("it is there"), b"theirs");
        }
    }

    #[test]
    fn what_comes_after_the_check_stays() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("lib.rs");
        fs::write(&path, "theirs").expect("there is room");
        let error = write(&path, b"new", true).expect_err("it is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).expect("it is there"), b"theirs");
        assert_eq!(fs::read_dir(directory.path()).expect("it is there").count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_what_is_not_there_stays() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("lib.rs");
        std::os::unix::fs::symlink("nowhere", &path).expect("there is room");
        let change = Change { path: path.clone(), before: None, after: Some(b"new".to_vec()) };
        carry_out(&change).expect_err("it is a link");
        assert_eq!(fs::read_link(&path).expect("it is a link"), Path::new("nowhere"));
    }
}
