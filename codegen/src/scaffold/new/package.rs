//! The files of a package, and what they are called.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    client,
    services::{Method, Service},
    template::fill,
    tests_file,
};
use crate::{
    diagnostics::Problem,
    error::Error,
    ident,
    scaffold::sync::{edit::Layout, stub::Stub},
};

/// A package that is to be written.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) origin: Origin,
    /// The protos with the services, by the names that imports have for them.
    pub(super) protos: Vec<String>,
    pub(super) services: Vec<Service>,
}

/// Where the package has the generator and the runtime from.
#[derive(Debug)]
pub(super) enum Origin {
    Registry,
    Path(PathBuf),
    Git(String),
}

impl Origin {
    /// What the manifest says of the dependency in one of the repository's folders.
    fn dependency(&self, folder: &str) -> String {
        match self {
            Self::Registry => format!("version = {:?}", env!("CARGO_PKG_VERSION")),
            Self::Path(path) => format!("path = {:?}", path.join(folder).display().to_string()),
            Self::Git(url) => format!("git = {url:?}"),
        }
    }
}

/// The template of a file.
macro_rules! template {
    ($name:literal) => {
        include_str!(concat!("../../../templates/new/", $name))
    };
}
pub(super) use template;

impl Package {
    /// What every file has in it, by its path in the package.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        let mut add = |path: &str, text: String| files.push((path.to_owned(), text));
        let (runtime, generator) =
            (self.origin.dependency("runtime"), self.origin.dependency("codegen"));
        let dependencies =
            [("package", &*self.name), ("runtime", &*runtime), ("generator", &*generator)];
        add("Cargo.toml", fill(template!("Cargo.toml"), &dependencies));
        let protos = self.protos.iter().map(|name| format!("{:?}", format!("proto/{name}")));
        let protos = protos.collect::<Vec<_>>().join(", ");
        add("build.rs", fill(template!("build.rs"), &[("protos", &protos)]));
        add("src/lib.rs", fill(template!("lib.rs"), &[("package", &self.name)]));
        add("src/services.rs", self.all_services());
        for service in &self.services {
            let path = format!("src/services/{}.rs", service.module.trim_start_matches("r#"));
            add(&path, implementation(service));
        }
        add("src/tests.rs", tests_file::text(&self.services));
        let library = self.library();
        add("src/bin/server.rs", self.server(&library));
        add("src/bin/client.rs", client::text(self, &library));
        self.add_others(&mut add);
        files
    }

    /// Those that are no Rust.
    fn add_others(&self, add: &mut impl FnMut(&str, String)) {
        let (example, curl) = self.examples();
        let values = [("package", &*self.name), ("example", &*example), ("curl", &*curl)];
        add("README.md", fill(template!("README.md"), &values));
        add(".gitignore", template!("gitignore").to_owned());
        add(".dockerignore", template!("dockerignore").to_owned());
        add(".github/workflows/ci.yml", template!("ci.yml").to_owned());
        add("Dockerfile", template!("Dockerfile").to_owned());
        let dns = self.name.replace('_', "-").to_lowercase();
        let values = [("package", &*self.name), ("dns", &*dns)];
        add("kubernetes.yaml", fill(template!("kubernetes.yaml"), &values));
    }

    /// All methods, with their services.
    pub(super) fn methods(&self) -> impl Iterator<Item = (&Service, &Method)> {
        self.services.iter().flat_map(|it| it.methods.iter().map(move |method| (it, method)))
    }

    /// The name of the library, as programs have it.
    fn library(&self) -> String {
        self.name.replace('-', "_")
    }

    fn all_services(&self) -> String {
        let each = |line: &dyn Fn(&Service) -> String| {
            self.services.iter().map(line).collect::<Vec<_>>().join("\n")
        };
        let modules = each(&|it| format!("mod {};", it.module));
        let exports = each(&|it| format!("pub use self::{}::{};", it.module, it.implementation));
        let added = each(&|it| format!(".add_service({}::new({}))", it.server, it.implementation));
        let values = [("modules", &*modules), ("exports", &*exports), ("added", &*added)];
        fill(template!("services.rs"), &values)
    }

    /// With the services that the runtime has, unless the package has its own.
    fn server(&self, library: &str) -> String {
        let own = [(".health()", "grpc.health.v1."), (".reflection()", "grpc.reflection.v1")];
        let is_own = |name: &str| self.services.iter().any(|it| it.full_name.starts_with(name));
        let built_in = own.into_iter().filter(|(_, name)| !is_own(name)).map(|(call, _)| call);
        let built_in = built_in.collect::<Vec<_>>().join("\n");
        fill(template!("server.rs"), &[("crate", library), ("built_in", &built_in)])
    }

    /// Arguments of the client, and a call by curl, if there is a method that it can call.
    fn examples(&self) -> (String, String) {
        let first = self.methods().min_by_key(|(_, method)| is_streaming(method));
        let Some((service, method)) = first else { return ("help".to_owned(), String::new()) };
        let example = format!("{} --json '{{}}'", client::subcommand(self, (service, method)));
        let path = format!("localhost:50051/{}/{}", service.full_name, method.rpc);
        let curl = format!("curl -d '{{}}' -H 'content-type: application/json' {path}");
        let curl =
            format!("\nWhile the server runs, curl calls it as well:\n\n```console\n$ {curl}\n```");
        (example, if is_streaming(method) { String::new() } else { curl })
    }
}

