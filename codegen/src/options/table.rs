//! The names of all options, what each takes and what it does: one table for the plugin's
//! parameter, `--help`, the header of generated files and error messages.

use super::{Mock, Options, Pair};
use crate::diagnostics::Problem;

/// A line of the table.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    takes: Takes,
    /// Whether the text of a generated file depends on it.
    in_header: bool,
}

/// What an option takes, and where it is kept.
enum Takes {
    Switch(fn(&mut Options) -> &mut bool),
    Mock,
    Text(fn(&mut Options) -> &mut String, &'static str),
    Path(fn(&mut Options) -> &mut Vec<String>),
    Pair(fn(&mut Options) -> &mut Vec<Pair>, &'static str),
    /// Only a build script has it; with protoc, do this instead.
    BuildScriptOnly(&'static str),
}

/// Every option, in the order in which headers and `--help` show them.
pub(crate) const TABLE: &[Entry] = &[
    Entry::new("build_server", Takes::Switch(|o| &mut o.build_server))
        .about("generate servers (default: true)"),
    Entry::new("build_client", Takes::Switch(|o| &mut o.build_client))
        .about("generate clients (default: true)"),
    Entry::new("default_stubs", Takes::Switch(|o| &mut o.default_stubs))
        .about("methods that are not written answer `Unimplemented`"),
    Entry::new("dyn_traits", Takes::Switch(|o| &mut o.dyn_traits))
        .about("generate `DynCalculator`, for `Arc<dyn DynCalculator>`"),
    Entry::new("decorators", Takes::Switch(|o| &mut o.decorators))
        .about("generate `CalculatorDecorator`, which overrides methods and forwards the others"),
    Entry::new("mock", Takes::Mock)
        .about("mocks are in tests and with a feature `mock`, always, or never (default: test)"),
    Entry::new("extern_path", Takes::Pair(|o| &mut o.extern_path, ".google.type=::google_types"))
        .about("take a package or type from elsewhere"),
    Entry::new("extern_traits", Takes::Pair(|o| &mut o.extern_traits, ".google.type=generated"))
        .about("which of `Copy + Eq + Hash` types from elsewhere have (default: none)"),
    Entry::new(
        "type_attribute",
        Takes::Pair(|o| &mut o.type_attribute, ".shop.Order=#[derive(Eq, Hash)]"),
    )
    .about("put an attribute on types"),
    Entry::new(
        "message_attribute",
        Takes::Pair(|o| &mut o.message_attribute, ".shop.Order=#[derive(Eq, Hash)]"),
    )
    .about("put an attribute on messages"),
    Entry::new("enum_attribute", Takes::Pair(|o| &mut o.enum_attribute, ".=#[non_exhaustive]"))
        .about("put an attribute on enums and oneofs"),
    Entry::new(
        "field_attribute",
        Takes::Pair(|o| &mut o.field_attribute, ".shop.Order.id=#[serde(skip)]"),
    )
    .about("put an attribute on fields"),
    Entry::new("bytes", Takes::Path(|o| &mut o.bytes)).about("make bytes fields `Bytes`"),
    Entry::new("btree_map", Takes::Path(|o| &mut o.btree_map)).about("make map fields `BTreeMap`"),
    Entry::new("boxed", Takes::Path(|o| &mut o.boxed)).about("put message fields into a `Box`"),
    Entry::new("skip_debug", Takes::Path(|o| &mut o.skip_debug))
        .about("leave out `Debug`, for one of your own"),
    Entry::new("disable_comments", Takes::Path(|o| &mut o.disable_comments))
        .about("leave out the comments of messages, enums and fields"),
    Entry::new("codec_path", Takes::Pair(|o| &mut o.codec_path, ".shop.Orders=crate::MyCodec"))
        .about("encode the messages of services or methods with a codec of your own"),
    Entry::new("enable_type_names", Takes::Switch(|o| &mut o.enable_type_names))
        .about("implement `prost::Name`, with which messages know their names"),
    Entry::new(
        "type_name_domain",
        Takes::Pair(|o| &mut o.type_name_domain, ".=type.googleapis.com"),
    )
    .about("what type URLs start with, with `enable_type_names`"),
    Entry::new("compile_well_known_types", Takes::Switch(|o| &mut o.compile_well_known_types))
        .about("generate google.protobuf.* too"),
    Entry::new("file_descriptor_set", Takes::Switch(|o| &mut o.file_descriptor_set))
        .about("embed the descriptors in a public constant"),
    Entry::new("runtime_path", Takes::Text(|o| &mut o.runtime_path, "::rust_scaffold"))
        .about("where the runtime is (default: ::rust_scaffold)"),
    Entry::new("include_file", Takes::Text(|o| &mut o.include_file, "mod.rs"))
        .about("write a file with the tree of modules")
        .not_in_header(),
    Entry::new("out_dir", Takes::BuildScriptOnly("say `--rust-scaffold_out=DIR`")),
    Entry::new("protoc", Takes::BuildScriptOnly("run the protoc of your choice")),
    Entry::new("protoc_arg", Takes::BuildScriptOnly("give the argument to protoc itself")),
    Entry::new("emit_rerun_if_changed", Takes::BuildScriptOnly("leave it out: it is for cargo")),
];

impl Entry {
    const fn new(name: &'static str, takes: Takes) -> Self {
        Self { name, about: "", takes, in_header: true }
    }

    const fn about(self, about: &'static str) -> Self {
        Self { name: self.name, about, takes: self.takes, in_header: self.in_header }
    }

    const fn not_in_header(self) -> Self {
        Self { name: self.name, about: self.about, takes: self.takes, in_header: false }
    }

    /// How it is written, for `--help`; options of build scripts alone have none.
    pub(crate) fn usage(&self) -> Option<String> {
        match self.takes {
            Takes::Switch(_) => Some(format!("{}[=true|false]", self.name)),
            Takes::Mock => Some(format!("{}=test|always|never", self.name)),
            Takes::Text(_, example) | Takes::Pair(_, example) => {
                Some(format!("{}={example}", self.name))
            }
            Takes::Path(_) => Some(format!("{}=.shop.Order", self.name)),
            Takes::BuildScriptOnly(_) => None,
        }
    }

    /// `name=value` for each value that is not the default.
    pub(super) fn canonical(&self, options: &mut Options) -> Vec<String> {
        if !self.in_header {
            return Vec::new();
        }
        let mut default = Options::default();
        let values = match self.takes {
            Takes::Switch(field) if *field(options) != *field(&mut default) => {
                vec![field(options).to_string()]
            }
            Takes::Mock if options.mock != default.mock => vec![options.mock.name().to_owned()],
            Takes::Text(field, _) if field(options) != field(&mut default) => {
                vec![field(options).clone()]
            }
            Takes::Path(field) => field(options).clone(),
            Takes::Pair(field, _) => {
                field(options).iter().map(|pair| format!("{}={}", pair.proto, pair.rust)).collect()
            }
            _ => Vec::new(),
        };
        values.into_iter().map(|value| format!("{}={value}", self.name)).collect()
    }
}

/// The names that the plugin takes.
fn known_names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|entry| entry.usage().is_some()).map(|entry| entry.name)
}

/// Sets the option called `name`.
pub(super) fn set(options: &mut Options, name: &str, value: Option<&str>) -> Result<(), Problem> {
    let Some(entry) = TABLE.iter().find(|entry| entry.name == name) else {
        return Err(unknown(name));
    };
    match entry.takes {
        Takes::Switch(field) => *field(options) = switch(entry.name, value)?,
        Takes::Mock => {
            let name = text(entry, value)?;
            let known = Mock::ALL.into_iter().find(|mock| mock.name() == name);
            options.mock = known.ok_or_else(|| wrong(entry, value))?;
        }
        Takes::Text(field, _) => *field(options) = text(entry, value)?.to_owned(),
        Takes::Path(field) => field(options).push(text(entry, value)?.to_owned()),
        Takes::Pair(field, _) => {
            let Some((proto, rust)) = text(entry, value)?.split_once('=') else {
                return Err(wrong(entry, value));
            };
            let (proto, rust) = (proto.trim().to_owned(), rust.trim().to_owned());
            field(options).push(Pair { proto, rust });
        }
        Takes::BuildScriptOnly(instead) => {
            return Err(Problem::new(format!("option `{name}` is for build scripts"))
                .help(format!("with protoc, {instead}")));
        }
    }
    Ok(())
}

fn switch(name: &str, value: Option<&str>) -> Result<bool, Problem> {
    match value.map(str::trim) {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => {
            Err(Problem::new(format!("option `{name}` takes `true` or `false`, not `{other}`")))
        }
    }
}

fn text<'a>(entry: &Entry, value: Option<&'a str>) -> Result<&'a str, Problem> {
    let text = value.map(str::trim).filter(|value| !value.is_empty());
    text.ok_or_else(|| wrong(entry, value))
}

fn wrong(entry: &Entry, value: Option<&str>) -> Problem {
    let usage = entry.usage().unwrap_or_default();
    let problem = match value.filter(|value| !value.is_empty()) {
        Some(value) => format!("option `{}` cannot be `{value}`", entry.name),
        None => format!("option `{}` needs a value", entry.name),
    };
    Problem::new(problem).help(format!("write it as in `{usage}`"))
}

fn unknown(name: &str) -> Problem {
    let known = known_names().collect::<Vec<_>>().join(", ");
    let nearest = TABLE.iter().map(|entry| entry.name).min_by_key(|known| distance(known, name));
    let help = match nearest.filter(|nearest| distance(nearest, name) <= 3) {
        Some(nearest) => format!("did you mean `{nearest}`? The options are {known}"),
        None => format!("the options are {known}"),
    };
    Problem::new(format!("unknown option `{name}`")).help(help)
}

/// How many letters have to be put in, taken out or changed to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to = to.chars().collect::<Vec<_>>();
    let mut row = (0..=to.len()).collect::<Vec<_>>();
    for (index, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for column in 0..to.len() {
            let changed = diagonal + usize::from(letter != to[column]);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
