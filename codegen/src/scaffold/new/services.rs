//! What the files of a package have to know of the services: the generator's own names.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    check,
    descriptor::{self, FileDescriptorSet},
    error::Error,
    ident,
    model::{File, Kind, Scalar, Shape, Types, Value},
    names::{self, Item, MethodNames, Names, ServiceNames},
    options::Options,
};

/// A service, with paths as they are written where the module `proto` is known.
#[derive(Debug)]
pub(super) struct Service {
    /// `calculator.Calculator`
    pub(super) full_name: String,
    pub(super) docs: Vec<String>,
    /// Of the implementation and its tests.
    pub(super) module: String,
    /// `MyCalculator`
    pub(super) implementation: String,
    /// `proto::calculator::Calculator`
    pub(super) contract: String,
    pub(super) server: String,
    pub(super) client: String,
    pub(super) mock: String,
    /// `proto::calculator::calculator_service::SERVICE`
    pub(super) descriptor: String,
    pub(super) methods: Vec<Method>,
}

#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: String,
    /// As in the proto.
    pub(super) rpc: String,
    pub(super) docs: Vec<String>,
    pub(super) kind: Kind,
    pub(super) deprecated: bool,
    pub(super) input: String,
    pub(super) output: String,
    /// `expect_add`
    pub(super) expect: String,
    /// Whether the JSON of the request is an object, which that of most well-known types is not.
    pub(super) takes_object: bool,
    /// The fields of the request that are single values, with their types.
    pub(super) fields: Vec<(String, &'static str)>,
}

impl Method {
    /// Whether one side of a call is a stream.
    pub(super) fn is_streaming(&self) -> bool {
        self.kind.streams_requests() || self.kind.streams_responses()
    }
}

/// The services of the files that were named.
pub(super) fn read(
    set: FileDescriptorSet,
    (wanted, named): (&BTreeSet<String>, &BTreeSet<String>),
    options: &Options,
) -> Result<Vec<Service>, Error> {
    let model = descriptor::lower(set, wanted, options)?;
    let types = Types::new(&model);
    check::check(&model, &types, options)?;
    let names = names::assign(&model, &types, options);
    let mut services = Vec::new();
    for file in model.wanted().filter(|file| named.contains(&file.name)) {
        for (facts, of_service) in file.services.iter().zip(&names.of(file).services) {
            services.push(service((file, facts), of_service, (&names, &types)));
        }
    }
    tell_apart(&mut services);
    Ok(services)
}

fn service(
    (file, facts): (&File, &crate::model::Service),
    names: &ServiceNames,
    (all, types): (&Names, &Types),
) -> Service {
    let package = all.package(file).modules();
    let within = |name: &str| {
        let modules = package.iter().map(String::as_str);
        ["proto"].into_iter().chain(modules).chain([name]).collect::<Vec<_>>().join("::")
    };
    let item = |item: &Item| match item.reexported {
        true => within(&item.name),
        false => within(&format!("{}::{}", item.module, item.name)),
    };
    let pairs = facts.methods.iter().zip(&names.methods).zip(&names.mock.methods);
    let methods = pairs.map(|((facts, of_method), of_mock)| {
        let MethodNames { method, input, output, .. } = of_method;
        Method {
            name: plain(method),
            rpc: facts.name.clone(),
            docs: facts.docs.lines.clone(),
            kind: facts.kind,
            deprecated: facts.deprecated,
            input: seen_from_crate(input, package),
            output: seen_from_crate(output, package),
            expect: of_mock.expect.clone(),
            takes_object: is_object(&facts.input),
            fields: fields(&facts.input, types),
        }
    });
    Service {
        full_name: facts.full_name.clone(),
        docs: facts.docs.lines.clone(),
        module: ident::snake(&facts.name),
        implementation: format!("My{}", ident::upper_camel(&facts.name)),
        contract: item(&names.contract),
        server: item(&names.server),
        client: item(&names.client),
        mock: item(&names.mock.item),
        descriptor: within(&format!("{}::SERVICE", names.contract.module)),
        methods: methods.collect(),
    }
}

/// What modules of services cannot be called: the files import it, or are called so themselves.
const TAKEN: [&str; 4] = ["proto", "rust_scaffold", "services", "tests"];

/// Services of several packages may have the same name, and any may have a taken one.
fn tell_apart(services: &mut [Service]) {
    let mut count = BTreeMap::<_, usize>::new();
    for service in &*services {
        *count.entry(service.module.clone()).or_default() += 1;
    }
    for service in services.iter_mut().filter(|service| count[&service.module] > 1) {
        let name = service.full_name.replace('.', "_");
        service.module = ident::snake(&name);
        service.implementation = format!("My{}", ident::upper_camel(&name));
    }
    let mut taken = BTreeSet::from(TAKEN.map(str::to_owned));
    for service in services {
        for name in [&mut service.module, &mut service.implementation] {
            while !taken.insert(name.clone()) {
                *name = format!("{}_", plain(name));
            }
        }
    }
}

/// A path that is seen from a module in that of a package: `super::AddRequest`.
fn seen_from_crate(path: &str, package: &[String]) -> String {
    let mut rest = path;
    let mut modules = package.len() + 1;
    while let Some(inner) = rest.strip_prefix("super::") {
        (rest, modules) = (inner, modules.saturating_sub(1));
    }
    if rest == path {
        return path.to_owned();
    }
    let modules = package.iter().take(modules).map(String::as_str);
    ["proto"].into_iter().chain(modules).chain([rest]).collect::<Vec<_>>().join("::")
}

fn is_object(message: &str) -> bool {
    !message.starts_with(".google.protobuf.") || message == ".google.protobuf.Empty"
}

fn fields(message: &str, types: &Types) -> Vec<(String, &'static str)> {
    let known = types.message(message).filter(|_| is_object(message));
    let Some((message, _)) = known else { return Vec::new() };
    let fields = message.fields.iter().filter_map(|field| match &field.shape {
        Shape::Single(value, _) => Some((field.name.clone(), type_of(value)?)),
        _ => None,
    });
    fields.collect()
}

/// A type as protos call it, if its values can be written without braces.
fn type_of(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Message(..) => return None,
        Value::Enum(_) => "enum",
        Value::Scalar(scalar) => match scalar {
            Scalar::Bool => "bool",
            Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => "int32",
            Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => "int64",
            Scalar::Uint32 | Scalar::Fixed32 => "uint32",
            Scalar::Uint64 | Scalar::Fixed64 => "uint64",
            Scalar::Float => "float",
            Scalar::Double => "double",
            Scalar::String => "string",
            Scalar::Bytes => "base64",
        },
    })
}

/// A name without `r#`.
fn plain(name: &str) -> String {
    name.trim_start_matches("r#").to_owned()
}
