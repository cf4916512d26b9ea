//! Every Rust name of the services, decided in one pass over the whole request.
//!
//! A name that is taken gets a trailing `_`, the same in every run, and a warning says so.

pub(crate) mod ident;
pub(crate) mod layout;
mod matchers;
mod methods;
mod mock;
mod package;
pub(crate) mod paths;

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream};

pub(crate) use self::{
    matchers::{Matcher, Part},
    mock::MockMethodNames,
};
use self::{package::Package, paths::Paths};
use crate::{
    diagnostics::Problems,
    model::{File, Model},
    options::{Mock, Options},
};

/// The names of all services and descriptor constants of a request.
#[derive(Debug, Default)]
pub(crate) struct Names {
    files: BTreeMap<String, FileNames>,
    /// What had to be renamed.
    pub(crate) warnings: Problems,
}

impl Names {
    /// The names in a file of the request, in the order of the proto.
    pub(crate) fn of(&self, file: &File) -> Option<&FileNames> {
        self.files.get(&file.name)
    }
}

#[derive(Debug)]
pub(crate) struct FileNames {
    pub(crate) services: Vec<ServiceNames>,
    pub(crate) descriptor_set: Ident,
}

#[derive(Debug)]
pub(crate) struct ServiceNames {
    pub(crate) contract: Item,
    pub(crate) server: Item,
    /// The type, in the server's module, that finds a method's handler.
    pub(crate) dispatch: Ident,
    pub(crate) client: Item,
    pub(crate) mock: MockNames,
    pub(crate) methods: Vec<MethodNames>,
}

#[derive(Debug)]
pub(crate) struct MockNames {
    pub(crate) item: Item,
    /// What the mock has for each method.
    pub(crate) methods: Vec<MockMethodNames>,
    /// Sorted by name.
    pub(crate) matchers: Vec<Matcher>,
}

/// A trait or struct in a module of its own.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) module: Ident,
    pub(crate) name: Ident,
    /// Whether nothing else in the package has the name, so that the package re-exports it.
    pub(crate) reexported: bool,
}

#[derive(Debug)]
pub(crate) struct MethodNames {
    pub(crate) method: Ident,
    /// The request message as seen from the service's modules.
    pub(crate) input: TokenStream,
    /// The response message as seen from the service's modules.
    pub(crate) output: TokenStream,
}

/// What the pass has to say: warnings are passed on, problems stop the run.
#[derive(Debug, Default)]
struct Notes {
    warnings: Problems,
    problems: Problems,
}

/// Names everything, or says which names no Rust can come of.
pub(crate) fn assign(model: &Model, options: &Options) -> Result<Names, Problems> {
    let paths = Paths::new(options);
    let mut files = BTreeMap::new();
    let mut notes = Notes::default();
    let packages = model.files.iter().map(|file| file.package.as_str()).collect::<BTreeSet<_>>();
    for name in packages {
        let mut package = Package::new(model, name, options);
        for file in model.files.iter().filter(|file| file.package == name) {
            let mut services = Vec::new();
            for service in &file.services {
                let methods = methods::assign(service, name, &paths, &mut notes);
                let mock = match options.mock {
                    Mock::Never => (Vec::new(), Vec::new()),
                    Mock::Test | Mock::Always => (
                        mock::assign(service, &mut notes),
                        matchers::assign(service, name, (model, &paths), &mut notes),
                    ),
                };
                services.push(package.service(service, (methods, mock), &mut notes));
            }
            let descriptor_set = package.descriptor_set(file);
            files.insert(file.name.clone(), FileNames { services, descriptor_set });
        }
    }
    notes.problems.stop()?;
    Ok(Names { files, warnings: notes.warnings })
}

/// `name`, with as many trailing `_` as it takes to be the only one.
fn unique(taken: &mut BTreeSet<String>, name: &str) -> String {
    let mut name = name.to_owned();
    while !taken.insert(name.clone()) {
        name = format!("{}_", name.trim_start_matches("r#"));
    }
    name
}
