//! The package that a command is about, as cargo sees it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use clap::{Arg, ArgMatches, value_parser};
use serde_json::Value;

use crate::{diagnostics::Problem, error::Error};

/// A package of cargo. Its paths are relative to the working directory, if they are below it.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    /// The root of its workspace, where `Cargo.lock` is.
    pub(super) workspace: PathBuf,
    pub(super) root: PathBuf,
    /// `[package.metadata.scaffold]`
    pub(super) settings: Settings,
    pub(super) targets: Vec<Target>,
    /// Where the build script is, if there is one.
    pub(super) build_script: PathBuf,
    /// The name by which the build script knows the generator.
    pub(super) generator: String,
    /// The packages of the workspace that it depends on, through others, too, as far as they can
    /// have contracts.
    pub(super) dependencies: Vec<Package>,
    /// The names of their libraries, by all of which somebody depends on them, and their roots.
    pub(super) libraries: Vec<(String, PathBuf)>,
}

/// A crate of a package.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) root: PathBuf,
    /// The name of a library.
    pub(super) library: Option<String>,
}

/// What a package says of its protos; paths are relative to the package.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) protos: Vec<String>,
    pub(super) proto_path: Vec<String>,
    pub(super) opt: Vec<String>,
    pub(super) out: Vec<String>,
    /// What `cargo scaffold breaking` is told of breaks.
    pub(super) accepted: Vec<Value>,
}

/// What commands take that are about a package.
pub(super) fn arguments() -> [Arg; 2] {
    [
        Arg::new("package")
            .short('p')
            .long("package")
            .value_name("NAME")
            .help("The package, if there are several"),
        Arg::new("manifest-path")
            .long("manifest-path")
            .value_name("PATH")
            .value_parser(value_parser!(PathBuf))
            .help("The path of its Cargo.toml"),
    ]
}

impl Package {
    /// The package that the arguments name, or else that of the working directory.
    pub(super) fn find(matches: &ArgMatches) -> Result<Self, Error> {
        let manifest = matches.get_one::<PathBuf>("manifest-path").map(PathBuf::as_path);
        let metadata = metadata(manifest)?;
        let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
        let chosen = match matches.get_one::<String>("package") {
            Some(name) => packages.iter().find(|package| package["name"] == *name),
            None => nearest(packages, manifest),
        };
        let Some(package) = chosen else {
            let names = packages.iter().filter_map(|package| package["name"].as_str());
            let names = names.collect::<Vec<_>>().join(", ");
            return Err(Problem::new("which package is it about?")
                .help(format!("choose one with `--package`: {names}"))
                .into());
        };
        let mut this = Self::read(package)?;
        this.workspace = shown(Path::new(text(&metadata["workspace_root"])));
        let mut found = vec![package];
        let mut next = 0;
        while let Some(package) = found.get(next) {
            for dependency in items(&package["dependencies"]).filter(|it| it["path"].is_string()) {
                let other = packages.iter().find(|other| other["name"] == dependency["name"]);
                let Some(other) = other.filter(|it| has_runtime(it)) else { continue };
                let read = Self::read(other)?;
                let library =
                    read.targets.iter().find_map(|it| Some((it.library.clone()?, &it.root)));
                if let Some((name, root)) = library {
                    let renamed = dependency["rename"].as_str().map(|name| name.replace('-', "_"));
                    this.libraries.push((renamed.unwrap_or(name), root.clone()));
                }
                if found.iter().all(|known| !std::ptr::eq(*known, other)) {
                    found.push(other);
                    this.dependencies.push(read);
                }
            }
            next += 1;
        }
        Ok(this)
    }

