//! The generator as a function of its input: no files, no environment, no clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    check, descriptor,
    descriptor::{Customize, FileDescriptorSet},
    diagnostics::Problem,
    emit,
    error::Error,
    format,
    model::{File, Model},
    names::{self, Names, layout},
    options::Options,
};

/// What to generate from a set of descriptors.
pub(crate) struct Input<'a> {
    pub(crate) set: FileDescriptorSet,
    /// The names of the files to generate.
    pub(crate) wanted: BTreeSet<String>,
    pub(crate) options: &'a Options,
    pub(crate) customize: Option<Customize>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Generated {
    /// Paths relative to the output directory and contents, sorted.
    pub(crate) files: Vec<(String, String)>,
    /// The paths of each proto package.
    pub(crate) packages: BTreeMap<String, Vec<String>>,
    pub(crate) warnings: Vec<String>,
}

/// Runs all passes: lowering, checks, names, messages and services, format.
pub(crate) fn generate(input: Input<'_>) -> Result<Generated, Error> {
    let Input { set, wanted, options, customize } = input;
    options.check()?;
    let model = descriptor::lower(&set, &wanted, options.file_descriptor_set);
    check::check(&model, options)?;
    let names = names::assign(&model, options)?;
    let messages = descriptor::messages(set, &wanted, options, customize)?;

    let mut files = Vec::new();
    for file in model.wanted() {
        let messages = messages.get(&file.name).map_or("", String::as_str);
        let content = source(file, messages, &names, options)?;
        files.push((layout::output_path(&file.name), content));
    }
    let packages = packages(&model);
    if !options.include_file.is_empty() {
        let tree = print(emit::tree(&packages, &options.include_file))?;
        let header = emit::header(None, &[]);
        files.push((options.include_file.clone(), format!("{header}\n{tree}")));
    }
    files.sort();
    let warnings = names.warnings.iter().map(Problem::to_string).collect();
    Ok(Generated { files, packages, warnings })
}

/// One generated file: the header, prost-build's messages, our services.
fn source(file: &File, messages: &str, names: &Names, options: &Options) -> Result<String, Error> {
    let header = emit::header(Some(&file.name), &options.canonical());
    let services = match names.of(file) {
        Some(names) => print(emit::file(file, names, options))?,
        None => String::new(),
    };
    let parts = [header.as_str(), messages, &services];
    Ok(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n"))
}

fn print(tokens: proc_macro2::TokenStream) -> Result<String, Error> {
    format::items(tokens).map_err(|error| {
        Error::from(
            Problem::new(format!("the generated services are not Rust: {error}"))
                .help("this is a mistake of the generator: please report it with the proto file"),
        )
    })
}

fn packages(model: &Model) -> BTreeMap<String, Vec<String>> {
    let mut packages = BTreeMap::<_, Vec<_>>::new();
    for file in model.wanted() {
        packages.entry(file.package.clone()).or_default().push(layout::output_path(&file.name));
    }
    packages
}
