//! Crates of generated code, compiled as a user's would be but with warnings as errors.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{
    calls,
    protoc::{Outcome, generate},
};

/// A workspace, so that cargo compiles its crates side by side.
pub(crate) struct Scratch {
    directory: PathBuf,
    crates: Vec<Crate>,
}

struct Crate {
    name: String,
    /// The `recursion_limit` that the generator told its user to set.
    limit: Option<String>,
    modules: Vec<String>,
}

/// `unused` and `deprecated` are about what the protos are, not about how they are generated.
const ATTRIBUTES: &str = "#![deny(warnings)]\n#![allow(unused, deprecated)]\n";

/// How many crates the modules are spread over.
const SHARES: usize = 4;

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scratch").join(name);
        let _ = fs::remove_dir_all(&directory);
        let names = (0..SHARES).map(|share| format!("{name}_{share}"));
        let crates = names.map(|name| Crate { name, limit: None, modules: Vec::new() });
        Self { directory, crates: crates.collect() }
    }

    /// Generates the protos of a directory into a module: of a crate that has few, or of one with
    /// the limit that they need.
    pub(crate) fn add(&mut self, protos: &Path, module: &str) -> Outcome {
        let generated = self.directory.join("generated").join(module);
        let outcome = generate(protos, &generated);
        let Outcome::Generated { limit } = &outcome else { return outcome };
        if limit.is_some() {
            let limit = limit.clone();
            self.crates.push(Crate { name: module.to_owned(), limit, modules: Vec::new() });
        }
        let crates = self.crates.iter_mut().filter(|it| it.limit == *limit);
        let to = crates.min_by_key(|it| it.modules.len()).unwrap();
        let sources = self.directory.join(&to.name).join("src");
        fs::create_dir_all(&sources).unwrap();
        fs::rename(&generated, sources.join(module)).unwrap();
        to.modules.push(module.to_owned());
        outcome
    }

    pub(crate) fn len(&self) -> usize {
        self.crates.iter().map(|it| it.modules.len()).sum()
    }

    /// Compiles everything, calls every rpc, lets clippy read a part of it, and documents it, but for
    /// some crates. Returns what failed, by module.
    pub(crate) fn check(&self, undocumented: &[&str]) -> Vec<String> {
        self.write();
        let mut failures = self.errors(&self.cargo(&["build", "--tests", "--workspace"], ""));
        if failures.is_empty() {
            let called = self.cargo(&["test", "--workspace"], "");
            let text = String::from_utf8_lossy(&called.stdout);
            if !called.status.success() {
                failures.push(format!("{text}\n{}", String::from_utf8_lossy(&called.stderr)));
            }
            let mut tests = text.lines().filter(|line| line.starts_with("running "));
            let calls = tests.by_ref().take(self.crates.len());
            assert!(calls.into_iter().all(|line| line == "running 1 test"), "{text}");
            assert!(tests.all(|line| line == "running 0 tests"), "a comment is a doctest:\n{text}");
            // Where modules are private, clippy sees more than where they are exported.
            let lint = ["clippy", "--tests", "--package", self.crates[0].name.as_str()];
            failures.extend(self.errors(&self.cargo(&lint, "")));
            let mut arguments = vec!["doc", "--workspace", "--no-deps"];
            arguments.extend(undocumented.iter().flat_map(|name| ["--exclude", name]));
            failures.extend(self.errors(&self.cargo(&arguments, "-Dwarnings")));
        }
        failures
    }

    fn write(&self) {
        let members = self.crates.iter().map(|it| it.name.as_str()).collect::<Vec<_>>();
        let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n");
        fs::write(self.directory.join("Cargo.toml"), workspace).unwrap();
        fs::copy("../Cargo.lock", self.directory.join("Cargo.lock")).unwrap();
        // As users have clippy, not as this workspace does.
        fs::write(self.directory.join("clippy.toml"), "").unwrap();
        let runtime = fs::canonicalize("../runtime").unwrap();
        for Crate { name, limit, modules } in &self.crates {
            let directory = self.directory.join(name);
            fs::create_dir_all(directory.join("src")).unwrap();
            let manifest = format!(
                "[package]\nname = {name:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                 [dependencies]\n\
                 rust-scaffold = {{ path = {runtime:?}, features = [\"mock\"] }}\n\
                 tokio = {{ version = \"1\", features = [\"macros\", \"rt\"] }}\n"
            );
            fs::write(directory.join("Cargo.toml"), manifest).unwrap();
            let mut library = match limit {
                Some(limit) => format!("#![recursion_limit = \"{limit}\"]\n{ATTRIBUTES}\n"),
                None => format!("{ATTRIBUTES}\n"),
            };
            let mut calls = String::new();
            for module in modules {
                let path = format!("#[path = \"{module}/mod.rs\"]");
                let _ = writeln!(library, "#[cfg(not(clippy))]\n{path}\npub mod {module};");
                let _ = writeln!(library, "#[cfg(clippy)]\n{path}\nmod {module};");
                calls += &calls::of(module, &directory.join("src").join(module));
            }
            // What calls are written like is no matter for clippy.
            let cfg = "#[cfg(all(test, not(clippy)))]";
            let test = format!("{cfg}\n#[tokio::test]\nasync fn calls() {{\n{calls}}}\n");
            fs::write(directory.join("src/lib.rs"), format!("{library}\n{test}")).unwrap();
        }
    }

    fn cargo(&self, arguments: &[&str], rustdoc: &str) -> Output {
        // All scratch workspaces share what they depend on.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scratch/target");
        let runs_tests = arguments == ["test", "--workspace"];
        Command::new(env!("CARGO"))
            .current_dir(&self.directory)
            .args(arguments)
            .args((!runs_tests).then_some("--message-format=json"))
            .args((!runs_tests).then_some("--keep-going"))
            .args(["--quiet", "--offline"])
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("RUSTDOCFLAGS", rustdoc)
            .output()
            .unwrap()
    }

    /// The first of rustc's errors for each module.
    fn errors(&self, output: &Output) -> Vec<String> {
        if output.status.success() {
            return Vec::new();
        }
        let mut errors = BTreeMap::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let message = serde_json::from_str::<serde_json::Value>(line).unwrap_or_default();
            let message = &message["message"];
            if message["level"] == "error" {
                let text = message["rendered"].as_str().unwrap_or_default().to_owned();
                errors.entry(self.culprit(message)).or_insert(text);
            }
        }
        if errors.is_empty() {
            return vec![String::from_utf8_lossy(&output.stderr).into_owned()];
        }
        errors.into_iter().map(|(module, error)| format!("{module}: {error}")).collect()
    }

    /// The module in whose files an error is.
    fn culprit(&self, message: &serde_json::Value) -> String {
        let text = message["spans"].to_string();
        let is_in = |module: &&String| text.contains(&format!("src/{module}/"));
        let mut modules = self.crates.iter().flat_map(|it| &it.modules);
        modules.find(is_in).cloned().unwrap_or_else(|| "the crate".to_owned())
    }
}