    /// A package as cargo describes it, without what it depends on.
    fn read(package: &Value) -> Result<Self, Error> {
        let manifest = Path::new(text(&package["manifest_path"]));
        let root = shown(manifest.parent().unwrap_or(manifest));
        let settings = Settings::read(&package["metadata"]["scaffold"])?;
        let (mut targets, mut build_script) = (Vec::new(), root.join("build.rs"));
        for target in items(&package["targets"]) {
            let root = shown(Path::new(text(&target["src_path"])));
            let kinds = items(&target["kind"]).map(text).collect::<Vec<_>>();
            let is_library = kinds.iter().any(|kind| kind.ends_with("lib"));
            match kinds.contains(&"custom-build") {
                true => build_script = root,
                false => {
                    let name = is_library.then(|| text(&target["name"]).replace('-', "_"));
                    targets.push(Target { root, library: name });
                }
            }
        }
        let mut dependencies = items(&package["dependencies"]);
        let generator = dependencies.find(|it| it["name"] == "rust-scaffold-build");
        let generator = generator.and_then(|it| it["rename"].as_str());
        Ok(Self {
            name: text(&package["name"]).to_owned(),
            workspace: root.clone(),
            root,
            settings,
            targets,
            build_script,
            generator: generator.unwrap_or("rust-scaffold-build").replace('-', "_"),
            dependencies: Vec::new(),
            libraries: Vec::new(),
        })
    }
}

/// Whether a package can have contracts.
fn has_runtime(package: &Value) -> bool {
    items(&package["dependencies"]).any(|dependency| dependency["name"] == "rust-scaffold")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The only package there is, or the one whose manifest cargo would take.
fn nearest<'a>(packages: &'a [Value], manifest: Option<&Path>) -> Option<&'a Value> {
    if let [only] = packages {
        return Some(only);
    }
    let here = env::current_dir().ok()?;
    let manifest = match manifest {
        Some(manifest) => here.join(manifest),
        None => here.ancestors().map(|it| it.join("Cargo.toml")).find(|it| it.exists())?,
    };
    let manifest = manifest.canonicalize().ok()?;
    let is_it = |package: &&Value| {
        let path = package["manifest_path"].as_str().map(Path::new);
        path.and_then(|path| path.canonicalize().ok()).as_ref() == Some(&manifest)
    };
    packages.iter().find(is_it)
}

/// What cargo says of the workspace.
fn metadata(manifest: Option<&Path>) -> Result<Value, Error> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["metadata", "--no-deps", "--format-version=1"]);
    if let Some(manifest) = manifest {
        command.arg("--manifest-path").arg(manifest);
    }
    let output = command.output().map_err(|source| Error::Io {
        action: "run",
        path: cargo.into(),
        help: "install cargo, or set CARGO to its path",
        source,
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::Input(said.trim().trim_start_matches("error: ").to_owned()));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Error::Input(format!("cargo's metadata cannot be read: {error}")))
}

/// A path as it is shown: relative to the working directory, if it is below it.
fn shown(path: &Path) -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).to_owned()
}

impl Settings {
    fn read(table: &Value) -> Result<Self, Error> {
        let mut settings = Self::default();
        for (key, value) in table.as_object().into_iter().flatten() {
            let field = match key.as_str() {
                "protos" => &mut settings.protos,
                "proto-path" => &mut settings.proto_path,
                "opt" => &mut settings.opt,
                "out" => &mut settings.out,
                "accepted" => {
                    settings.accepted = value.as_array().cloned().ok_or_else(no_list)?;
                    continue;
                }
                _ => return Err(unknown(key)),
            };
            *field = texts(value).ok_or_else(|| {
                Problem::new(format!("`{key}` in `[package.metadata.scaffold]` is no text"))
                    .help(format!("write it as in `{key} = [\"…\"]`"))
            })?;
        }
        Ok(settings)
    }
}

/// A text, or several.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(values) => {
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
        }
        _ => None,
    }
}

fn no_list() -> Error {
    Problem::new("`accepted` in `[package.metadata.scaffold]` is no list")
        .help("write each break below `[[package.metadata.scaffold.accepted]]`")
        .into()
}

fn unknown(key: &str) -> Error {
    Problem::new(format!("unknown key `{key}` in `[package.metadata.scaffold]`"))
        .help("the keys are protos, proto-path, opt, out, accepted")
        .into()
}
