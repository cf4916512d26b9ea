//! Everything that can be asked of the generator, the same for the plugin and the builder.

mod derives;
mod extern_traits;
mod parameter;
mod table;

pub(crate) use self::{derives::Derived, extern_traits::ExternTraits, table::TABLE};

use crate::{
    diagnostics::{Problem, Problems},
    ident,
};

/// What to generate, and how. [`Builder`](crate::Builder) documents each option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) build_server: bool,
    pub(crate) build_client: bool,
    pub(crate) default_stubs: bool,
    pub(crate) dyn_traits: bool,
    pub(crate) decorators: bool,
    pub(crate) mock: Mock,
    pub(crate) extern_path: Vec<Pair>,
    pub(crate) extern_traits: Vec<Pair>,
    pub(crate) type_attribute: Vec<Pair>,
    pub(crate) message_attribute: Vec<Pair>,
    pub(crate) enum_attribute: Vec<Pair>,
    pub(crate) field_attribute: Vec<Pair>,
    pub(crate) bytes: Vec<String>,
    pub(crate) btree_map: Vec<String>,
    pub(crate) boxed: Vec<String>,
    pub(crate) skip_debug: Vec<String>,
    pub(crate) disable_comments: Vec<String>,
    pub(crate) codec_path: Vec<Pair>,
    pub(crate) enable_type_names: bool,
    pub(crate) type_name_domain: Vec<Pair>,
    pub(crate) compile_well_known_types: bool,
    pub(crate) file_descriptor_set: bool,
    pub(crate) include_file: String,
    pub(crate) runtime_path: String,
}

/// When mocks are in a build. Wherever they are, the runtime has to have its feature `mock`, which
/// a development dependency gives it for tests alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mock {
    /// In tests of the crate itself, and with a feature `mock` of the crate.
    #[default]
    Test,
    /// Whenever the runtime has its feature: also in integration tests and examples.
    Always,
    /// Never: none are generated.
    Never,
}

impl Mock {
    const ALL: [Self; 3] = [Self::Test, Self::Always, Self::Never];

    /// As the plugin's parameter spells it.
    fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// A proto path and what it maps to: a Rust path or an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) proto: String,
    pub(crate) rust: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            build_server: true,
            build_client: true,
            default_stubs: false,
            dyn_traits: false,
            decorators: false,
            mock: Mock::default(),
            extern_path: Vec::new(),
            extern_traits: Vec::new(),
            type_attribute: Vec::new(),
            message_attribute: Vec::new(),
            enum_attribute: Vec::new(),
            field_attribute: Vec::new(),
            bytes: Vec::new(),
            btree_map: Vec::new(),
            boxed: Vec::new(),
            skip_debug: Vec::new(),
            disable_comments: Vec::new(),
            codec_path: Vec::new(),
            enable_type_names: false,
            type_name_domain: Vec::new(),
            compile_well_known_types: false,
            file_descriptor_set: false,
            include_file: String::new(),
            runtime_path: "::rust_scaffold".to_owned(),
        }
    }
}

impl Options {
    /// Reads the parameter that protoc hands to a plugin, such as
    /// `build_server=false,extern_path=.google.type=::google_types`.
    pub(crate) fn parse(parameter: &str) -> Result<Self, Problems> {
        let mut options = Self::default();
        options.add(parameter).map(|()| options)
    }