fn is_streaming(method: &Method) -> bool {
    method.kind.streams_requests() || method.kind.streams_responses()
}

/// The file of an implementation, all of whose methods are still to be written.
fn implementation(service: &Service) -> String {
    let imports = Imports::of(service);
    let stubs = service.methods.iter().map(|method| imports.stub(service, method));
    let stubs = stubs.collect::<Vec<_>>().join("\n\n");
    let docs = service.docs.iter().map(|line| format!("/// {line}").trim_end().to_owned());
    let docs = docs.collect::<Vec<_>>().join("\n");
    let values = [
        ("imports", &*imports.text(service)),
        ("docs", &*docs),
        ("type", &*service.implementation),
        ("contract", &*imports.name(&service.contract)),
        ("stubs", &*stubs),
    ];
    fill(template!("service.rs"), &values)
}

/// What an implementation imports of the runtime, and whoever writes it expects to be the standard library's.
const TAKEN: [&str; 18] = [
    "Box",
    "Clone",
    "Default",
    "Drop",
    "Err",
    "From",
    "Into",
    "Iterator",
    "Option",
    "Request",
    "Response",
    "Result",
    "Send",
    "Status",
    "Streaming",
    "String",
    "Sync",
    "Vec",
];

/// What an implementation names without its path: whatever has a name that nothing else has.
struct Imports<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Imports<'a> {
    fn of(service: &'a Service) -> Self {
        let messages = service.methods.iter().flat_map(|it| [&it.input, &it.output]);
        let mut imports = Self(BTreeMap::new());
        for path in messages.chain([&service.contract]).filter(|it| it.starts_with("proto::")) {
            if let Some((_, name)) = path.rsplit_once("::") {
                imports.0.entry(name).or_default().insert(path);
            }
        }
        let is_taken = |name: &str| TAKEN.contains(&name) || name == service.implementation;
        imports.0.retain(|name, paths| paths.len() == 1 && !is_taken(name));
        imports
    }

    fn name(&self, path: &str) -> String {
        let name = path.rsplit("::").next().unwrap_or(path);
        match self.0.get(name).is_some_and(|paths| paths.contains(path)) {
            true => name.to_owned(),
            false if path.starts_with("proto::") => format!("crate::{path}"),
            false => path.to_owned(),
        }
    }

    fn stub(&self, service: &Service, method: &Method) -> String {
        let message = |path, streams| match streams {
            true => format!("Streaming<{}>", self.name(path)),
            false => self.name(path),
        };
        let request = message(&method.input, method.kind.streams_requests());
        let response = message(&method.output, method.kind.streams_responses());
        let stub = Stub {
            docs: &method.docs,
            name: &method.name,
            rpc: format!("{}/{}", service.full_name, method.rpc),
            request: format!("Request<{request}>"),
            result: "Result",
            response: format!("Response<{response}>"),
            status: "Status".to_owned(),
        };
        stub.text(&Layout::default())
    }

    fn text(&self, service: &Service) -> String {
        let mut modules = BTreeMap::<_, Vec<_>>::new();
        for (module, name) in self.0.values().flatten().filter_map(|path| path.rsplit_once("::")) {
            modules.entry(module).or_default().push(name);
        }
        let modules = modules.iter();
        let of_crate = modules
            .map(|(module, names)| format!("use crate::{module}::{{{}}};", names.join(", ")));
        let streaming = if service.methods.iter().any(is_streaming) { ", Streaming" } else { "" };
        let of_runtime = match service.methods.is_empty() {
            true => String::new(),
            false => format!("use rust_scaffold::{{Request, Response, Status{streaming}}};\n\n"),
        };
        of_runtime + &of_crate.collect::<Vec<_>>().join("\n")
    }
}

/// What a package in this folder is called.
pub(super) fn name_of(root: &Path) -> Result<String, Error> {
    let name = root.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let starts_well = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let is_known = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let library = name.replace('-', "_");
    let is_taken = ident::escape(&library) != library
        || [
            "alloc",
            "clap",
            "core",
            "proc_macro",
            "rust_scaffold",
            "serde_json",
            "std",
            "test",
            "tokio",
        ]
        .contains(&&*library);
    if starts_well && name.chars().all(is_known) && !is_taken {
        return Ok(name.to_owned());
    }
    Err(Problem::new(format!("a package cannot be called `{name}`"))
        .help(
            "choose a folder whose name is of letters, digits, `-` and `_`, and no name of Rust's",
        )
        .into())
}
