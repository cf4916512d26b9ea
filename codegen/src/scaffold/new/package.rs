//! The files of a package, and what they are called.

use std::path::{Path, PathBuf};

use super::{
    client,
    form::Form,
    implementation::implementation,
    services::{Method, Service},
    template::fill,
    tests_file,
};
use crate::{diagnostics::Problem, error::Error, ident};

/// A package that is to be written.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) form: Form,
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
        let Form { contract_folder, server_folder, .. } = self.form;
        let mut files = Vec::new();
        let mut add = |path: &str, text: String| files.push((path.to_owned(), text));
        let (runtime, generator) =
            (self.origin.dependency("runtime"), self.origin.dependency("codegen"));
        let dependencies =
            [("package", &*self.name), ("runtime", &*runtime), ("generator", &*generator)];
        for (path, template) in self.form.manifests {
            add(path, fill(template, &dependencies));
        }
        let protos = self.protos.iter().map(|name| format!("{:?}", format!("proto/{name}")));
        let protos = protos.collect::<Vec<_>>().join(", ");
        let build_script = fill(template!("build.rs"), &[("protos", &protos)]);
        add(&format!("{contract_folder}build.rs"), build_script);
        for (path, template) in self.form.libraries {
            add(path, fill(template, &[("package", &self.name)]));
        }
        add(&format!("{server_folder}src/services.rs"), self.all_services());
        for service in &self.services {
            let module = service.module.trim_start_matches("r#");
            let path = format!("{server_folder}src/services/{module}.rs");
            add(&path, implementation(service, &self.form.proto));
        }
        let tests = tests_file::text(&self.services, &self.form.proto);
        add(&format!("{server_folder}src/tests.rs"), tests);
        add(self.form.server, self.server());
        add(self.form.client, client::text(self));
        self.add_others(&mut add);
        files
    }

    /// Those that are no Rust.
    fn add_others(&self, add: &mut impl FnMut(&str, String)) {
        let Form { contract_folder, server_folder, server, .. } = self.form;
        let Form { run_server, run_client, sync, binary, .. } = &self.form;
        let (example, curl) = self.examples();
        let values = [
            ("package", &*self.name),
            ("dns", &*self.dns_name()),
            ("example", &*example),
            ("curl", &*curl),
            ("contract", contract_folder),
            ("server", server_folder),
            ("program", server),
            ("run", run_server),
            ("call", run_client),
            ("sync", sync),
        ];
        add("README.md", fill(template!("README.md"), &values));
        add(".gitignore", template!("gitignore").to_owned());
        add(".dockerignore", template!("dockerignore").to_owned());
        add(".github/workflows/ci.yml", template!("ci.yml").to_owned());
        add("Dockerfile", fill(template!("Dockerfile"), &[("binary", binary)]));
        add("kubernetes.yaml", fill(template!("kubernetes.yaml"), &[("dns", &self.dns_name())]));
    }

    /// What it is called in DNS, and by Docker, for which names are in lower case.
    fn dns_name(&self) -> String {
        self.name.replace('_', "-").trim_end_matches('-').to_lowercase()
    }

    /// All methods, with their services.
    pub(super) fn methods(&self) -> impl Iterator<Item = (&Service, &Method)> {
        self.services.iter().flat_map(|it| it.methods.iter().map(move |method| (it, method)))
    }

    fn all_services(&self) -> String {
        let each = |line: &dyn Fn(&Service) -> String| {
            self.services.iter().map(line).collect::<Vec<_>>().join("\n")
        };
        let modules = each(&|it| format!("mod {};", it.module));
        let exports = each(&|it| format!("pub use self::{}::{};", it.module, it.implementation));
        let added = each(&|it| format!(".add_service({}::new({}))", it.server, it.implementation));
        let values = [
            ("modules", &*modules),
            ("exports", &*exports),
            ("added", &*added),
            ("proto", &*self.form.proto),
        ];
        fill(template!("services.rs"), &values)
    }

    /// With the services that the runtime has, unless the package has its own.
    fn server(&self) -> String {
        let own = [(".health()", "grpc.health.v1."), (".reflection()", "grpc.reflection.v1")];
        let is_own = |name: &str| self.services.iter().any(|it| it.full_name.starts_with(name));
        let built_in = own.into_iter().filter(|(_, name)| !is_own(name)).map(|(call, _)| call);
        let built_in = built_in.collect::<Vec<_>>().join("\n");
        fill(template!("server.rs"), &[("crate", &self.form.services), ("built_in", &built_in)])
    }

    /// Arguments of the client, and a call by curl, if there is a method that it can call.
    fn examples(&self) -> (String, String) {
        let first = self.methods().min_by_key(|(_, it)| (it.is_streaming(), !it.takes_object));
        let Some((service, method)) = first else { return ("help".to_owned(), String::new()) };
        let subcommand = client::subcommand(self, (service, method));
        if !method.takes_object {
            return (format!("{subcommand} --help"), String::new());
        }
        let example = format!("{subcommand} --json '{{}}'");
        let path = format!("localhost:50051/{}/{}", service.full_name, method.rpc);
        let curl = format!("curl -d '{{}}' -H 'content-type: application/json' {path}");
        let curl =
            format!("\nWhile the server runs, curl calls it as well:\n\n```console\n$ {curl}\n```");
        (example, if method.is_streaming() { String::new() } else { curl })
    }
}

/// What a package in this folder is called.
pub(super) fn name_of(root: &Path) -> Result<String, Error> {
    // A folder such as `.` does not say what it is called.
    let whole = if root.file_name().is_none() { root.canonicalize().ok() } else { None };
    let name = whole.as_deref().unwrap_or(root).file_name();
    let name = name.and_then(|name| name.to_str()).unwrap_or_default();
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
