//! What makes a request impossible to generate, found before anything is named or emitted.

mod http;
mod template;

use std::collections::{BTreeMap, HashSet};

use crate::{
    diagnostics::{Location, NOT_OF_PROTOC, Problem, Problems},
    ident,
    model::{Enum, File, Message, Model, Type, Types, Value},
    names::{external::External, layout},
    options::Options,
};

/// Checks everything that later passes rely on, and returns warnings.
pub(crate) fn check(model: &Model, types: &Types, options: &Options) -> Result<Problems, Problems> {
    let external = External::new(options);
    let (declared, problems) = (HashSet::new(), Problems::default());
    let mut check = Check { options, types, external: &external, declared, problems };
    for file in &model.files {
        check.file(file);
    }
    check.outputs(model);
    // Without a server, the rules serve nobody, and the protos are often those of others.
    let warnings = match options.build_server {
        true => http::check(model, types, &mut check.problems),
        false => Problems::default(),
    };
    check.problems.stop()?;
    Ok(warnings)
}

struct Check<'a> {
    options: &'a Options,
    types: &'a Types<'a>,
    external: &'a External,
    /// The full names of the types so far.
    declared: HashSet<&'a str>,
    problems: Problems,
}

impl<'a> Check<'a> {
    fn file(&mut self, file: &'a File) {
        if file.wanted {
            self.output(file);
        }
        for part in file.package.split('.').filter(|_| !file.package.is_empty()) {
            self.name(&file.location, "package", part);
        }
        for message in &file.messages {
            self.message(file, message);
        }
        for it in &file.enums {
            self.enumeration(it);
        }
        for service in &file.services {
            self.name(&service.location, "service", &service.name);
            for method in &service.methods {
                self.name(&method.location, "rpc", &method.name);
                let user = || format!("rpc `{}.{}`", service.full_name, method.name);
                for type_name in [&method.input, &method.output] {
                    let value = UsedType { type_name, location: &method.location, is_enum: false };
                    self.type_use(file, user, &value);
                }
            }
        }
    }

    fn message(&mut self, file: &File, message: &'a Message) {
        self.declared(&message.location, "message", (&message.name, &message.full_name));
        for field in &message.fields {
            self.name(&field.location, "field", &field.name);
            let user = || format!("field `{}.{}`", &message.full_name[1..], field.name);
            for value in field.shape.values() {
                if let Some(type_name) = value.type_name() {
                    let is_enum = matches!(value, Value::Enum(_));
                    let used = UsedType { type_name, location: &field.location, is_enum };
                    self.type_use(file, user, &used);
                }
            }
        }
        for oneof in &message.oneofs {
            self.name(&oneof.location, "oneof", &oneof.name);
        }
        for nested in &message.messages {
            self.message(file, nested);
        }
        for it in &message.enums {
            self.enumeration(it);
        }
    }

    fn enumeration(&mut self, it: &'a Enum) {
        self.declared(&it.location, "enum", (&it.name, &it.full_name));
        for value in &it.values {
            self.name(&value.location, "enum value", &value.name);
        }
        if it.values.is_empty() {
            let name = &it.full_name[1..];
            let problem = Problem::at(&it.location).says(format!("enum `{name}` has no value"));
            self.problems.push(problem.help(NOT_OF_PROTOC));
        }
    }

    fn output(&mut self, file: &File) {
        let leaves = file.name.split('/').any(|part| matches!(part, "" | "." | ".."));
        if leaves || file.name.contains('\\') {
            self.problems.push(
                Problem::at(&Location::file(&file.name))
                    .says("the name of a proto file must be a path below an include directory")
                    .help("give its directory as an include directory"),
            );
        }
    }

    fn declared(&mut self, location: &Location, what: &str, (name, full_name): (&str, &'a str)) {
        self.name(location, what, name);
        if !self.declared.insert(full_name) {
            self.problems.push(
                Problem::at(location)
                    .says(format!("`{}` is declared twice", &full_name[1..]))
                    .help(NOT_OF_PROTOC),
            );
        }
    }

    fn name(&mut self, location: &Location, what: &str, name: &str) {
        if !ident::is_proto_identifier(name) {
            self.problems.push(
                Problem::at(location)
                    .says(format!("the {what} `{name}` is not a proto name"))
                    .help(NOT_OF_PROTOC),
            );
        }
    }

    fn type_use(&mut self, file: &File, user: impl Fn() -> String, used: &UsedType) {
        let UsedType { type_name, location, is_enum } = *used;
        let shown = type_name.trim_start_matches('.');
        let Some(declared) = self.types.get(type_name) else {
            self.problems.push(
                Problem::at(location)
                    .says(format!(
                        "{} uses `{shown}`, which no file of the request declares",
                        user()
                    ))
                    .help("hand over the file that declares it, too (`protoc --include_imports`)"),
            );
            return;
        };
        if matches!(declared.kind, Type::Enum(_)) != is_enum {
            let kind = if is_enum { "an enum" } else { "a message" };
            let problem = Problem::at(location);
            let what = format!("{} wants `{shown}` to be {kind}", user());
            self.problems.push(problem.says(what).help(NOT_OF_PROTOC));
        }
        if !self.options.include_file.is_empty() && file.wanted && !declared.file.wanted {
            self.not_generated(user, location, (shown, declared.file));
        }
    }

    /// Without a tree of modules, somebody else may generate what is not generated here.
    fn not_generated(
        &mut self,
        user: impl Fn() -> String,
        location: &Location,
        (shown, declared): (&str, &File),
    ) {
        if self.external.has(&format!(".{shown}")) {
            return;
        }
        let (from, package) = (&declared.name, &declared.package);
        let is_of_protobuf = from.starts_with("google/protobuf/");
        let help = match is_of_protobuf && !self.options.compile_well_known_types {
            true => format!("set `compile_well_known_types`, and generate {from} in the same run"),
            false => format!(
                "generate {from} in the same run (buf does with `strategy: all`), or say where its \
                 Rust is: `extern_path=.{package}=::some_crate`"
            ),
        };
        self.problems.push(
            Problem::at(location)
                .says(format!("{} uses `{shown}` of {from}, which is not generated", user()))
                .help(help),
        );
    }

    fn outputs(&mut self, model: &Model) {
        let mut outputs = BTreeMap::new();
        for file in model.wanted() {
            let output = layout::output_path(&file.name);
            if let Some(other) = outputs.insert(output.clone(), &file.name) {
                self.problems.push(
                    Problem::at(&Location::file(&file.name))
                        .says(format!("{other} is written to {output}, too"))
                        .help("rename one of the two files"),
                );
            }
        }
        let name = &self.options.include_file;
        if name.starts_with('/') || name.split('/').any(|part| part == "..") {
            self.problems.push(
                Problem::new(format!(
                    "option `include_file`: `{name}` leaves the output directory"
                ))
                .help("give a path in it, such as `include_file=mod.rs`"),
            );
        }
        if outputs.contains_key(name) {
            self.problems.push(
                Problem::new(format!("option `include_file`: a proto file is written to {name}"))
                    .help("give the file another name, such as `include_file=mod.rs`"),
            );
        }
    }
}

/// A type that a field or an rpc names.
struct UsedType<'a> {
    type_name: &'a str,
    location: &'a Location,
    is_enum: bool,
}
