//! Descriptors in, model out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MessageOptions,
    MethodDescriptorProto, MethodOptions, ServiceDescriptorProto, method_options::IdempotencyLevel,
};

use super::{fields, full_name, source_info::SourceInfo};
use crate::model::{
    Declaration, File, Idempotency, Kind, Message, Method, Model, Service, Type, TypeUse,
};

/// Field numbers of `descriptor.proto`, of which descriptor paths consist.
mod number {
    pub(super) const MESSAGE: i32 = 4;
    pub(super) const SERVICE: i32 = 6;
    pub(super) const EDITION: i32 = 12;
    pub(super) const FIELD: i32 = 2;
    pub(super) const NESTED: i32 = 3;
    pub(super) const METHOD: i32 = 2;
}

/// Lowers a whole request. `with_sets` also encodes a descriptor set for each wanted file.
pub(crate) fn lower(set: &FileDescriptorSet, wanted: &BTreeSet<String>, with_sets: bool) -> Model {
    let by_name = set.file.iter().map(|file| (file.name(), file)).collect::<HashMap<_, _>>();
    let mut types = BTreeMap::new();
    let mut files = Vec::new();
    for file in &set.file {
        let mut lowering = Lowering {
            source: SourceInfo::new(file),
            file: file.name(),
            package: file.package(),
            types: &mut types,
            uses: Vec::new(),
        };
        let wanted = wanted.contains(file.name());
        let mut lowered = lowering.file(file, wanted);
        if wanted && with_sets {
            lowered.descriptor_set = Some(encode_with_imports(file, &by_name));
        }
        files.push(lowered);
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Model { files, types }
}

/// The work on one file.
struct Lowering<'a> {
    source: SourceInfo<'a>,
    file: &'a str,
    package: &'a str,
    types: &'a mut BTreeMap<String, Type>,
    uses: Vec<TypeUse>,
}

impl Lowering<'_> {
    fn file(&mut self, file: &FileDescriptorProto, wanted: bool) -> File {
        for (message, index) in file.message_type.iter().zip(0..) {
            self.message(message, full_name(file, message.name()), &[number::MESSAGE, index]);
        }
        for it in &file.enum_type {
            self.declare(full_name(file, it.name()), None);
        }
        let messages = file.message_type.iter().map(|message| Declaration {
            name: message.name().to_owned(),
            has_module: has_module(message),
        });
        let enums = file
            .enum_type
            .iter()
            .map(|it| Declaration { name: it.name().to_owned(), has_module: false });
        let services = file.service.iter().zip(0..);
        File {
            name: file.name().to_owned(),
            package: file.package().to_owned(),
            wanted,
            edition: (file.syntax() == "editions")
                .then(|| self.source.location(&[number::EDITION])),
            declarations: messages.chain(enums).collect(),
            services: services.map(|(service, index)| self.service(file, service, index)).collect(),
            uses: std::mem::take(&mut self.uses),
            descriptor_set: None,
        }
    }

    fn declare(&mut self, full_name: String, message: Option<Message>) {
        let (file, package) = (self.file.to_owned(), self.package.to_owned());
        self.types.insert(full_name, Type { file, package, message });
    }

    fn message(&mut self, message: &DescriptorProto, full_name: String, path: &[i32]) {
        for (field, index) in message.field.iter().zip(0..) {
            let location = self.source.location(&[path, &[number::FIELD, index]].concat());
            let user = format!("field `{}.{}`", &full_name[1..], field.name());
            for type_name in type_names(message, field, &full_name) {
                self.uses.push(TypeUse {
                    user: user.clone(),
                    type_name,
                    location: location.clone(),
                });
            }
        }
        for it in &message.enum_type {
            self.declare(format!("{full_name}.{}", it.name()), None);
        }
        for (nested, index) in message.nested_type.iter().zip(0..) {
            let name = format!("{full_name}.{}", nested.name());
            match is_map_entry(nested) {
                true => self.declare(name, None),
                false => self.message(nested, name, &[path, &[number::NESTED, index]].concat()),
            }
        }
        let fields = fields::message(message, &full_name, self.source.location(path));
        self.declare(full_name, Some(fields));
    }

    fn service(
        &mut self,
        file: &FileDescriptorProto,
        service: &ServiceDescriptorProto,
        index: i32,
    ) -> Service {
        let path = [number::SERVICE, index];
        let full_name = full_name(file, service.name())[1..].to_owned();
        let methods = service.method.iter().zip(0..).map(|(method, index)| {
            self.method(method, &full_name, &[&path[..], &[number::METHOD, index]].concat())
        });
        Service {
            methods: methods.collect(),
            name: service.name().to_owned(),
            docs: self.source.docs(&path),
            location: self.source.location(&path),
            full_name,
        }
    }

    fn method(&mut self, method: &MethodDescriptorProto, service: &str, path: &[i32]) -> Method {
        let location = self.source.location(path);
        for type_name in [method.input_type(), method.output_type()] {
            self.uses.push(TypeUse {
                user: format!("rpc `{service}.{}`", method.name()),
                type_name: type_name.to_owned(),
                location: location.clone(),
            });
        }
        let options = method.options.as_ref();
        Method {
            name: method.name().to_owned(),
            path: format!("/{service}/{}", method.name()),
            kind: Kind::new(method.client_streaming(), method.server_streaming()),
            input: method.input_type().to_owned(),
            output: method.output_type().to_owned(),
            idempotency: options.and_then(|options| match options.idempotency_level() {
                IdempotencyLevel::IdempotencyUnknown => None,
                IdempotencyLevel::NoSideEffects => Some(Idempotency::NoSideEffects),
                IdempotencyLevel::Idempotent => Some(Idempotency::Idempotent),
            }),
            deprecated: options.is_some_and(MethodOptions::deprecated),
            docs: self.source.docs(path),
            location,
        }
    }
}

