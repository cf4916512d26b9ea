//! Which packages a package is built from, by `Cargo.lock`.
//!
//! Cargo writes the file in one way, a value a line, so that it takes no parser of TOML. `cargo
//! metadata` would tell the same, but only once all packages have been downloaded.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The packages of a workspace and of all that it depends on.
#[derive(Debug, Default)]
pub(super) struct Lock(Vec<Locked>);

#[derive(Debug, Default)]
struct Locked {
    name: String,
    version: String,
    /// Of a package in a folder, there is none.
    source: String,
    /// `name`, or `name version` if there are several versions of it, or `name version (source)` if
    /// several sources have this one.
    dependencies: Vec<String>,
}

/// The versions of a package, each with the names of those that depend on it.
pub(super) type Versions<'a> = BTreeMap<Version<'a>, BTreeSet<&'a str>>;

/// One version has several sets of types if it is from several sources.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version<'a> {
    pub(super) number: &'a str,
    source: &'a str,
}

/// Where it is from is said of those that are not from the registry or a folder.
impl fmt::Display for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number)?;
        match self.source.strip_prefix("git+") {
            Some(url) => write!(f, " from {url}"),
            None => Ok(()),
        }
    }
}

impl Lock {
    pub(super) fn parse(text: &str) -> Self {
        let mut packages = Vec::new();
        // Patches that are not used come last, and are like packages otherwise.
        for line in text.lines().take_while(|line| !line.starts_with("[[patch")) {
            if line.starts_with('[') {
                packages.push(Locked::default());
            }
            let Some(package) = packages.last_mut() else { continue };
            if let Some(name) = line.strip_prefix("name = ") {
                package.name = unquoted(name);
            } else if let Some(version) = line.strip_prefix("version = ") {
                package.version = unquoted(version);
            } else if let Some(source) = line.strip_prefix("source = ") {
                // Dependencies are without the commit.
                package.source = unquoted(source.split('#').next().unwrap_or_default());
            } else if let Some(dependency) = line.strip_prefix(" \"") {
                package.dependencies.push(unquoted(dependency));
            }
        }
        Self(packages)
    }

    /// The versions of a package that another is built from, directly or through others.
    pub(super) fn versions<'a>(&'a self, of: &str, root: &str) -> Versions<'a> {
        let mut versions = Versions::new();
        let mut reached = self.0.iter().filter(|it| it.name == root).take(1).collect::<Vec<_>>();
        let mut next = 0;
        while let Some(package) = reached.get(next).copied() {
            for dependency in self.dependencies(package) {
                if dependency.name == of {
                    let Locked { version: number, source, .. } = dependency;
                    let users = versions.entry(Version { number, source }).or_default();
                    users.insert(&*package.name);
                }
                if reached.iter().all(|known| !std::ptr::eq(*known, dependency)) {
                    reached.push(dependency);
                }
            }
            next += 1;
        }
        versions
    }

    fn dependencies<'a>(&'a self, of: &'a Locked) -> impl Iterator<Item = &'a Locked> {
        of.dependencies.iter().filter_map(|told| {
            let mut words = told.split(' ');
            let (name, version) = (words.next()?, words.next());
            let source = words.next().map(|source| source.trim_matches(['(', ')']));
            let is_it = |it: &&Locked| {
                it.name == name
                    && version.is_none_or(|version| version == it.version)
                    && source.is_none_or(|source| source == it.source)
            };
            // Without a source, it is the only one, or the one that has none.
            self.0.iter().filter(is_it).min_by_key(|it| !it.source.is_empty())
        })
    }
}

fn unquoted(value: &str) -> String {
    value.trim_matches(['"', ',']).to_owned()
}