    /// Reads a parameter in addition to what is set.
    pub(crate) fn add(&mut self, parameter: &str) -> Result<(), Problems> {
        let mut problems = Problems::default();
        for part in parameter::split(parameter)? {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value)),
                None => (part.trim(), None),
            };
            if let Err(problem) = table::set(self, name, value) {
                problems.push(problem);
            }
        }
        problems.stop()
    }

    /// Sets the option of this name, as the plugin's parameter does.
    #[cfg(feature = "cli")]
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), Problem> {
        table::set(self, name, value)
    }

    /// What is set away from its default and changes the text of generated files, in one spelling.
    pub(crate) fn canonical(&self) -> Vec<String> {
        let mut options = self.clone();
        TABLE.iter().flat_map(|entry| entry.canonical(&mut options)).collect()
    }

    /// The path of the codec of a method, if it is not to be prost's: the last one that is set for the
    /// service or the method.
    pub(crate) fn codec(&self, service: &str, method: &str) -> Option<&str> {
        let service = format!(".{service}");
        let method = format!("{service}.{method}");
        let is_for = |pair: &&Pair| matches(&pair.proto, &service) || matches(&pair.proto, &method);
        self.codec_path.iter().rfind(is_for).map(|pair| pair.rust.as_str())
    }

    /// Finds values that no Rust could come of.
    pub(crate) fn check(&self) -> Result<(), Problems> {
        let mut problems = Problems::default();
        for Pair { proto, rust } in &self.extern_path {
            check_extern_path(proto, rust, &mut problems);
        }
        for (index, Pair { proto, .. }) in self.extern_path.iter().enumerate() {
            if self.extern_path[..index].iter().any(|earlier| earlier.proto == *proto) {
                problems.push(Problem::new(format!("option `extern_path` maps `{proto}` twice")));
            }
        }
        for Pair { rust, .. } in &self.extern_traits {
            if let Some(problem) = ExternTraits::check(rust) {
                problems.push(problem);
            }
        }
        for (name, pairs) in [
            ("type_attribute", &self.type_attribute),
            ("message_attribute", &self.message_attribute),
            ("enum_attribute", &self.enum_attribute),
            ("field_attribute", &self.field_attribute),
        ] {
            for Pair { rust, .. } in pairs.iter().filter(|pair| !is_attributes(&pair.rust)) {
                problems.push(
                    Problem::new(format!("option `{name}`: `{rust}` is not a Rust attribute"))
                        .help(format!("write it as in `{name}=.shop.Order=#[derive(Eq, Hash)]`")),
                );
            }
        }
        for Pair { rust, .. } in &self.codec_path {
            if syn::parse_str::<syn::TypePath>(rust).is_err() {
                problems.push(
                    Problem::new(format!("option `codec_path`: `{rust}` is not a Rust path"))
                        .help("write it as in `codec_path=.shop.Orders=crate::MyCodec`"),
                );
            }
        }
        if syn::parse_str::<syn::Path>(&self.runtime_path).is_err() {
            let path = &self.runtime_path;
            problems.push(
                Problem::new(format!("option `runtime_path`: `{path}` is not a Rust path"))
                    .help("write it as in `runtime_path=::rust_scaffold`"),
            );
        }
        problems.stop()
    }
}

/// Whether a path of an option is for what has this full name: `.` is for everything, others are a
/// full name, the start of one, or the end of one.
pub(crate) fn matches(path: &str, full_name: &str) -> bool {
    let starts = full_name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    let ends = full_name.strip_suffix(path).is_some_and(|rest| rest.ends_with('.'));
    path == "." || path == full_name || starts || ends
}

/// What an option says about what has this full name.
pub(crate) fn values_for<'a>(
    pairs: &'a [Pair],
    full_name: &'a str,
) -> impl Iterator<Item = &'a str> {
    let said = pairs.iter().filter(|pair| matches(&pair.proto, full_name));
    said.map(|pair| pair.rust.as_str())
}

fn check_extern_path(proto: &str, rust: &str, problems: &mut Problems) {
    let example = "write it as in `extern_path=.google.type=::google_types`";
    let segments = proto.strip_prefix('.').map(|path| path.split('.'));
    if !segments.is_some_and(|mut segments| segments.all(ident::is_proto_identifier)) {
        problems.push(
            Problem::new(format!(
                "option `extern_path`: `{proto}` is not a full proto name with a leading dot"
            ))
            .help(example),
        );
    }
    if syn::parse_str::<syn::Type>(rust).is_err() {
        problems.push(
            Problem::new(format!("option `extern_path`: `{rust}` is not a Rust path"))
                .help(example),
        );
    }
}

fn is_attributes(text: &str) -> bool {
    let parsed = syn::parse::Parser::parse_str(syn::Attribute::parse_outer, text);
    parsed.is_ok_and(|attributes| !attributes.is_empty())
}

#[cfg(test)]
mod tests;
