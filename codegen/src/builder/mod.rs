//! The generator in a build script: runs protoc, writes files, talks to cargo.

mod cargo;
mod files;
mod hints;
mod proto_path;
mod protoc;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::BTreeSet,
    env, fmt,
    path::{Path, PathBuf},
};

#[cfg(feature = "cli")]
pub(crate) use self::proto_path::ProtoPath;
pub(crate) use self::protoc::Protoc;
use crate::{
    descriptor::{self, FileDescriptorSet},
    diagnostics::Problem,
    error::Error,
    generate::{Input, generate},
    options::{Mock, Options, Pair},
};

/// Generates one proto file and what it imports into `OUT_DIR`.
///
/// Imports are looked for in the directory of the file; use [`configure`] for other directories
/// and for options.
///
/// # Errors
/// Whatever is wrong with the file, in protoc's words or ours; a protoc that cannot be run; a
/// directory that cannot be written.
pub fn compile_protos(proto: impl AsRef<Path>) -> Result<(), Error> {
    let proto = proto.as_ref();
    let include = match proto.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    configure().compile_protos(&[proto], &[include])
}

/// A [`Builder`] with all options at their defaults.
pub fn configure() -> Builder {
    Builder {
        options: Options::default(),
        out_dir: None,
        protoc: Protoc::default(),
        emit_rerun_if_changed: env::var_os("CARGO").is_some(),
    }
}

/// What to generate, how, and where to. Made by [`configure`].
///
/// ```no_run
/// fn main() -> Result<(), rust_scaffold_build::Error> {
///     rust_scaffold_build::configure()
///         .build_server(false)
///         .type_attribute(".shop.Order", "#[derive(Eq, Hash)]")
///         .compile_protos(&["proto/shop/order.proto"], &["proto"])
/// }
/// ```
#[must_use = "nothing is generated before `compile_protos` or `compile_fds`"]
pub struct Builder {
    options: Options,
    out_dir: Option<PathBuf>,
    protoc: Protoc,
    emit_rerun_if_changed: bool,
}

impl Builder {
    /// Generates servers (default: true).
    pub fn build_server(mut self, enable: bool) -> Self {
        self.options.build_server = enable;
        self
    }

    /// Generates clients (default: true).
    pub fn build_client(mut self, enable: bool) -> Self {
        self.options.build_client = enable;
        self
    }

    /// Gives every method of the trait a body that answers `Unimplemented`, so that a new rpc
    /// breaks no implementation (default: false, a new rpc is a compile error).
    pub fn default_stubs(mut self, enable: bool) -> Self {
        self.options.default_stubs = enable;
        self
    }

    /// Generates a dyn-compatible form of each contract, for implementations that are chosen at run
    /// time: an `Arc<dyn DynCalculator>` holds any `Calculator`, and implements it, too (default:
    /// false).
    pub fn dyn_traits(mut self, enable: bool) -> Self {
        self.options.dyn_traits = enable;
        self
    }

    /// Generates what decorators of each contract are written with (default: false). A
    /// `CalculatorDecorator` overrides some methods of a `Calculator`, and forwards the others;
    /// `DecoratedCalculator { decorator, inner }` is a `Calculator` with a decorator around it.
    pub fn decorators(mut self, enable: bool) -> Self {
        self.options.decorators = enable;
        self
    }

    /// When mocks are in a build (default: [`Mock::Test`]).
    pub fn mock(mut self, mock: Mock) -> Self {
        self.options.mock = mock;
        self
    }

