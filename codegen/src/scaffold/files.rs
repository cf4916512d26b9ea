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
        Some(content) => write(path, content)
            .map_err(|source| failed("write", path, "check its permissions", source)),
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

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
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
    file.persist(path)?;
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
}
