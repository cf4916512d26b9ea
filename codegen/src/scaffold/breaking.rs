//! `cargo scaffold breaking`: what a change of protos breaks, and for whom.
//!
//! Types are compared by their full names, in whatever file they are.

mod accepted;
mod against;
mod compare;
mod enums;
mod messages;
mod rust;
mod services;
mod types;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    builder::{EnumValueParser, NonEmptyStringValueParser},
};

use self::{
    accepted::Accepted,
    against::Against,
    compare::{Break, Class, Comparison, Generated, Side},
};
use super::{
    outcome::{Finding, Level, Outcome, Place},
    package::{self, Package},
    protos::{self, Compiled, Protos},
};
use crate::{
    descriptor::{self, FileDescriptorSet},
    diagnostics::Location,
    emit::messages::Context,
    error::Error,
    graph::Graph,
    model::{Model, Types},
    names,
    options::Options,
    secrets::Secrets,
};

pub(super) fn command() -> Command {
    Command::new("breaking")
        .about("Report what breaks those who use the protos as they were")
        .long_about(
            "Report what breaks those who use the protos as they were.\n\n\
             Each break has one of these classes, and is reported in the first that it has:\n\n  \
             wire  messages that are written by one side are read wrongly by the other\n  \
             grpc  calls that fail, or are made in another way\n  \
             json  messages whose JSON the other side reads wrongly, or not at all\n  \
             rust  code that names what is generated, or implements a contract\n\n\
             The codes are the names of the rules of `buf breaking`, where it has one.",
        )
        .arg(
            Arg::new("against")
                .long("against")
                .value_name("REVISION|DIR|FILE")
                .required(true)
                // An empty path would be this package: a variable of the CI that is not set.
                .value_parser(NonEmptyStringValueParser::new())
                .help("The protos of then: a revision of git, a folder, or a descriptor set"),
        )
        .arg(
            Arg::new("class")
                .long("class")
                .value_name("CLASS")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .value_parser(EnumValueParser::<Class>::new())
                .help("Report breaks of this class, or these [default: all]"),
        )
        .args(protos::arguments())
        .args(package::arguments())
}

pub(super) fn run(matches: &ArgMatches) -> Result<Outcome, Error> {
    let package = Package::find(matches)?;
    let protos = Protos::of_package(matches, &package)?;
    let against = Against::find(matches, &package)?;
    let now = Snapshot::compile(&protos)?;
    let then = against.read(matches, &protos)?;
    let breaks = then.generated(|then| now.generated(|now| Comparison::new(then, now).breaks()));
    let classes = matches.get_many::<Class>("class").map(|it| it.copied().collect::<Vec<_>>());
    let is_chosen = |it: &&Break| classes.as_ref().is_none_or(|all| all.contains(&it.class));
    let accepted = package.settings.accepted.iter().map(Accepted::read);
    let accepted = accepted.collect::<Result<Vec<_>, _>>()?;
    let today = accepted::today();
    let reported = breaks.iter().filter(is_chosen).map(|it| {
        let place = match &it.place {
            Side::Then(location) => then.place(location),
            Side::Now(location) => now.place(location),
        };
        let message = format!("{}: {} ({})", it.class.name(), it.what, it.code);
        let finding = Finding::new(Level::Error, it.code, message).at(place).help(it.help);
        match accepted.iter().find(|accepted| accepted.covers(it)) {
            Some(accepted) => accepted.report(finding, &today),
            None => finding,
        }
    });
    let manifest = Place::file(package.root.join("Cargo.toml"));
    let unused = accepted.iter().filter(|accepted| !breaks.iter().any(|it| accepted.covers(it)));
    let unused = unused.map(|accepted| accepted.unused(manifest.clone()));
    Ok(Outcome { findings: reported.chain(unused).collect(), ..Outcome::default() })
}

/// The protos of one side.
struct Snapshot {
    model: Model,
    options: Options,
    /// Where the files are, by the names that protoc knows them by.
    sources: BTreeMap<String, PathBuf>,
}

impl Snapshot {
    fn compile(protos: &[Protos]) -> Result<Self, Error> {
        let mut whole = FileDescriptorSet::default();
        let (mut wanted, mut sources) = (BTreeSet::new(), BTreeMap::new());
        // A build script that compiles several times mostly says the same each time.
        let options = protos.first().map(|it| it.options.clone()).unwrap_or_default();
        for protos in protos {
            let Compiled { set, wanted: of_this, sources: from, .. } = protos.compile()?;
            descriptor::add(&mut whole, set);
            wanted.extend(of_this);
            sources.extend(from);
        }
        Self::new((whole, &wanted), sources, options)
    }

    fn new(
        (set, wanted): (FileDescriptorSet, &BTreeSet<String>),
        sources: BTreeMap<String, PathBuf>,
        options: Options,
    ) -> Result<Self, Error> {
        // No descriptors are embedded: nothing is generated.
        let lowered =
            descriptor::lower(set, wanted, &Options { build_server: false, ..Options::default() });
        Ok(Self { model: lowered?, options, sources })
    }

    /// Runs the passes of the generator up to the emission.
    fn generated<T>(&self, then: impl FnOnce(Generated) -> T) -> T {
        let Self { model, options, .. } = self;
        let types = Types::new(model);
        let names = names::assign(model, &types, options);
        let graph = Graph::new(model, &names.paths, options);
        let secrets = Secrets::new(model, &names.paths);
        let (types, names, graph, secrets) = (&types, &names, &graph, &secrets);
        then(Generated { model, cx: &Context { options, types, names, graph, secrets } })
    }

    fn place(&self, location: &Location) -> Place {
        let name = &*location.file;
        let path = self.sources.get(name).cloned().unwrap_or_else(|| PathBuf::from(name));
        Place { path, position: location.position }
    }
}
