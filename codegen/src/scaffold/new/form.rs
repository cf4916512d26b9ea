//! Where files are, and how they find each other: in a package, or in the three of a workspace.

use super::package::template;

#[derive(Debug)]
pub(super) struct Form {
    /// The folder of the contract, which is empty or ends with a slash.
    pub(super) contract_folder: &'static str,
    /// That of the services.
    pub(super) server_folder: &'static str,
    /// Manifests and libraries, by their paths.
    pub(super) manifests: &'static [(&'static str, &'static str)],
    pub(super) libraries: &'static [(&'static str, &'static str)],
    /// The path of the module `proto`, as the services see it.
    pub(super) proto: String,
    pub(super) proto_of_client: String,
    /// The crate of the services, as the server sees it.
    pub(super) services: String,
    /// The files of the programs.
    pub(super) server: &'static str,
    pub(super) client: &'static str,
    /// The name of the server's.
    pub(super) binary: String,
    /// Command lines.
    pub(super) run_server: String,
    pub(super) run_client: String,
    pub(super) sync: String,
}

impl Form {
    pub(super) fn package(name: &str) -> Self {
        let library = name.replace('-', "_");
        Self {
            contract_folder: "",
            server_folder: "",
            manifests: &[("Cargo.toml", template!("Cargo.toml"))],
            libraries: &[("src/lib.rs", template!("lib.rs"))],
            proto: "crate::proto".to_owned(),
            proto_of_client: format!("{library}::proto"),
            services: library,
            server: "src/bin/server.rs",
            client: "src/bin/client.rs",
            binary: "server".to_owned(),
            run_server: "cargo run".to_owned(),
            run_client: "cargo run --bin client".to_owned(),
            sync: "cargo scaffold sync".to_owned(),
        }
    }

    pub(super) fn workspace(name: &str) -> Self {
        let library = name.replace('-', "_");
        Self {
            contract_folder: "contract/",
            server_folder: "server/",
            manifests: &[
                ("Cargo.toml", template!("workspace/Cargo.toml")),
                ("contract/Cargo.toml", template!("workspace/contract.toml")),
                ("server/Cargo.toml", template!("workspace/server.toml")),
                ("client/Cargo.toml", template!("workspace/client.toml")),
            ],
            libraries: &[
                ("contract/src/lib.rs", template!("workspace/contract.rs")),
                ("server/src/lib.rs", template!("workspace/server.rs")),
            ],
            proto: format!("{library}_contract::proto"),
            proto_of_client: format!("{library}_contract::proto"),
            services: format!("{library}_server"),
            server: "server/src/main.rs",
            client: "client/src/main.rs",
            binary: format!("{name}-server"),
            run_server: format!("cargo run --package {name}-server"),
            run_client: format!("cargo run --package {name}-client"),
            sync: format!("cargo scaffold sync --package {name}-server"),
        }
    }
}
