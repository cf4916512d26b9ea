//! The generator as a function of its input: no files, no environment, no clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, ScopedJoinHandle},
};

use crate::{
    check, depth, descriptor,
    descriptor::FileDescriptorSet,
    diagnostics::Problem,
    emit,
    emit::messages,
    error::Error,
    graph::Graph,
    model::{File, Model, Types},
    names::{self, layout},
    options::Options,
    secrets::Secrets,
};

/// What to generate from a set of descriptors.
pub(crate) struct Input<'a> {
    pub(crate) set: FileDescriptorSet,
    /// The names of the files to generate.
    pub(crate) wanted: BTreeSet<String>,
    pub(crate) options: &'a Options,
}

/// What came of it, besides files.
#[derive(Debug)]
pub(crate) struct Generated {
    /// The paths of the files of each proto package.
    pub(crate) packages: BTreeMap<String, Vec<String>>,
    pub(crate) warnings: Vec<String>,
}

/// Where files go to, in any order: a path relative to the output directory, and the content.
pub(crate) type Sink<'a> = &'a (dyn Fn(String, String) -> Result<(), Error> + Sync);

/// Runs all passes: lowering, checks, names, emission.
pub(crate) fn generate(input: Input<'_>, sink: Sink<'_>) -> Result<Generated, Error> {
    let Input { set, wanted, options } = input;
    options.check()?;
    let model = descriptor::lower(set, &wanted, options)?;
    let types = Types::new(&model);
    let of_checks = check::check(&model, &types, options)?;
    let names = names::assign(&model, &types, options);
    let graph = Graph::new(&model, &names.paths, options);
    let secrets = Secrets::new(&model, &names.paths);
    let cx = messages::Context {
        options,
        types: &types,
        names: &names,
        graph: &graph,
        secrets: &secrets,
    };

    let files = model.wanted().collect::<Vec<_>>();
    in_parallel(&files, |file| sink(layout::output_path(&file.name), source(file, &cx)))?;
    if !options.include_file.is_empty() {
        let paths = files.iter().map(|file| layout::output_path(&file.name)).collect::<Vec<_>>();
        let modules = files.iter().map(|file| names.package(file).modules());
        let tree = modules.zip(paths.iter().map(String::as_str));
        let tree = emit::tree(tree, &options.include_file);
        sink(options.include_file.clone(), tree)?;
    }
    let deep = depth::warning(&model, &graph, options);
    // What is imported is somebody else's to generate, and to be warned about.
    let warnings = of_checks.iter().chain(names.warnings.iter()).chain(&deep);
    let warnings = warnings.filter(|problem| problem.is_in(&wanted));
    let warnings = warnings.map(Problem::to_string).collect();
    Ok(Generated { packages: packages(&model), warnings })
}

/// One generated file: the header, messages, services.
fn source(file: &File, cx: &messages::Context) -> String {
    let header = emit::header(Some(&file.name), &cx.options.canonical());
    let comments = emit::file_comments(&file.comments);
    let messages = messages::messages(cx, file);
    let services = emit::services(file, cx);
    let parts = [header, comments, messages, services];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Works through files on all processors, until something goes wrong.
fn in_parallel(
    files: &[&File],
    work: impl Fn(&File) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work_through = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(file)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers = (1..processors.min(files.len())).map(|_| scope.spawn(work_through));
        let workers = workers.collect::<Vec<_>>();
        let own = work_through();
        let join = |worker: ScopedJoinHandle<_>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).fold(own, Result::and)
    })
}

fn packages(model: &Model) -> BTreeMap<String, Vec<String>> {
    let mut packages = BTreeMap::<_, Vec<_>>::new();
    for file in model.wanted() {
        packages.entry(file.package.clone()).or_default().push(layout::output_path(&file.name));
    }
    packages
}
