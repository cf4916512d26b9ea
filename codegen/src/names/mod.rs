//! Every Rust name, decided in one pass over the whole request.
//!
//! A name that is taken gets a trailing `_`, the same in every run, and a warning says so.

pub(crate) mod external;
mod fields;
pub(crate) mod ident;
pub(crate) mod layout;
mod matchers;
mod methods;
mod mock;
mod package;
mod paths;
mod scope;
mod types;

use std::collections::{BTreeMap, HashMap};

use self::{external::External, package::Package, types::TypeNames};
pub(crate) use self::{
    matchers::{Matcher, Part},
    mock::MockMethodNames,
    paths::Paths,
    scope::Scope,
    types::MessageNames,
};
use crate::{
    diagnostics::{Location, Problem, Problems},
    model::{File, Model, Types},
    options::Options,
};

/// All names of a request.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    pub(crate) paths: Paths<'a>,
    /// The module of each package.
    packages: BTreeMap<&'a str, Scope>,
    files: HashMap<&'a str, FileNames>,
    /// What had to be renamed.
    pub(crate) warnings: Problems,
}

impl Names<'_> {
    /// The names in a file of the request, in the order of the proto.
    pub(crate) fn of(&self, file: &File) -> &FileNames {
        &self.files[file.name.as_str()]
    }

    /// The module of a file's package.
    pub(crate) fn package(&self, file: &File) -> &Scope {
        &self.packages[file.package.as_str()]
    }
}

#[derive(Debug)]
pub(crate) struct FileNames {
    pub(crate) services: Vec<ServiceNames>,
    pub(crate) descriptor_set: String,
}

#[derive(Debug)]
pub(crate) struct ServiceNames {
    pub(crate) contract: Item,
    pub(crate) server: Item,
    /// The type, in the server's module, that finds a method's handler.
    pub(crate) dispatch: String,
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
    pub(crate) module: String,
    pub(crate) name: String,
    /// Whether nothing else in the package has the name, so that the package re-exports it.
    pub(crate) reexported: bool,
}

#[derive(Debug)]
pub(crate) struct MethodNames {
    pub(crate) method: String,
    /// The request message as seen from the service's modules.
    pub(crate) input: String,
    /// The response message as seen from the service's modules.
    pub(crate) output: String,
}

/// What the pass has to say.
#[derive(Debug, Default)]
struct Notes {
    warnings: Problems,
}

impl Notes {
    /// Says that `what` is not called as one would expect, if that is so.
    fn renamed(
        &mut self,
        location: &Location,
        what: impl FnOnce() -> String,
        (natural, given): (&str, &str),
    ) {
        if natural != given {
            self.warnings.push(
                Problem::at(location)
                    .says(format!("{} becomes `{given}`: `{natural}` is taken", what())),
            );
        }
    }
}

/// Names everything.
pub(crate) fn assign<'a>(model: &'a Model, types: &Types<'a>, options: &Options) -> Names<'a> {
    let mut notes = Notes::default();
    let mut by_package = BTreeMap::<_, Vec<_>>::new();
    for file in &model.files {
        by_package.entry(file.package.as_str()).or_default().push(file);
    }
    let mut modules = package::modules(by_package.keys().copied());
    let mut type_names = TypeNames::default();
    for (package, files) in &by_package {
        let (scope, taken) = modules.entry(package).or_default();
        types::assign(files, scope, taken, (&mut type_names, &mut notes));
    }
    let paths = Paths { external: External::new(options), types: type_names };
    let mut file_names = HashMap::new();
    for (package, files) in &by_package {
        let (scope, taken) = modules.entry(package).or_default();
        let mut package = Package::new(files, (scope, taken), options);
        for file in files {
            let services = file.services.iter();
            let services = services
                .map(|service| package.service(service, (&paths, types), &mut notes))
                .collect();
            let descriptor_set = package.descriptor_set(file);
            file_names.insert(file.name.as_str(), FileNames { services, descriptor_set });
        }
    }
    Names {
        paths,
        packages: modules.into_iter().map(|(name, (scope, _))| (name, scope)).collect(),
        files: file_names,
        warnings: notes.warnings,
    }
}