    /// Writes files to a directory of your choice, which is made if need be (default: `OUT_DIR`).
    ///
    /// [`include_file`](Self::include_file) adds a tree of modules for them.
    pub fn out_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(directory.into());
        self
    }

    /// Takes a package, or one type, from elsewhere instead of generating it:
    /// `.extern_path(".google.type", "::google_types")`. The longest match wins.
    ///
    /// Paths stay as they are written; those with `super::` and `self::` are seen from the module
    /// of the package. A package's modules and types are below its path, as this crate names them.
    /// Of messages from elsewhere nothing is assumed but what a field of a message needs:
    /// `prost::Message`, `Default`, `Clone` and `PartialEq`. So what holds one is not `Copy`, `Eq`
    /// or `Hash`, unless [`extern_traits`](Self::extern_traits) says that it can be.
    ///
    /// What the proto marks with `debug_redact` in such a message is hidden here as well: a type
    /// that implements [`Redact`], as generated ones do, takes its secrets out itself; of any other
    /// nothing is shown and nothing is on tapes.
    ///
    /// [`Redact`]: https://docs.rs/rust-scaffold/latest/rust_scaffold/trait.Redact.html
    pub fn extern_path(mut self, proto: impl Into<String>, rust: impl Into<String>) -> Self {
        self.options.extern_path.push(Pair { proto: proto.into(), rust: rust.into() });
        self
    }

    /// Says which of `Copy`, `Eq` and `Hash` the messages of
    /// [`extern_path`](Self::extern_path) have, so that what holds them can have them, too
    /// (default: none). `"Eq + Hash"` names traits; `"generated"` is for types that are generated
    /// from the same protos, by this crate or by prost-build, and have what their fields allow.
    /// Paths as in [`type_attribute`](Self::type_attribute); the last that matches wins.
    pub fn extern_traits(mut self, path: impl Into<String>, traits: impl Into<String>) -> Self {
        self.options.extern_traits.push(Pair { proto: path.into(), rust: traits.into() });
        self
    }

    /// Puts an attribute on messages, enums and oneofs; what it derives and a type has already is
    /// not derived twice. `path` is a full name (`.shop.Order`), the
    /// end of one (`Order`), the start of one (`.shop`) or `.` for all.
    pub fn type_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.type_attribute.push(Pair { proto: path.into(), rust: attribute.into() });
        self
    }

    /// Puts an attribute on messages; paths as in [`type_attribute`](Self::type_attribute).
    pub fn message_attribute(
        mut self,
        path: impl Into<String>,
        attribute: impl Into<String>,
    ) -> Self {
        self.options.message_attribute.push(Pair { proto: path.into(), rust: attribute.into() });
        self
    }

    /// Puts an attribute on enums and oneofs; paths as in [`type_attribute`](Self::type_attribute).
    pub fn enum_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.enum_attribute.push(Pair { proto: path.into(), rust: attribute.into() });
        self
    }

    /// Puts an attribute on fields, oneof variants and enum values; paths as in
    /// [`type_attribute`](Self::type_attribute).
    pub fn field_attribute(
        mut self,
        path: impl Into<String>,
        attribute: impl Into<String>,
    ) -> Self {
        self.options.field_attribute.push(Pair { proto: path.into(), rust: attribute.into() });
        self
    }

    /// Makes `bytes` fields `Bytes`, which are not copied out of the request, instead of
    /// `Vec<u8>`; paths as in [`type_attribute`](Self::type_attribute).
    pub fn bytes(mut self, path: impl Into<String>) -> Self {
        self.options.bytes.push(path.into());
        self
    }

    /// Makes `map` fields `BTreeMap` instead of `HashMap`; paths as in
    /// [`type_attribute`](Self::type_attribute).
    pub fn btree_map(mut self, path: impl Into<String>) -> Self {
        self.options.btree_map.push(path.into());
        self
    }

    /// Puts message fields into a `Box`; paths as in [`type_attribute`](Self::type_attribute).
    pub fn boxed(mut self, path: impl Into<String>) -> Self {
        self.options.boxed.push(path.into());
        self
    }

    /// Leaves out `Debug`, for an implementation of your own; paths as in
    /// [`type_attribute`](Self::type_attribute).
    pub fn skip_debug(mut self, path: impl Into<String>) -> Self {
        self.options.skip_debug.push(path.into());
        self
    }

    /// Leaves out the comments of messages, enums and their parts; paths as in
    /// [`type_attribute`](Self::type_attribute).
    pub fn disable_comments(mut self, path: impl Into<String>) -> Self {
        self.options.disable_comments.push(path.into());
        self
    }

    /// Encodes and decodes the messages of services or methods with a [`Codec`] of your own (default: prost's):
    /// `.codec_path(".shop.Orders", "crate::MyCodec")`. Servers, clients and mocks use it; messages are generated
    /// as for prost.
    ///
    /// Paths as in [`type_attribute`](Self::type_attribute), to services and to methods (`.shop.Orders.Place`);
    /// the last that matches wins, and `::rust_scaffold::ProstCodec` is the default. Rust paths as in
    /// [`extern_path`](Self::extern_path).
    ///
    /// [`Codec`]: https://docs.rs/rust-scaffold/latest/rust_scaffold/trait.Codec.html
    pub fn codec_path(mut self, path: impl Into<String>, codec: impl Into<String>) -> Self {
        self.options.codec_path.push(Pair { proto: path.into(), rust: codec.into() });
        self
    }

    /// Implements `prost::Name` for messages, so that they know their full names and can be packed
    /// into an `Any` (default: false).
    pub fn enable_type_names(mut self, enable: bool) -> Self {
        self.options.enable_type_names = enable;
        self
    }

    /// What the type URLs of [`enable_type_names`](Self::enable_type_names) start with, such as
    /// `type.googleapis.com` (default: nothing, a URL is `/shop.Order`); paths as in
    /// [`type_attribute`](Self::type_attribute).
    pub fn type_name_domain(mut self, path: impl Into<String>, domain: impl Into<String>) -> Self {
        self.options.type_name_domain.push(Pair { proto: path.into(), rust: domain.into() });
        self
    }

    /// Generates `google.protobuf.*` like other packages, instead of taking the types of the
    /// runtime (default: false).
    pub fn compile_well_known_types(mut self, enable: bool) -> Self {
        self.options.compile_well_known_types = enable;
        self
    }

    /// Embeds the descriptors of each file as a public constant, and in its method tables (default: false). The
    /// runtime's own reflection does not need it.
    pub fn file_descriptor_set(mut self, enable: bool) -> Self {
        self.options.file_descriptor_set = enable;
        self
    }

    /// Writes one more file, `mod.rs` for example, with the modules of all packages.
    pub fn include_file(mut self, path: impl Into<String>) -> Self {
        self.options.include_file = path.into();
        self
    }

    /// Where generated code finds the runtime (default: `::rust_scaffold`).
    pub fn runtime_path(mut self, path: impl Into<String>) -> Self {
        self.options.runtime_path = path.into();
        self
    }

    /// The protoc to run (default: `$PROTOC`, else the one that comes with this crate).
    pub fn protoc(mut self, path: impl Into<PathBuf>) -> Self {
        self.protoc.path = Some(path.into());
        self
    }

    /// Hands an argument to protoc.
    pub fn protoc_arg(mut self, argument: impl Into<String>) -> Self {
        self.protoc.arguments.push(argument.into());
        self
    }

    /// Tells cargo to run the build script again when a proto file that took part, or `PROTOC`,
    /// changes (default: true under cargo). Files that come with protoc are not watched.
    pub fn emit_rerun_if_changed(mut self, enable: bool) -> Self {
        self.emit_rerun_if_changed = enable;
        self
    }

    /// Generates proto files and what they import, found in the `includes` directories.
    ///
    /// # Errors
    /// Whatever is wrong with the files, in protoc's words or ours; a protoc that cannot be run; a
    /// directory that cannot be written.
    pub fn compile_protos(
        self,
        protos: &[impl AsRef<Path>],
        includes: &[impl AsRef<Path>],
    ) -> Result<(), Error> {
        let protos = protos.iter().map(|path| path.as_ref().to_owned()).collect::<Vec<_>>();
        let includes = includes.iter().map(|path| path.as_ref().to_owned()).collect::<Vec<_>>();
        let compiled = self.protoc.run(&protos, &includes);
        let proto_path = self.protoc.proto_path(&includes);
        if self.emit_rerun_if_changed {
            // Also when protoc failed: a build script may go on without what it would have made.
            let set = compiled.as_ref().ok().map(|(set, _)| set);
            cargo::rerun_if_changed(&proto_path.watched(&protos, set));
        }
        let (set, warnings) = compiled?;
        cargo::warn(&warnings);
        self.generate(set, &proto_path.names(&protos))
    }

    /// Generates all files of a set of descriptors, as `protoc --descriptor_set_out` writes it
    /// with `--include_imports` and `--include_source_info`, from its encoded bytes: a set that was
    /// decoded has lost the options that its types do not know.
    ///
    /// # Errors
    /// Whatever is wrong with the descriptors; a directory that cannot be written.
    pub fn compile_fds(self, encoded: &[u8]) -> Result<(), Error> {
        self.generate(descriptor::decode_set(encoded)?, &BTreeSet::new())
    }

    fn generate(self, set: FileDescriptorSet, named: &BTreeSet<String>) -> Result<(), Error> {
        let Self { options, out_dir, .. } = self;
        let wanted = descriptor::to_generate(&set, named, &options);
        let is_for_cargo = out_dir.is_none();
        let directory = match out_dir {
            Some(directory) => directory,
            None => env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(no_out_dir)?,
        };
        let write = |name: String, content: String| files::write(&directory, &name, &content);
        let generated = generate(Input { set, wanted, options: &options }, &write)?;
        cargo::warn(&generated.warnings);
        if is_for_cargo {
            for (name, content) in files::package_files(&directory, &generated.packages) {
                files::write(&directory, &name, &content)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("options", &self.options)
            .field("out_dir", &self.out_dir)
            .field("protoc", &self.protoc)
            .finish_non_exhaustive()
    }
}

fn no_out_dir() -> Error {
    Problem::new("there is no directory to write to: `OUT_DIR` is not set")
        .help("call this from build.rs, or say where to with `configure().out_dir(…)`")
        .into()
}
