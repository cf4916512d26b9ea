//! Which protos, and where they come from.

/// Protos that somebody has published in a package.
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    pub(crate) registry: Registry,
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    /// Folders of the package whose protos are generated; imports are looked for in them, too.
    pub(crate) roots: &'static [&'static str],
    /// The start of the names of the protos to generate, besides what they import.
    pub(crate) below: &'static str,
    /// Part of every run, not only of those with `--all`.
    pub(crate) small: bool,
    /// Not for all at once: as one crate, it would take rustc more than 20 GB.
    pub(crate) compiled: bool,
}

pub(crate) enum Registry {
    Npm,
    PyPi,
}

impl Corpus {
    const fn npm(name: &'static str, package: &'static str, version: &'static str) -> Self {
        let (registry, roots) = (Registry::Npm, &["package"]);
        Self { name, registry, package, version, roots, below: "", small: false, compiled: true }
    }

    const fn pypi(name: &'static str, package: &'static str, version: &'static str) -> Self {
        let (registry, roots) = (Registry::PyPi, &["."]);
        Self { name, registry, package, version, roots, below: "", small: false, compiled: true }
    }

    /// A part of the APIs of Google.
    const fn google(name: &'static str, below: &'static str) -> Self {
        Self::npm(name, "google-proto-files", "5.0.3").below(below)
    }

    const fn roots(self, roots: &'static [&'static str]) -> Self {
        Self { roots, ..self }
    }

    const fn below(self, below: &'static str) -> Self {
        Self { below, ..self }
    }

    const fn small(self) -> Self {
        Self { small: true, ..self }
    }

    const fn not_compiled(self) -> Self {
        Self { compiled: false, ..self }
    }
}

/// All of them are free to use: Apache-2.0 or MIT.
pub(crate) const CORPORA: &[Corpus] = &[
    Corpus::pypi("googleapis-common", "googleapis-common-protos", "1.76.0").small(),
    Corpus::npm("etcd", "etcd3", "1.1.2").roots(&["package/proto"]).small(),
    Corpus::npm("lnd", "lightning", "11.1.0").roots(&["package/grpc/protos"]).small(),
    Corpus::npm("dapr", "@dapr/dapr", "3.18.0").roots(&["package/proto"]).below("dapr/").small(),
    Corpus::npm("clarifai", "clarifai-nodejs-grpc", "11.11.0").roots(&["package/proto"]).small(),
    Corpus::npm("zeebe", "zeebe-node", "8.3.2").roots(&["package/proto"]).small(),
    Corpus::pypi("onnx", "onnx", "1.23.2").small(),
    Corpus::pypi("cirq", "cirq-google", "1.7.0").small(),
    Corpus::pypi("temporal", "temporalio", "1.35.0")
        .roots(&[
            "temporalio/bridge/sdk-core/crates/protos/protos/api_upstream",
            "temporalio/bridge/sdk-core/crates/protos/protos/api_cloud_upstream",
            "temporalio/bridge/sdk-core/crates/protos/protos/local",
            "temporalio/bridge/sdk-core/crates/protos/protos",
        ])
        .below("temporal/")
        .small(),
    Corpus::google("pubsub", "google/pubsub/").small(),
    Corpus::npm("envoy", "@grpc/grpc-js-xds", "1.14.1")
        .roots(&[
            "package/deps/envoy-api",
            "package/deps/xds",
            "package/deps/googleapis",
            "package/deps/protoc-gen-validate",
        ])
        .below("envoy/"),
    Corpus::npm("hedera", "@hashgraph/proto", "2.25.0").roots(&["package/src/proto"]),
    Corpus::npm("gax", "google-gax", "5.0.8").roots(&["package/build/protos"]).below("google/"),
    Corpus::google("spanner", "google/spanner/"),
    Corpus::google("bigtable", "google/bigtable/"),
    Corpus::google("devtools", "google/devtools/"),
    Corpus::google("maps", "google/maps/"),
    Corpus::google("shopping", "google/shopping/"),
    Corpus::google("admanager", "google/ads/admanager/"),
    Corpus::google("compute", "google/cloud/compute/v1/"),
    Corpus::google("aiplatform", "google/cloud/aiplatform/"),
    Corpus::google("googleads", "google/ads/googleads/v25/"),
    Corpus::google("googleapis", "google/").not_compiled(),
];
