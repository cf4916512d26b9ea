//! Real API protos through the plugin and rustc, next to tonic-prost-build: see README.md.

mod compile;
mod corpus;
mod fetch;
mod files;
mod measure;
mod table;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use corpus::{CORPORA, Corpus};
use files::Input;
use measure::Generator;
use table::Row;

const USAGE: &str = "usage: corpora [--all] [--only NAME] [--no-compile] [--json FILE]";

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    // A generation is measured in a process of its own: this program again.
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["generate", generator, input @ ..] => measure::generate(generator, input).map(|()| true),
        _ => Settings::parse(arguments.into_iter()).and_then(|settings| run(&settings)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Settings {
    all: bool,
    only: Option<String>,
    no_compile: bool,
    json: Option<PathBuf>,
}

impl Settings {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value\n{USAGE}"));
            match word.as_str() {
                "--all" => settings.all = true,
                "--no-compile" => settings.no_compile = true,
                "--only" => settings.only = Some(value()?),
                "--json" => settings.json = Some(PathBuf::from(value()?)),
                other => return Err(format!("unknown option `{other}`\n{USAGE}")),
            }
        }
        Ok(settings)
    }

    fn asks(&self, corpus: &Corpus) -> Asked {
        match corpus.compiled && !self.no_compile {
            false => Asked::Nothing,
            true if corpus.small => Asked::Lints,
            true => Asked::Compiles,
        }
    }

    fn wants(&self, corpus: &Corpus) -> bool {
        match &self.only {
            Some(name) => corpus.name == name,
            None => self.all || corpus.small,
        }
    }
}

/// What is asked of what was generated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    Compiles,
    /// And clippy, which takes as long again, has nothing to say.
    Lints,
}

/// Whether ours generated and compiled everything.
fn run(settings: &Settings) -> Result<bool, String> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let target = target.unwrap_or(Path::new(".")).join("target/corpora");
    measure::build_plugin()?;
    let mut rows = Vec::new();
    table::header();
    for corpus in CORPORA.iter().filter(|corpus| settings.wants(corpus)) {
        let directory = target.join(corpus.name);
        fetch::fetch(corpus, &directory)?;
        let input = files::prepare(corpus, &directory)?;
        for generator in [Generator::Ours, Generator::Tonic] {
            let mut row = Row::new(corpus, &input, generator);
            look_at(&mut row, (generator, &input), &directory, settings.asks(corpus))?;
            println!("{row}");
            if !row.problem.is_empty() {
                println!("  {}", row.problem);
            }
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return Err(format!("there is no such corpus\n{USAGE}"));
    }
    if let Some(file) = &settings.json {
        table::write_json(file, &rows)?;
    }
    Ok(rows.iter().all(|row| !row.is_ours() || row.problem.is_empty()))
}

fn look_at(
    row: &mut Row,
    (generator, input): (Generator, &Input),
    directory: &Path,
    asked: Asked,
) -> Result<(), String> {
    let out = directory.join("out").join(generator.name());
    match measure::run(generator, input, &out) {
        Ok(measured) => row.generated(&measured, &out),
        Err(problem) => {
            row.problem = problem;
            return Ok(());
        }
    }
    if asked != Asked::Nothing {
        let linted = asked == Asked::Lints;
        row.compiled(&compile::check(generator, (directory, &out), linted)?);
    }
    Ok(())
}
