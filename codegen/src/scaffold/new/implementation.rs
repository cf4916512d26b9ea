//! The files of implementations: all methods are still to be written.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    package::template,
    services::{Method, Service},
    template::fill,
};
use crate::scaffold::sync::{edit::Layout, stub::Stub};

/// The file of an implementation, all of whose methods are still to be written.
pub(super) fn implementation(service: &Service, proto: &str) -> String {
    let imports = Imports::of(service, proto);
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
struct Imports<'a> {
    /// Each with its path.
    names: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// The path of the module `proto`.
    proto: &'a str,
}

impl<'a> Imports<'a> {
    fn of(service: &'a Service, proto: &'a str) -> Self {
        let messages = service.methods.iter().flat_map(|it| [&it.input, &it.output]);
        let mut names = BTreeMap::<_, BTreeSet<&str>>::new();
        for path in messages.chain([&service.contract]).filter(|it| it.starts_with("proto::")) {
            if let Some((_, name)) = path.rsplit_once("::") {
                names.entry(name).or_default().insert(path);
            }
        }
        let is_taken = |name: &str| TAKEN.contains(&name) || name == service.implementation;
        names.retain(|name, paths| paths.len() == 1 && !is_taken(name));
        Self { names, proto }
    }

    fn name(&self, path: &str) -> String {
        let name = path.rsplit("::").next().unwrap_or(path);
        match self.names.get(name).is_some_and(|paths| paths.contains(path)) {
            true => name.to_owned(),
            false => self.whole(path),
        }
    }

    /// A path that leads there from anywhere.
    fn whole(&self, path: &str) -> String {
        match path.strip_prefix("proto::") {
            Some(rest) => format!("{}::{rest}", self.proto),
            None => path.to_owned(),
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
        for (module, name) in
            self.names.values().flatten().filter_map(|path| path.rsplit_once("::"))
        {
            modules.entry(module).or_default().push(name);
        }
        let modules = modules.iter();
        let of_crate = modules.map(|(module, names)| {
            format!("use {}::{{{}}};", self.whole(module), names.join(", "))
        });
        let streaming =
            if service.methods.iter().any(Method::is_streaming) { ", Streaming" } else { "" };
        let of_runtime = match service.methods.is_empty() {
            true => String::new(),
            false => format!("use rust_scaffold::{{Request, Response, Status{streaming}}};\n\n"),
        };
        of_runtime + &of_crate.collect::<Vec<_>>().join("\n")
    }
}
