//! `cargo scaffold breaking`: what a change of protos breaks, and for whom.
//!
//! Types are compared by their full names, in whatever file they are.

mod against;
mod compare;
mod enums;
mod messages;
mod services;
mod types;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use clap::{Arg, ArgAction, ArgMatches, Command, builder::EnumValueParser};

use self::{
    against::Against,
    compare::{Class, Comparison, Side},
};
use super::{
    outcome::{Finding, Level, Outcome, Place},
    package::{self, Package},
    protos::{self, Compiled, Protos},
};
use crate::{
    descriptor::{self, FileDescriptorSet},
    diagnostics::Location,
    error::Error,
    model::Model,
    options::Options,
};

pub(super) fn command() -> Command {
    Command::new("breaking")
        .about("Report what breaks those who use the protos as they were")
        .long_about(
            "Report what breaks those who use the protos as they were.\n\n\
             Each break has one of these classes, and is reported in the first that it has:\n\n  \
             wire  messages that are written by one side are read wrongly by the other\n  \
             grpc  calls that fail, or are made in another way\n  \
             json  messages whose JSON the other side reads wrongly, or not at all\n\n\
             The codes are the names of the rules of `buf breaking`, where it has one.",
        )
        .arg(
            Arg::new("against")
                .long("against")
                .value_name("REVISION|DIR|FILE")
                .required(true)
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
    let classes = matches.get_many::<Class>("class").map(|it| it.copied().collect::<Vec<_>>());
    let mut breaks = Comparison::new(&then.model, &now.model).breaks();
    breaks.retain(|it| classes.as_ref().is_none_or(|classes| classes.contains(&it.class)));
    let findings = breaks.into_iter().map(|it| {
        let place = match &it.place {
            Side::Then(location) => then.place(location),
            Side::Now(location) => now.place(location),
        };
        let message = format!("{}: {}", it.class.name(), it.what);
        Finding::new(Level::Error, it.code, message).at(place).help(it.help)
    });
    Ok(Outcome { findings: findings.collect(), ..Outcome::default() })
}

/// The protos of one side.
struct Snapshot {
    model: Model,
    /// Where the files are, by the names that protoc knows them by.
    sources: BTreeMap<String, PathBuf>,
}

impl Snapshot {
    fn compile(protos: &[Protos]) -> Result<Self, Error> {
        let mut whole = FileDescriptorSet::default();
        let (mut wanted, mut sources) = (BTreeSet::new(), BTreeMap::new());
        for protos in protos {
            let Compiled { set, wanted: of_this, sources: from, .. } = protos.compile()?;
            descriptor::add(&mut whole, set);
            wanted.extend(of_this);
            sources.extend(from);
        }
        Self::new(whole, &wanted, sources)
    }

    fn new(
        set: FileDescriptorSet,
        wanted: &BTreeSet<String>,
        sources: BTreeMap<String, PathBuf>,
    ) -> Result<Self, Error> {
        // No descriptors are embedded, as there are no servers.
        let options = Options { build_server: false, ..Options::default() };
        Ok(Self { model: descriptor::lower(set, wanted, &options)?, sources })
    }

    fn place(&self, location: &Location) -> Place {
        let name = &*location.file;
        let path = self.sources.get(name).cloned().unwrap_or_else(|| PathBuf::from(name));
        Place { path, position: location.position }
    }
}
