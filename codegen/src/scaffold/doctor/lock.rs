//! Which packages a package is built from, by `Cargo.lock`.
//!
//! Cargo writes the file in one way, a value a line, so that it takes no parser of TOML. `cargo
//! metadata` would tell the same, but only once all packages have been downloaded.

use std::collections::{BTreeMap, BTreeSet};

/// The packages of a workspace and of all that it depends on.
#[derive(Debug, Default)]
pub(super) struct Lock(Vec<Locked>);

#[derive(Debug, Default)]
struct Locked {
    name: String,
    version: String,
    /// `name`, or `name version` if there are several versions of it.
    dependencies: Vec<String>,
}

/// The versions of a package, each with the names of those that depend on it.
pub(super) type Versions<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

impl Lock {
    pub(super) fn parse(text: &str) -> Self {
        let mut packages = Vec::new();
        for line in text.lines() {
            if line.starts_with('[') {
                // Or a patch that is not used, and that nobody names then.
                packages.push(Locked::default());
            }
            let Some(package) = packages.last_mut() else { continue };
            if let Some(name) = line.strip_prefix("name = ") {
                package.name = unquoted(name);
            } else if let Some(version) = line.strip_prefix("version = ") {
                package.version = unquoted(version);
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
                    versions.entry(&*dependency.version).or_default().insert(&*package.name);
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
            let is_it = |it: &&Locked| it.name == name && version.is_none_or(|v| v == it.version);
            self.0.iter().find(is_it)
        })
    }
}

fn unquoted(value: &str) -> String {
    value.trim_matches(['"', ',']).to_owned()
}