/// The types that a field names: one or none, and for a map those of its entry.
fn type_names(
    message: &DescriptorProto,
    field: &FieldDescriptorProto,
    message_name: &str,
) -> Vec<String> {
    let Some(type_name) = &field.type_name else { return Vec::new() };
    match map_entry(message, field, message_name) {
        Some(entry) => entry.field.iter().filter_map(|field| field.type_name.clone()).collect(),
        None => vec![type_name.clone()],
    }
}

/// What stands for the entries of a map field, if the field is one.
pub(super) fn map_entry<'a>(
    message: &'a DescriptorProto,
    field: &FieldDescriptorProto,
    message_name: &str,
) -> Option<&'a DescriptorProto> {
    let type_name = field.type_name.as_ref()?;
    message.nested_type.iter().find(|nested| {
        is_map_entry(nested) && *type_name == format!("{message_name}.{}", nested.name())
    })
}

pub(super) fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(MessageOptions::map_entry)
}

/// prost-build makes a module for nested messages, enums and oneofs.
fn has_module(message: &DescriptorProto) -> bool {
    let has_oneof =
        message.field.iter().any(|field| field.oneof_index.is_some() && !field.proto3_optional());
    has_oneof
        || !message.enum_type.is_empty()
        || message.nested_type.iter().any(|nested| !is_map_entry(nested))
}

/// A file after everything that it imports, without comments and places.
fn encode_with_imports(
    file: &FileDescriptorProto,
    by_name: &HashMap<&str, &FileDescriptorProto>,
) -> Vec<u8> {
    let mut set = FileDescriptorSet::default();
    let mut seen = BTreeSet::new();
    // A file is pushed twice: to look at its imports first, and then to be taken.
    let mut stack = vec![(file, false)];
    while let Some((file, imports_are_done)) = stack.pop() {
        if imports_are_done {
            set.file.push(FileDescriptorProto { source_code_info: None, ..file.clone() });
        } else if seen.insert(file.name()) {
            stack.push((file, true));
            let imports = file.dependency.iter().rev();
            stack.extend(imports.filter_map(|name| Some((*by_name.get(name.as_str())?, false))));
        }
    }
    set.encode_to_vec()
}
