//! The generator as a function of its input: no files, no environment, no clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread::{self, ScopedJoinHandle},
};

use crate::{
    check, descriptor,
    descriptor::FileDescriptorSet,
    diagnostics::Problem,
    emit,
    emit::messages,
    error::Error,
    graph::Graph,
    model::{File, Model, Types},
    names::{self, layout},
    options::Options,
};

/// What to generate from a set of descriptors.
pub(crate) struct Input<'a> {
    pub(crate) set: FileDescriptorSet,
    /// The names of the files to generate.
    pub(crate) wanted: BTreeSet<String>,
    pub(crate) options: &'a Options,
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

/// Runs all passes: lowering, checks, names, emission.
pub(crate) fn generate(input: Input<'_>) -> Result<Generated, Error> {
    let Input { set, wanted, options } = input;
    options.check()?;
    let model = descriptor::lower(&set, &wanted, options.file_descriptor_set)?;
    // Of a large API, the descriptors are larger than what they are lowered to.
    drop(set);
    let types = Types::new(&model);
    check::check(&model, &types, options)?;
    let names = names::assign(&model, &types, options);
    let graph = Graph::new(&model, options);
    let cx = messages::Context { options, types: &types, names: &names, graph: &graph };

    let mut files = in_parallel(&model.wanted().collect::<Vec<_>>(), |file| source(file, &cx));
    if !options.include_file.is_empty() {
        let paths = model.wanted().map(|file| layout::output_path(&file.name));
        let paths = paths.collect::<Vec<_>>();
        let modules = model.wanted().map(|file| names.package(file).modules());
        let tree = modules.zip(paths.iter().map(String::as_str));
        let tree = emit::tree(tree, &options.include_file);
        let header = emit::header(None, &[]);
        files.push((options.include_file.clone(), format!("{header}\n{tree}")));
    }
    files.sort();
    let warnings = names.warnings.iter().map(Problem::to_string).collect();
    Ok(Generated { files, packages: packages(&model), warnings })
}

/// One generated file, and its path: the header, messages, services.
fn source(file: &File, cx: &messages::Context) -> (String, String) {
    let header = emit::header(Some(&file.name), &cx.options.canonical());
    let comments = emit::file_comments(&file.comments);
    let messages = messages::messages(cx, file);
    let services = emit::services(file, cx.names.of(file), cx.options);
    let parts = [header, comments, messages, services];
    let parts = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    (layout::output_path(&file.name), parts.join("\n"))
}

/// Emits files on all processors; the outcome is in the order of the files.
fn in_parallel<T: Send>(files: &[&File], emit: impl Fn(&File) -> T + Sync) -> Vec<T> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let share = files.len().div_ceil(processors).max(1);
    thread::scope(|scope| {
        let emit = &emit;
        let workers = files.chunks(share).map(|files| {
            scope.spawn(move || files.iter().map(|file| emit(file)).collect::<Vec<_>>())
        });
        let workers = workers.collect::<Vec<_>>();
        let join = |worker: ScopedJoinHandle<_>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    })
}

fn packages(model: &Model) -> BTreeMap<String, Vec<String>> {
    let mut packages = BTreeMap::<_, Vec<_>>::new();
    for file in model.wanted() {
        packages.entry(file.package.clone()).or_default().push(layout::output_path(&file.name));
    }
    packages
}
