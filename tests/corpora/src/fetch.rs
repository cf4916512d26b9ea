//! Gets packages from the registries, once.

use std::{fs, path::Path, process::Command};

use crate::corpus::{Corpus, Registry};

/// Unpacks a package below `directory/package-version`, unless it is there.
pub(crate) fn fetch(corpus: &Corpus, directory: &Path) -> Result<(), String> {
    let unpacked = directory.join("unpacked");
    if unpacked.exists() {
        return Ok(());
    }
    let partial = directory.join("partial");
    let _ = fs::remove_dir_all(&partial);
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    fs::create_dir_all(&partial).map_err(failed)?;
    let Corpus { package, version, .. } = corpus;
    match corpus.registry {
        Registry::Npm => {
            let package = format!("{package}@{version}");
            let packed = run("npm", &["pack", "--silent", &package], &partial)?;
            let archive = packed.trim().lines().last().unwrap_or_default().to_owned();
            run("tar", &["-xzf", &archive], &partial)?;
        }
        Registry::PyPi => {
            let package = format!("{package}=={version}");
            let download =
                ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"];
            run("python3", &[&download[..], &[&package]].concat(), &partial)?;
            for entry in fs::read_dir(&partial).map_err(failed)? {
                let wheel = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
                run("python3", &["-m", "zipfile", "-e", &wheel, "."], &partial)?;
            }
        }
    }
    fs::rename(&partial, &unpacked).map_err(failed)
}

fn run(program: &str, arguments: &[&str], directory: &Path) -> Result<String, String> {
    let output = Command::new(program).args(arguments).current_dir(directory).output();
    let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
        }
    }
}
