//! Rules of `google.api.http`: what is wrong with them is found here, so that no server finds it when it starts.

use std::{collections::HashMap, fmt, iter};

use super::template::{self, Flaw, Paths};
use crate::{
    diagnostics::{Problem, Problems},
    model::{Field, HttpPattern, HttpRule, Message, Method, Model, Shape, Types, Value},
};

/// The messages that are a string, a number or a boolean in JSON, so that a part of a path can be one.
const WITH_TEXT: [&str; 12] = [
    ".google.protobuf.BoolValue",
    ".google.protobuf.BytesValue",
    ".google.protobuf.DoubleValue",
    ".google.protobuf.Duration",
    ".google.protobuf.FieldMask",
    ".google.protobuf.FloatValue",
    ".google.protobuf.Int32Value",
    ".google.protobuf.Int64Value",
    ".google.protobuf.StringValue",
    ".google.protobuf.Timestamp",
    ".google.protobuf.UInt32Value",
    ".google.protobuf.UInt64Value",
];

/// Checks the rules of the files that are generated, and returns warnings.
pub(super) fn check(model: &Model, types: &Types, problems: &mut Problems) -> Problems {
    let mut check =
        HttpCheck { types, seen: HashMap::new(), problems, warnings: Problems::default() };
    for file in model.wanted() {
        for method in file.services.iter().flat_map(|service| &service.methods) {
            if let Some(rule) = &method.http {
                check.rules(&file.package, method, rule);
            }
        }
    }
    check.warnings
}

struct HttpCheck<'a> {
    types: &'a Types<'a>,
    /// What leads to a binding so far: its package, HTTP method and paths, with its name and place.
    seen: HashMap<(&'a str, &'a str, Paths), String>,
    problems: &'a mut Problems,
    warnings: Problems,
}

/// An HTTP method and a path by which an rpc is called.
struct Binding<'a> {
    package: &'a str,
    method: &'a Method,
    rule: &'a HttpRule,
    pattern: &'a HttpPattern,
}

impl<'a> HttpCheck<'a> {
    fn rules(&mut self, package: &'a str, method: &'a Method, rule: &'a HttpRule) {
        if method.kind.streams_requests() {
            let what = format!("{} streams requests, so its HTTP rule is not served", rpc(method));
            let help = "call it by gRPC, or add an rpc that takes a single request";
            self.warnings.push(Problem::at(&rule.location).says(what).help(help));
            return;
        }
        for rule in iter::once(rule).chain(&rule.additional) {
            match &rule.pattern {
                Some(pattern) => self.binding(&Binding { package, method, rule, pattern }),
                None => {
                    let what = format!("a rule of {} has no HTTP method and path", rpc(method));
                    let help = "give it both, as in `get: \"/v1/books/{id}\"`";
                    self.problems.push(Problem::at(&rule.location).says(what).help(help));
                }
            }
        }
        if rule.additional.iter().any(|additional| !additional.additional.is_empty()) {
            let what =
                format!("{} has `additional_bindings` in `additional_bindings`", rpc(method));
            let help = "put all of them side by side";
            self.problems.push(Problem::at(&rule.location).says(what).help(help));
        }
    }

    fn binding(&mut self, binding: &Binding<'a>) {
        self.http_method(binding);
        match template::parse(&binding.pattern.template) {
            Ok(template) => {
                self.path(binding, &template.variables);
                self.body(binding, &template.variables);
                self.is_unambiguous(binding, template.paths);
            }
            Err(flaw) => self.says(binding, flaw),
        }
        self.response_body(binding);
    }

    fn says(&mut self, binding: &Binding, Flaw { what, help }: Flaw) {
        let problem = Problem::at(&binding.rule.location).says(format!("{binding} {what}"));
        self.problems.push(problem.help(help));
    }

    fn http_method(&mut self, binding: &Binding) {
        let method = &binding.pattern.method;
        let is_token =
            |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
        if method.is_empty() || !method.chars().all(is_token) {
            let what = "has a `kind` that is no HTTP method";
            self.says(binding, Flaw::new(what, "name one, such as `HEAD`, or `*` for all"));
        }
        if method == "GET" && !binding.rule.body.is_empty() {
            let help = "remove `body`, so that the fields are query parameters, or use `post`";
            self.says(binding, Flaw::new("has a body, but `GET` requests have none", help));
        }
    }

