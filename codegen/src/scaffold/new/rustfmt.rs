//! Names are as long as they are, and rustfmt knows best where lines are broken then.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// Rust as rustfmt has it in a folder that may be still to be made; as it is, where there is no
/// rustfmt.
pub(super) fn formatted(text: String, folder: &Path) -> String {
    let is_there = |folder: &&Path| folder.is_dir();
    let folder = folder.ancestors().find(is_there).unwrap_or(Path::new("."));
    format(&text, folder).unwrap_or(text)
}

fn format(text: &str, folder: &Path) -> Option<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--quiet", "--edition", "2024"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // It reads all of it before it writes; if it does not, it fails.
    let written = rustfmt.stdin.take()?.write_all(text.as_bytes());
    let output = rustfmt.wait_with_output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (written.is_ok() && output.status.success() && !text.is_empty()).then_some(text)
}
