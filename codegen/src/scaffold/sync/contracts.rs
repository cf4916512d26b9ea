//! What the contracts of some protos ask of their implementations: the generator's own model.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    check, descriptor,
    error::Error,
    ident,
    model::{File, Types},
    names::{self, Names, ServiceNames, layout},
    options::Options,
    scaffold::protos::Protos,
};

/// A trait that is generated for a service.
#[derive(Debug)]
pub(in crate::scaffold) struct Contract {
    /// The proto file, as imports spell it.
    pub(super) file: String,
    pub(super) package: String,
    /// The full name of the service.
    pub(super) service: String,
    pub(super) name: String,
    /// The module that it is in, within that of its package.
    pub(super) module: String,
    pub(super) methods: Vec<Method>,
    /// Where its crate finds the runtime.
    pub(super) runtime: String,
}

#[derive(Debug)]
pub(super) struct Method {
    /// As in Rust, without `r#`.
    pub(super) name: String,
    /// As in the proto.
    pub(super) rpc: String,
    /// Lines of rustdoc.
    pub(super) docs: Vec<String>,
    pub(super) request: Message,
    pub(super) response: Message,
}

/// A message or a stream of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) streams: bool,
    /// As the module of the contract sees it.
    pub(super) path: String,
}

/// All contracts, and what else the packages of their protos have in Rust.
#[derive(Debug, Default)]
pub(in crate::scaffold) struct Contracts {
    pub(super) all: Vec<Contract>,
    /// The names that are surely in the module of a package.
    pub(super) names: BTreeMap<String, BTreeSet<String>>,
    /// The modules of each package, from the root of all packages.
    pub(super) modules: BTreeMap<String, Vec<String>>,
    /// The proto of each generated file.
    pub(super) outputs: BTreeMap<String, String>,
    /// The package of each proto.
    pub(super) packages: BTreeMap<String, String>,
    /// The files with all modules, as far as there are some.
    pub(super) trees: BTreeSet<String>,
}

impl Contracts {
    /// Adds the contracts of some protos; what is there already stays.
    pub(super) fn add(&mut self, protos: &Protos) -> Result<(), Error> {
        let compiled = protos.compile()?;
        let options = &protos.options;
        options.check()?;
        let model = descriptor::lower(compiled.set, &compiled.wanted, options)?;
        let types = Types::new(&model);
        check::check(&model, &types, options)?;
        let names = names::assign(&model, &types, options);
        for file in model.wanted() {
            self.add_file(file, (&names, options));
        }
        self.trees.extend(Some(options.include_file.clone()).filter(|name| !name.is_empty()));
        Ok(())
    }

    fn add_file(&mut self, file: &File, (names, options): (&Names, &Options)) {
        let package = &file.package;
        let modules = || names.package(file).modules().to_vec();
        self.packages.entry(file.name.clone()).or_insert_with(|| package.clone());
        self.modules.entry(package.clone()).or_insert_with(modules);
        let output = layout::output_path(&file.name);
        self.outputs.entry(output).or_insert_with(|| file.name.clone());
        let known = self.names.entry(package.clone()).or_default();
        for message in &file.messages {
            let of_message = names.paths.message(message);
            let module = of_message.module.modules().last().filter(|_| message.has_module());
            known.extend(module.into_iter().chain([&of_message.ident]).map(|it| plain(it)));
        }
        known.extend(file.enums.iter().map(|it| plain(&names.paths.enumeration(it).ident)));
        for (service, of_service) in file.services.iter().zip(&names.of(file).services) {
            let contract = Contract {
                file: file.name.clone(),
                package: package.clone(),
                service: service.full_name.clone(),
                name: plain(&of_service.contract.name),
                module: plain(&of_service.contract.module),
                methods: methods(service, of_service),
                runtime: options.runtime_path.clone(),
            };
            self.all.push(contract);
        }
    }
}

fn methods(service: &crate::model::Service, names: &ServiceNames) -> Vec<Method> {
    let pairs = service.methods.iter().zip(&names.methods);
    let methods = pairs.map(|(facts, names)| {
        let message = |streams, path: &String| Message { streams, path: path.clone() };
        Method {
            name: plain(&names.method),
            rpc: facts.name.clone(),
            docs: facts.docs.lines.clone(),
            request: message(facts.kind.streams_requests(), &names.input),
            response: message(facts.kind.streams_responses(), &names.output),
        }
    });
    methods.collect()
}

/// A name without `r#`.
pub(super) fn plain(name: &str) -> String {
    name.trim_start_matches("r#").to_owned()
}

/// A name as it is written, with `r#` if it needs that.
pub(super) fn written(name: &str) -> String {
    ident::escape(name)
}
