//! What makes a request impossible to generate, found before anything is named or emitted.

use std::collections::BTreeMap;

use crate::{
    diagnostics::{Location, Problem, Problems},
    model::{File, Model, TypeUse},
    names::{ident, layout, paths::Paths},
    options::Options,
};

/// Checks everything that later passes rely on.
pub(crate) fn check(model: &Model, options: &Options) -> Result<(), Problems> {
    let mut problems = Problems::default();
    let paths = Paths::new(options);
    let check = Check { model, options, paths: &paths };
    for file in model.wanted() {
        check.edition(file, &mut problems);
        check.output(file, &mut problems);
        check.names(file, &mut problems);
    }
    for file in &model.files {
        for used in &file.uses {
            check.type_use(file, used, &mut problems);
        }
    }
    check.outputs_are_distinct(&mut problems);
    problems.stop()
}

struct Check<'a> {
    model: &'a Model,
    options: &'a Options,
    paths: &'a Paths,
}

impl Check<'_> {
    fn edition(&self, file: &File, problems: &mut Problems) {
        if let Some(location) = &file.edition {
            problems.push(
                Problem::at(location)
                    .says("`edition = \"…\"` is not supported yet")
                    .help("write `syntax = \"proto3\";` or `syntax = \"proto2\";`"),
            );
        }
    }

    fn output(&self, file: &File, problems: &mut Problems) {
        let leaves = file.name.split('/').any(|part| matches!(part, "" | "." | ".."));
        if leaves || file.name.contains('\\') {
            problems.push(
                Problem::at(&Location::file(&file.name))
                    .says("the name of a proto file must be a path below an include directory")
                    .help("give its directory as an include directory"),
            );
        }
    }

    fn names(&self, file: &File, problems: &mut Problems) {
        let mut check = |location: &Location, what: &str, name: &str| {
            if !ident::is_proto_identifier(name) {
                problems.push(
                    Problem::at(location).says(format!("the {what} `{name}` is not a proto name")),
                );
            }
        };
        for part in file.package.split('.').filter(|_| !file.package.is_empty()) {
            check(&Location::file(&file.name), "package", part);
        }
        for service in &file.services {
            check(&service.location, "service", &service.name);
            for method in &service.methods {
                check(&method.location, "rpc", &method.name);
            }
        }
    }

    fn type_use(&self, file: &File, used: &TypeUse, problems: &mut Problems) {
        let TypeUse { user, type_name, location } = used;
        let shown = type_name.trim_start_matches('.');
        let Some(declared) = self.model.types.get(type_name) else {
            problems.push(
                Problem::at(location)
                    .says(format!("{user} uses `{shown}`, which no file of the request declares"))
                    .help("hand over the file that declares it, too (`protoc --include_imports`)"),
            );
            return;
        };
        let is_generated = self.is_wanted(&declared.file);
        let has_tree = !self.options.include_file.is_empty();
        if has_tree && file.wanted && !is_generated && self.paths.external(type_name).is_none() {
            let from = &declared.file;
            let package = type_name.rsplit_once('.').map_or("", |(package, _)| package);
            problems.push(
                Problem::at(location)
                    .says(format!("{user} uses `{shown}` of {from}, which is not generated"))
                    .help(format!(
                        "generate {from} too, or say where its Rust is: \
                         `extern_path={package}=::some_crate`"
                    )),
            );
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        let found = self.model.files.binary_search_by(|file| file.name.as_str().cmp(name));
        found.is_ok_and(|index| self.model.files[index].wanted)
    }

    fn outputs_are_distinct(&self, problems: &mut Problems) {
        let mut outputs = BTreeMap::new();
        for file in self.model.wanted() {
            let output = layout::output_path(&file.name);
            if let Some(other) = outputs.insert(output.clone(), &file.name) {
                problems.push(
                    Problem::at(&Location::file(&file.name))
                        .says(format!("{other} is written to {output}, too"))
                        .help("rename one of the two files"),
                );
            }
        }
        self.include_file(&outputs, problems);
    }

    fn include_file(&self, outputs: &BTreeMap<String, &String>, problems: &mut Problems) {
        let name = &self.options.include_file;
        if name.starts_with('/') || name.split('/').any(|part| part == "..") {
            problems.push(
                Problem::new(format!(
                    "option `include_file`: `{name}` leaves the output directory"
                ))
                .help("give a path in it, such as `include_file=mod.rs`"),
            );
        }
        if outputs.contains_key(name) {
            problems.push(
                Problem::new(format!("option `include_file`: a proto file is written to {name}"))
                    .help("give the file another name, such as `include_file=mod.rs`"),
            );
        }
    }
}
