//! The names that the services of one package share with its messages and sub-packages.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToUpperCamelCase as _;

use super::{
    Item, Matcher, MethodNames, MockMethodNames, MockNames, Notes, ServiceNames, ident, unique,
};
use crate::{
    diagnostics::Problem,
    model::{File, Model, Service},
    options::{Mock, Options},
};

/// The Rust module of a proto package.
pub(super) struct Package<'a> {
    options: &'a Options,
    /// Types and modules that are there already.
    types: BTreeSet<String>,
    constants: BTreeSet<String>,
    /// How many services want to re-export a name.
    wishes: BTreeMap<String, usize>,
}

impl<'a> Package<'a> {
    pub(super) fn new(model: &Model, name: &str, options: &'a Options) -> Self {
        let mut package = Self {
            options,
            types: sub_packages(model, name).collect(),
            constants: BTreeSet::new(),
            wishes: BTreeMap::new(),
        };
        for file in model.files.iter().filter(|file| file.package == name) {
            for declaration in &file.declarations {
                package.types.insert(ident::upper_camel(&declaration.name));
                if declaration.has_module {
                    package.types.insert(ident::snake(&declaration.name));
                }
            }
            for wish in file.services.iter().flat_map(|service| wishes(service, options)) {
                *package.wishes.entry(wish).or_default() += 1;
            }
        }
        package
    }

    pub(super) fn service(
        &mut self,
        service: &Service,
        (methods, mock): (Vec<MethodNames>, (Vec<MockMethodNames>, Vec<Matcher>)),
        notes: &mut Notes,
    ) -> ServiceNames {
        let [contract, server, client] = item_names(service);
        let mocks = self.options.mock != Mock::Never;
        let (mock_methods, matchers) = mock;
        ServiceNames {
            contract: self.item(service, ("_service", contract, true), notes),
            server: self.item(service, ("_server", server, self.options.build_server), notes),
            dispatch: ident::token(&ident::upper_camel_with(&service.name, "Dispatch")),
            client: self.item(service, ("_client", client, self.options.build_client), notes),
            mock: MockNames {
                item: self.item(service, ("_mock", mock_name(service), mocks), notes),
                methods: mock_methods,
                matchers,
            },
            methods,
        }
    }

    /// `shop/order.proto` → `SHOP_ORDER_FILE_DESCRIPTOR_SET`.
    pub(super) fn descriptor_set(&mut self, file: &File) -> proc_macro2::Ident {
        let stem = file.name.strip_suffix(".proto").unwrap_or(&file.name);
        let ascii = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
        let stem = stem.chars().map(ascii).collect::<String>();
        let name = format!("{}_FILE_DESCRIPTOR_SET", ident::shouty(&stem));
        ident::token(&unique(&mut self.constants, &name))
    }

    fn item(
        &mut self,
        service: &Service,
        (suffix, name, is_built): (&str, String, bool),
        notes: &mut Notes,
    ) -> Item {
        let natural = ident::snake_with(&service.name, suffix);
        let module = if is_built { unique(&mut self.types, &natural) } else { natural.clone() };
        let reexported = self.wishes.get(&name) == Some(&1) && !self.types.contains(&name);
        let full_name = &service.full_name;
        if module != natural {
            notes.warnings.push(Problem::at(&service.location).says(format!(
                "service `{full_name}` gets the module `{module}`: `{natural}` is taken"
            )));
        }
        if is_built && !reexported {
            notes.warnings.push(Problem::at(&service.location).says(format!(
                "service `{full_name}`: `{name}` is only to be had as `{module}::{name}`, for \
                 something else in the package is called so"
            )));
        }
        Item { module: ident::token(&module), name: ident::token(&name), reexported }
    }
}

/// The names that a service would like to have in the package.
fn wishes(service: &Service, options: &Options) -> impl Iterator<Item = String> {
    let built = [true, options.build_server, options.build_client];
    let names = item_names(service).into_iter().zip(built);
    let mock = (mock_name(service), options.mock != Mock::Never);
    names.chain([mock]).filter(|(_, is_built)| *is_built).map(|(name, _)| name)
}

fn mock_name(service: &Service) -> String {
    format!("Mock{}", service.name.to_upper_camel_case())
}

/// The trait, the server and the client.
fn item_names(service: &Service) -> [String; 3] {
    ["", "Server", "Client"].map(|suffix| ident::upper_camel_with(&service.name, suffix))
}

/// The modules of the packages one level below.
fn sub_packages<'a>(model: &'a Model, package: &'a str) -> impl Iterator<Item = String> + 'a {
    let files = model.files.iter().filter(|file| !file.package.is_empty());
    files.filter_map(move |file| {
        let below = match package {
            "" => &file.package,
            package => file.package.strip_prefix(package)?.strip_prefix('.')?,
        };
        below.split('.').next().map(ident::snake)
    })
}
