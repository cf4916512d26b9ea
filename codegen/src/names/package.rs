//! The names that the services of one package share with its messages and sub-packages.

use std::collections::BTreeMap;

use heck::ToUpperCamelCase as _;

use super::{
    FileMatchers, Item, Like, MockNames, Notes, Paths, ServiceNames, matchers, methods, mock,
    scope::{Scope, Taken},
};
use crate::{
    diagnostics::Problem,
    ident,
    model::{File, Service},
    options::{Mock, Options},
};

/// The modules of all packages, with what is taken in each: those of the packages below it.
pub(super) fn modules<'a>(
    packages: impl Iterator<Item = &'a str>,
) -> BTreeMap<&'a str, (Scope, Taken)> {
    let mut modules = BTreeMap::from([("", (Scope::default(), Taken::default()))]);
    for package in packages {
        let ends = package.match_indices('.').map(|(at, _)| at).chain([package.len()]);
        for end in ends {
            let name = &package[..end];
            if modules.contains_key(name) {
                continue;
            }
            let (parent, own) = name.rsplit_once('.').unwrap_or(("", name));
            let (scope, taken) = modules.entry(parent).or_default();
            let scope = scope.package(&taken.unique(&ident::snake(own)));
            modules.insert(name, (scope, Taken::default()));
        }
    }
    modules
}

/// The Rust module of a proto package.
pub(super) struct Package<'a> {
    options: &'a Options,
    scope: &'a Scope,
    /// Types and modules that are there already.
    types: &'a mut Taken,
    constants: Taken,
    /// How many services want to re-export a name.
    candidate_names: BTreeMap<String, usize>,
}

impl<'a> Package<'a> {
    pub(super) fn new(
        files: &[&File],
        (scope, types): (&'a Scope, &'a mut Taken),
        options: &'a Options,
    ) -> Self {
        let mut candidate_names = BTreeMap::new();
        let services = files.iter().flat_map(|file| &file.services);
        for candidate in services.flat_map(|service| self::candidate_names(service, options)) {
            *candidate_names.entry(candidate).or_default() += 1;
        }
        Self { options, scope, types, constants: Taken::default(), candidate_names }
    }

    pub(super) fn service(
        &mut self,
        service: &Service,
        paths: &Paths,
        notes: &mut Notes,
    ) -> ServiceNames {
        let [contract, server, client] = item_names(service);
        let contract = self.item(service, ("_service", contract, true), notes);
        let [dyn_contract, decorator, decorated] =
            beside_names(service, self.options).map(|(name, is_built)| {
                self.beside_contract(service, (&contract.module, name, is_built), notes)
            });
        let server = self.item(service, ("_server", server, self.options.build_server), notes);
        let client = self.item(service, ("_client", client, self.options.build_client), notes);
        let scope = self.scope.inner(&contract.module);
        ServiceNames {
            contract,
            dyn_contract,
            decorator,
            decorated,
            server,
            client,
            dispatch: ident::upper_camel_with(&service.name, "Dispatch"),
            methods: methods::assign(service, (&scope, paths), self.options, notes),
            mock: self.mock(service, notes),
        }
    }

    /// What the contract's module has besides the contract.
    fn beside_contract(
        &self,
        service: &Service,
        (module, name, is_built): (&str, String, bool),
        notes: &mut Notes,
    ) -> Item {
        let reexported = self.is_reexported(&name);
        let item = Item { module: module.to_owned(), name, reexported };
        if is_built {
            note_hidden(service, &item, notes);
        }
        item
    }

    fn mock(&mut self, service: &Service, notes: &mut Notes) -> MockNames {
        let is_built = self.builds_mocks();
        let item = self.item(service, ("_mock", mock_name(service), is_built), notes);
        let methods = if is_built { mock::assign(service, notes) } else { Vec::new() };
        MockNames { item, methods, like: Like::default() }
    }

    fn builds_mocks(&self) -> bool {
        self.options.mock != Mock::Never
    }

    /// The matchers of a file, in a module that is called like the whole path of the proto, so that
    /// other files do not change it: `shop/order.proto` → `shop_order_matchers`.
    pub(super) fn matchers(&mut self, file: &File, paths: &Paths) -> Option<FileMatchers> {
        if !self.builds_mocks() || !matchers::has_some(file, paths) {
            return None;
        }
        let module = self.types.unique(&ident::snake_with(&stem(file), "_matchers"));
        let scope = self.scope.inner(&module);
        Some(matchers::of_file(file, (module, &scope), paths))
    }

    /// `shop/order.proto` → `SHOP_ORDER_FILE_DESCRIPTOR_SET`.
    pub(super) fn descriptor_set(&mut self, file: &File) -> String {
        let name = format!("{}_FILE_DESCRIPTOR_SET", ident::shouty(&stem(file)));
        self.constants.unique(&name)
    }

    fn item(
        &mut self,
        service: &Service,
        (suffix, name, is_built): (&str, String, bool),
        notes: &mut Notes,
    ) -> Item {
        let natural = ident::snake_with(&service.name, suffix);
        let module = if is_built { self.types.unique(&natural) } else { natural.clone() };
        let reexported = self.is_reexported(&name);
        let full_name = &service.full_name;
        let what = || format!("the module of service `{full_name}`");
        notes.renamed(&service.location, what, (&natural, &module));
        let item = Item { module, name, reexported };
        if is_built {
            note_hidden(service, &item, notes);
        }
        item
    }

    /// Whether nothing else in the package has, or wants, this name.
    fn is_reexported(&self, name: &str) -> bool {
        self.candidate_names.get(name) == Some(&1) && !self.types.contains(name)
    }
}

/// Says that the package does not re-export an item, if that is so.
fn note_hidden(service: &Service, item: &Item, notes: &mut Notes) {
    let (full_name, Item { module, name, reexported }) = (&service.full_name, item);
    if !reexported {
        notes.warnings.push(Problem::at(&service.location).says(format!(
            "service `{full_name}`: `{name}` is only to be had as `{module}::{name}`, for \
             something else in the package is called so"
        )));
    }
}

/// `a/b-c.proto` → `a_b_c`.
fn stem(file: &File) -> String {
    let stem = file.name.strip_suffix(".proto").unwrap_or(&file.name);
    let ascii = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    stem.chars().map(ascii).collect()
}

/// The names that a service would like to have in the package.
fn candidate_names(service: &Service, options: &Options) -> impl Iterator<Item = String> {
    let built = [true, options.build_server, options.build_client];
    let names = item_names(service).into_iter().zip(built);
    let mock = (mock_name(service), options.mock != Mock::Never);
    let names = names.chain([mock]).chain(beside_names(service, options));
    names.filter(|(_, is_built)| *is_built).map(|(name, _)| name)
}

/// The dyn-compatible contract, the trait for decorators and what is decorated, and whether they are
/// generated.
fn beside_names(service: &Service, options: &Options) -> [(String, bool); 3] {
    let name = service.name.to_upper_camel_case();
    [
        (format!("Dyn{name}"), options.dyn_traits),
        (ident::upper_camel_with(&service.name, "Decorator"), options.decorators),
        (format!("Decorated{name}"), options.decorators),
    ]
}

fn mock_name(service: &Service) -> String {
    format!("Mock{}", service.name.to_upper_camel_case())
}

/// The trait, the server and the client.
fn item_names(service: &Service) -> [String; 3] {
    ["", "Server", "Client"].map(|suffix| ident::upper_camel_with(&service.name, suffix))
}
