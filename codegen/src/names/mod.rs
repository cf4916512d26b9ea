//! Every Rust name, decided in one pass over the whole request.
//!
//! A name that is taken gets a trailing `_`, the same in every run, and a warning says so.

pub(crate) mod external;
mod fields;
pub(crate) mod layout;
mod matchers;
mod methods;
mod mock;
mod package;
mod paths;
mod scope;
mod types;

use std::collections::{BTreeMap, HashMap};

use self::{external::External, matchers::Index, package::Package, types::TypeNames};
pub(crate) use self::{
    matchers::{FileMatchers, Like, Matcher, Part},
    mock::MockMethodNames,
    paths::Paths,
    scope::Scope,
    types::{MessageNames, OneofNames},
};
use crate::{
    diagnostics::{Location, Problem, Problems},
    model::{File, Model, Types},
    options::{Mock, Options},
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

    /// Names what is in the modules `like` of mocks, when all matchers have their names.
    fn assign_likes(&mut self, model: &Model, types: &Types, notes: &mut Notes) {
        let matchers = model.files.iter().filter_map(|file| {
            Some((file.name.as_str(), self.of(file).matchers.as_ref()?, self.package(file)))
        });
        let index = Index::new(matchers);
        let mut likes = Vec::new();
        for file in model.wanted() {
            for (service, names) in file.services.iter().zip(&self.of(file).services) {
                let scope = self.package(file).inner(&names.mock.item.module).inner("like");
                likes.push(index.like(service, (&self.paths, types), (&scope, &mut *notes)));
            }
        }
        let mut likes = likes.into_iter();
        for file in model.wanted() {
            let services = self.files.get_mut(file.name.as_str()).map(|names| &mut names.services);
            for (names, like) in services.into_iter().flatten().zip(likes.by_ref()) {
                names.mock.like = like;
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct FileNames {
    pub(crate) services: Vec<ServiceNames>,
    pub(crate) descriptor_set: String,
    /// Of its messages; none where no mocks are generated.
    pub(crate) matchers: Option<FileMatchers>,
}

#[derive(Debug)]
pub(crate) struct ServiceNames {
    pub(crate) contract: Item,
    /// The dyn-compatible form of the contract, in its module.
    pub(crate) dyn_contract: Item,
    /// The trait for decorators, in the contract's module.
    pub(crate) decorator: Item,
    /// The struct that puts a decorator around an implementation, in the contract's module.
    pub(crate) decorated: Item,
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
    pub(crate) like: Like,
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
    /// The codec as seen from the service's modules, if it is not prost's.
    pub(crate) codec: Option<String>,
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
            let services =
                services.map(|service| package.service(service, &paths, &mut notes)).collect();
            let descriptor_set = package.descriptor_set(file);
            let names = FileNames { services, descriptor_set, matchers: None };
            file_names.insert(file.name.as_str(), names);
        }
        // Services come first: these modules are named by nobody but generated code.
        for file in files {
            let matchers = package.matchers(file, &paths);
            file_names.entry(file.name.as_str()).and_modify(|names| names.matchers = matchers);
        }
    }
    let packages = modules.into_iter().map(|(name, (scope, _))| (name, scope)).collect();
    let mut names = Names { paths, packages, files: file_names, warnings: Problems::default() };
    if options.mock != Mock::Never {
        names.assign_likes(model, types, &mut notes);
    }
    Names { warnings: notes.warnings, ..names }
}
