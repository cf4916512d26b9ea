//! `cargo scaffold sync`: implementations follow their contracts.
//!
//! What somebody has written is never printed, only inserted into, at places that the parser tells.

mod contracts;
pub(super) mod edit;
mod implementation;
pub(super) mod modules;
mod paths;
mod resolve;
mod signature;
pub(super) mod stub;

use std::{collections::BTreeMap, path::Path};

use clap::{Arg, ArgAction, ArgMatches, Command};

use self::{
    contracts::Contracts,
    edit::Edit,
    implementation::Subject,
    modules::{Implementation, ModuleId, Reader, Tree},
    paths::Scope,
    resolve::{Resolver, Target},
};
use super::{
    arguments::{self, Mode},
    files,
    outcome::{Change, Finding, Level, Outcome},
    package::{self, Package},
    protos::{self, Protos},
    source::Source,
};
use crate::error::Error;

/// What is done only if somebody asks for it.
#[derive(Clone, Copy, Debug, Default)]
struct SyncOptions {
    fix: bool,
    prune: bool,
    /// Whether sources will be as the edits make them.
    writes: bool,
}

pub(super) fn command() -> Command {
    let flag = |name, help| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("sync")
        .about("Add the methods that contracts have gained to their implementations")
        .long_about(
            "Add the methods that contracts have gained to their implementations.\n\n\
             Every `impl Contract for Type` of the package gets a stub for each method that it lacks, \
             in the contract's order, typed and documented; `grep -rn 'TODO(scaffold)'` finds what is \
             left to write. Methods whose types have changed, and those that contracts have no more, are \
             reported. All else stays as it is, byte for byte.\n\n\
             The protos are those of the build script, unless arguments or \
             [package.metadata.scaffold] name others.",
        )
        .args(protos::arguments())
        .arg(flag("fix", "Rename methods whose rpc is only spelled otherwise"))
        .arg(flag("prune", "Remove stubs that contracts have no more and nobody has touched"))
        .args(arguments::writing())
        .args(package::arguments())
}

pub(super) fn run(matches: &ArgMatches) -> Result<Outcome, Error> {
    let package = Package::find(matches)?;
    let mut contracts = Contracts::default();
    for protos in Protos::of_all_packages(matches, &package)? {
        contracts.add(&protos)?;
    }
    let mut reader = Reader::new(&contracts);
    let is_own = |root: &Path| package.targets.iter().any(|target| target.root == root);
    for (name, root) in package.libraries.iter().filter(|(_, root)| !is_own(root)) {
        reader.read_crate(root, Some(name.clone()));
    }
    let of_dependencies = reader.tree.modules.len();
    for target in &package.targets {
        reader.read_crate(&target.root, target.library.clone());
    }
    // A package may depend on itself, for its tests, and by another name.
    for (name, root) in package.libraries.iter().filter(|(_, root)| is_own(root)) {
        reader.read_crate(root, Some(name.clone()));
    }
    let options = SyncOptions {
        fix: matches.get_flag("fix"),
        prune: matches.get_flag("prune"),
        writes: Mode::new(matches).writes(),
    };
    Ok(sync(&contracts, reader.tree, (of_dependencies, options)))
}

/// How the sources should be, of all modules from one on.
fn sync(
    contracts: &Contracts,
    mut tree: Tree,
    (first, options): (ModuleId, SyncOptions),
) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.findings.append(&mut tree.findings);
    let resolver = Resolver::new(&tree, contracts);
    let mut edits = BTreeMap::<_, Vec<Edit>>::new();
    let own = tree.modules.iter().enumerate().skip(first);
    for (module, implementation) in own.flat_map(|(id, it)| it.impls.iter().map(move |it| (id, it)))
    {
        let source = &tree.sources[implementation.source];
        let Some(scope) = scope_of(implementation, module, &resolver) else {
            outcome.findings.extend(unresolved(implementation, module, &resolver));
            continue;
        };
        let plan = Subject { implementation, source, resolver: &resolver, scope, options }.plan();
        let of_file: &mut Vec<_> = edits.entry(source.path.clone()).or_default();
        for edit in plan.edits {
            // A file may be part of several crates, in which the same is done.
            if of_file.iter().all(|other| other.range != edit.range) {
                of_file.push(edit);
            }
        }
        outcome.findings.extend(plan.findings);
    }
    if options.writes {
        for place in outcome.findings.iter_mut().filter_map(|finding| finding.place.as_mut()) {
            let edits = edits.get(&place.path).map_or(&[][..], Vec::as_slice);
            let source = tree.sources.iter().find(|source| source.path == place.path);
            if let (Some(source), Some((line, _))) = (source, place.position.as_mut()) {
                *line = edit::line_after(&source.text, edits, *line);
            }
        }
    }
    outcome.findings.sort_by(|one, other| one.place.cmp(&other.place));
    outcome.findings.dedup();
    for (path, edits) in edits {
        let source = tree.sources.iter().find(|source| source.path == path);
        outcome
            .changes
            .extend(source.and_then(|source| change(source, edits, &mut outcome.findings)));
    }
    outcome
}

/// Where a contract is implemented, if it is one.
fn scope_of(
    implementation: &Implementation,
    module: ModuleId,
    resolver: &Resolver,
) -> Option<Scope> {
    let mut names = implementation.contract()?;
    let Some(Target::Contract(package, contract)) = resolver.resolve(module, &names) else {
        return None;
    };
    names.pop();
    let generics = &implementation.item.generics;
    let types = generics.type_params().map(|it| &it.ident);
    let names_of_generics = types.chain(generics.const_params().map(|it| &it.ident));
    let parameters = names_of_generics.map(|it| contracts::plain(&it.to_string())).collect();
    Some(Scope { module, package, contract, prefix: names, parameters })
}

/// A trait that is called like a contract, and comes from where nobody can look.
fn unresolved(
    implementation: &Implementation,
    module: ModuleId,
    resolver: &Resolver,
) -> Option<Finding> {
    let names = implementation.contract()?;
    let is_unknown = match resolver.resolve(module, &names) {
        None => names.len() > 1 || resolver.has_unknown_globs(module),
        Some(target) => matches!(target, Target::External(_)),
    };
    let name = names.last().filter(|_| is_unknown)?;
    resolver.contracts.all.iter().find(|contract| contract.name == *name)?;
    let message = format!("`{name}` may be a contract, but where it comes from cannot be seen");
    let source = &resolver.tree.sources[implementation.source];
    Some(
        Finding::new(Level::Warning, "unresolved", message)
            .at(source.place(implementation.item.impl_token.span))
            .help("import it by its name, from a package of this workspace"),
    )
}

/// A source with edits, if there are some, and if it can still be read then.
fn change(source: &Source, edits: Vec<Edit>, findings: &mut Vec<Finding>) -> Option<Change> {
    if edits.is_empty() {
        return None;
    }
    let text = edit::apply(&source.text, edits);
    let before = Some(source.text.clone().into_bytes());
    match Source::parse(&source.path, text) {
        (Source { path, text, .. }, Ok(_)) => {
            Some(Change { path, before, after: Some(text.into_bytes()) })
        }
        (after, Err(error)) => {
            let message = format!("the edits would break the file, which is left alone: {error}");
            let place = after.place(error.span());
            findings.push(Finding::new(Level::Error, "internal", message).at(place));
            None
        }
    }
}
