//! `src/bin/client.rs`: a subcommand for each rpc.

use super::{
    package::{Package, template},
    services::{Method, Service},
    template::fill,
};

/// Fields that have to be given as JSON, since the client has other arguments of these names.
const TAKEN: [&str; 2] = ["help", "json"];

pub(super) fn text(package: &Package) -> String {
    let commands = package.methods().map(|it| command(package, it)).collect::<Vec<_>>().join("\n");
    let calls = package.methods().map(|it| call(package, it)).collect::<Vec<_>>().join("\n");
    let allow = match package.methods().any(|(_, method)| method.deprecated) {
        true => "#[allow(deprecated)]",
        false => "",
    };
    let values = [
        ("package", &*package.name),
        ("proto", &*package.form.proto_of_client),
        ("call", &*package.form.run_client),
        ("commands", &*commands),
        ("calls", &*calls),
        ("allow", allow),
    ];
    fill(template!("client.rs"), &values)
}

/// The name of a method on the command line: with that of its service, if there are several. No name
/// has the dot between them, so that no two methods come to the same.
pub(super) fn subcommand(package: &Package, (service, method): (&Service, &Method)) -> String {
    let service = service.module.trim_start_matches("r#");
    let name = match package.services.len() > 1 || method.name == "help" {
        true => format!("{service}.{}", method.name),
        false => method.name.clone(),
    };
    name.replace('_', "-")
}

/// `rpc("add", "The sum of two numbers.", &[("a", "int32"), ("b", "int32")]),`
fn command(package: &Package, (service, method): (&Service, &Method)) -> String {
    let name = subcommand(package, (service, method));
    let about = about(method);
    let fields = method
        .fields
        .iter()
        .filter(|(name, _)| !method.kind.streams_requests() && !TAKEN.contains(&&**name));
    let fields = fields.map(|(name, kind)| format!("({name:?}, {kind:?})"));
    let fields = fields.collect::<Vec<_>>().join(", ");
    format!("rpc({name:?}, {about}, &[{fields}]),")
}

/// A literal with the first sentence of the docs, in lines as long as they are there: rustfmt breaks
/// no literals.
fn about(method: &Method) -> String {
    let paragraph = method.docs.iter().take_while(|line| !line.is_empty());
    let paragraph = paragraph.map(String::as_str).collect::<Vec<_>>().join("\n");
    let ends = [". ", ".\n"].into_iter().filter_map(|end| paragraph.find(end));
    let sentence = ends.min().map_or(&*paragraph, |end| &paragraph[..=end]);
    let lines = sentence.lines().map(|line| line.escape_debug().to_string());
    format!("\"{}\"", lines.collect::<Vec<_>>().join(" \\\n     "))
}

/// ```text
/// "add" => {
///     let rpc = Rpc::new(&proto::calculator::calculator_service::SERVICE, "Add", arguments)?;
///     let client = proto::calculator::CalculatorClient::new(channel);
///     let response = client.add(rpc.request::<proto::calculator::AddRequest>()?).await?;
///     rpc.print(response)
/// }
/// ```
fn call(package: &Package, (service, method): (&Service, &Method)) -> String {
    let name = subcommand(package, (service, method));
    let request = match method.kind.streams_requests() {
        true => "requests",
        false => "request",
    };
    let (print, end) = match method.kind.streams_responses() {
        true => ("print_all", ".await"),
        false => ("print", ""),
    };
    let Service { descriptor, client, .. } = service;
    let Method { rpc, input, .. } = method;
    let function = crate::ident::escape(&method.name);
    format!(
        "{name:?} => {{
    let rpc = Rpc::new(&{descriptor}, {rpc:?}, arguments)?;
    let client = {client}::new(channel);
    let response = client.{function}(rpc.{request}::<{input}>()?).await?;
    rpc.{print}(response){end}
}}"
    )
}