    fn path(&mut self, binding: &Binding, variables: &[&str]) {
        let Some((message, _)) = self.types.message(&binding.method.input) else { return };
        for (index, variable) in variables.iter().enumerate() {
            if let Err(flaw) = self.variable(message, variable) {
                self.says(binding, flaw);
            }
            for other in &variables[..index] {
                if other == variable {
                    let what = format!("binds `{variable}` twice");
                    self.says(binding, Flaw::new(what, "bind it once"));
                } else if is_within(other, variable) || is_within(variable, other) {
                    let what = format!("binds `{other}` and `{variable}`, one within the other");
                    self.says(binding, Flaw::new(what, "bind one of them"));
                }
            }
        }
    }

    /// Whether a part of a path can be the field to which `variable` leads.
    fn variable(&self, message: &Message, variable: &str) -> Result<(), Flaw> {
        let (mut message, mut path) = (message, variable);
        loop {
            let (name, rest) = split_first(path);
            let Some(field) = field(message, name) else {
                let what = format!("binds `{variable}`, {}", no_field(message, name));
                return Err(Flaw::new(what, "bind a field of the request"));
            };
            if let (Some(inner), Some(rest)) = (self.single_message(field), rest) {
                (message, path) = (inner, rest);
                continue;
            }
            let fault = match &field.shape {
                Shape::Repeated(..) => "is repeated",
                Shape::Map(..) => "is a map",
                Shape::Single(..) if rest.is_some() => "is not a message",
                Shape::Single(Value::Message(name, _), _) if !WITH_TEXT.contains(&&**name) => {
                    "is a message"
                }
                Shape::Single(..) => return Ok(()),
            };
            let name = format!("{}.{name}", &message.full_name[1..]);
            let what = format!("binds `{variable}`, but field `{name}` {fault}");
            let help = "bind a single number, string, boolean or enum, such as `{book.id}`";
            return Err(Flaw::new(what, help));
        }
    }

    fn single_message(&self, field: &Field) -> Option<&'a Message> {
        match &field.shape {
            Shape::Single(Value::Message(name, _), _) => Some(self.types.message(name)?.0),
            _ => None,
        }
    }

    fn body(&mut self, binding: &Binding, variables: &[&str]) {
        let body = binding.rule.body.as_str();
        let Some((message, _)) = self.types.message(&binding.method.input) else { return };
        if variables.contains(&body) {
            let what = format!("has `{body}` in its path and as its body");
            self.says(binding, Flaw::new(what, "remove it from one of them"));
        } else if !matches!(body, "" | "*") && field(message, body).is_none() {
            let what = format!("has the body `{body}`, {}", no_field(message, body));
            let help = "name a field of the request, or `*` for all that is not in the path";
            self.says(binding, Flaw::new(what, help));
        }
    }

    fn response_body(&mut self, binding: &Binding) {
        let name = binding.rule.response_body.as_str();
        let Some((message, _)) = self.types.message(&binding.method.output) else { return };
        if !name.is_empty() && field(message, name).is_none() {
            let what = format!("has the response body `{name}`, {}", no_field(message, name));
            let help = "name a field of the response, or leave it out for all of the response";
            self.says(binding, Flaw::new(what, help));
        }
    }

    /// Services of other packages are often those of other servers. It is a warning only, because some protos have it
    /// whose servers speak nothing but gRPC.
    fn is_unambiguous(&mut self, binding: &Binding<'a>, paths: Paths) {
        let requests = (binding.package, &*binding.pattern.method, paths);
        let place = &binding.rule.location;
        if let Some(other) = self.seen.get(&requests) {
            let what = format!("{binding} is called by the same requests as {other}");
            let help = "change one of the paths; the names of variables make no difference";
            self.warnings.push(Problem::at(place).says(what).help(help));
            return;
        }
        self.seen.insert(requests, format!("{binding} at {place}"));
    }
}

impl fmt::Display for Binding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpPattern { method, template } = self.pattern;
        write!(f, "`{method} {template}` of {}", rpc(self.method))
    }
}

/// Such as `` rpc `shop.Shop.Get` ``.
fn rpc(method: &Method) -> String {
    format!("rpc `{}`", method.path.trim_start_matches('/').replace('/', "."))
}

/// The first name of a field path, and the others.
fn split_first(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)))
}

fn field<'a>(message: &'a Message, name: &str) -> Option<&'a Field> {
    message.fields.iter().find(|field| field.name == name)
}

fn no_field(message: &Message, name: &str) -> String {
    format!("but `{}` has no field `{name}`", &message.full_name[1..])
}

/// Whether one field path leads on where another ends.
fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
}
