//! Random protos that protoc accepts, with the names that are most likely to go wrong.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use crate::{
    protoc::{self, Outcome},
    random_numbers::Random,
    scratch::Scratch,
};

/// How many modules of protos are compiled; `TORTURE_COUNT` says otherwise.
const COUNT: u64 = 24;

/// What they grow from; `TORTURE_SEED` says otherwise.
const SEED: u64 = 1;

#[test]
fn random_protos_compile() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |number| number.parse().unwrap())
    };
    let (seed, count) = (number("TORTURE_SEED", SEED), number("TORTURE_COUNT", COUNT));
    let mut scratch = Scratch::new("random");
    for seed in seed.. {
        if scratch.len() as u64 == count {
            break;
        }
        let protos = tempfile::tempdir().unwrap();
        for (index, text) in Protos::new(seed).write().iter().enumerate() {
            fs::write(protos.path().join(format!("f{index}.proto")), text).unwrap();
        }
        if let Outcome::Refused(text) = scratch.add(protos.path(), &format!("seed_{seed}")) {
            panic!("seed {seed}: {text}\n{}", texts(protos.path()));
        }
        assert!(seed < 100 * count.max(1), "protoc refuses nearly all");
    }
    let failures = scratch.check(&[]);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn texts(directory: &std::path::Path) -> String {
    let protos = protoc::protos(directory);
    protos.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// Keywords, names of the prelude and of what generated code uses, and names that differ in case
/// and underscores alone.
const NAMES: &[&str] = &[
    "type",
    "self",
    "Self",
    "super",
    "crate",
    "async",
    "gen",
    "match",
    "dyn",
    "fn",
    "mod",
    "box",
    "Option",
    "Some",
    "None",
    "Vec",
    "Result",
    "Ok",
    "Err",
    "String",
    "Default",
    "Clone",
    "Box",
    "Send",
    "Debug",
    "Message",
    "Request",
    "Response",
    "Status",
    "Streaming",
    "Future",
    "rt",
    "prost",
    "core",
    "std",
    "alloc",
    "tonic",
    "rust_scaffold",
    "new",
    "connect",
    "client",
    "like",
    "SERVICE",
    "T",
    "S",
    "foo_bar",
    "fooBar",
    "FooBar",
    "foo__bar",
    "_foo_bar",
    "foo_bar_",
    "FOO_BAR",
    "foo",
    "Foo",
    "set_foo",
    "get_foo",
    "push_foo",
    "insert_foo",
    "value",
    "clear",
    "encode",
    "as_str_name",
    "from_str_name",
    "is_valid",
    "a1",
    "a_1",
    "A1",
    "x",
    "X",
    "kind",
    "Kind",
    "mock",
    "expect",
    "calls",
    "server",
    "Client",
    "Server",
];

/// The files of one request.
struct Protos {
    random: Random,
    proto2: bool,
    /// The messages and enums so far, by their full names.
    messages: Vec<String>,
    enums: Vec<String>,
}

impl Protos {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let proto2 = random.below(3) == 0;
        Self { random, proto2, messages: Vec::new(), enums: Vec::new() }
    }

    fn write(mut self) -> Vec<String> {
        let packages = ["", "foo", "foo.type", "foo.Foo", "self.x", "google.foo", "FOO_BAR", "a.a"];
        let mut files = Vec::new();
        let mut services = BTreeSet::new();
        for index in 0..=self.random.below(3) {
            let package = packages[self.random.below(packages.len())];
            let syntax = if self.proto2 { "proto2" } else { "proto3" };
            let mut text = format!("syntax = \"{syntax}\";\n");
            if !package.is_empty() {
                let _ = writeln!(text, "package {package};");
            }
            for import in 0..index {
                let _ = writeln!(text, "import \"f{import}.proto\";");
            }
            let scope = if package.is_empty() { String::new() } else { format!(".{package}") };
            let mut taken = BTreeSet::new();
            for _ in 0..=self.random.below(4) {
                self.message((&mut taken, &scope), 0, &mut text);
            }
            self.enumeration((&mut taken, &scope), &mut text);
            if services.insert(package) {
                self.service(&mut taken, &mut text);
            }
            files.push(text);
        }
        files
    }

    /// A name that is not taken; protoc compares values of enums and JSON names without case and
    /// underscores.
    fn name(&mut self, taken: &mut BTreeSet<String>, folded: bool) -> Option<&'static str> {
        let name = NAMES[self.random.below(NAMES.len())];
        let key = match folded {
            true => name.replace('_', "").to_lowercase(),
            false => name.to_owned(),
        };
        taken.insert(key).then_some(name)
    }

    fn message(
        &mut self,
        (taken, scope): (&mut BTreeSet<String>, &str),
        depth: usize,
        text: &mut String,
    ) {
        let Some(name) = self.name(taken, false) else { return };
        let full_name = format!("{scope}.{name}");
        self.messages.push(full_name.clone());
        let _ = writeln!(text, "message {name} {{");
        let mut inner = BTreeSet::new();
        if depth < 2 {
            for _ in 0..self.random.below(3) {
                self.message((&mut inner, &full_name), depth + 1, text);
            }
            if self.random.below(2) == 0 {
                self.enumeration((&mut inner, &full_name), text);
            }
        }
        let mut fields = BTreeSet::new();
        let mut number = 0;
        for _ in 0..self.random.below(6) {
            number += 1;
            self.field((&mut inner, &mut fields), number, text);
        }
        if self.random.below(2) == 0 {
            self.oneof((&mut inner, &mut fields), number, text);
        }
        text.push_str("}\n");
    }

    fn field(
        &mut self,
        (taken, fields): (&mut BTreeSet<String>, &mut BTreeSet<String>),
        number: usize,
        text: &mut String,
    ) {
        let Some(name) = self.name(fields, true).filter(|name| taken.insert((*name).to_owned()))
        else {
            return;
        };
        let kind = self.random.below(5);
        let value = self.value();
        let label = match kind {
            0 => "repeated ",
            1 => "optional ",
            2 => {
                let _ = writeln!(text, "map<string, {value}> {name} = {number};");
                return;
            }
            3 if self.proto2 => {
                let group = format!("G{number}");
                let _ = writeln!(text, "optional group {group} = {number} {{ }}");
                return;
            }
            _ if self.proto2 => "required ",
            _ => "",
        };
        let _ = writeln!(text, "{label}{value} {name} = {number};");
    }

    fn oneof(
        &mut self,
        (taken, fields): (&mut BTreeSet<String>, &mut BTreeSet<String>),
        number: usize,
        text: &mut String,
    ) {
        let Some(name) = self.name(taken, false) else { return };
        let mut inner = String::new();
        for number in number + 1..=number + 3 {
            let field = self.name(fields, true).filter(|name| taken.insert((*name).to_owned()));
            if let Some(field) = field {
                let _ = writeln!(inner, "{} {field} = {number};", self.value());
            }
        }
        if !inner.is_empty() {
            let _ = writeln!(text, "oneof {name} {{\n{inner}}}");
        }
    }

    fn value(&mut self) -> String {
        let scalars = ["int32", "sint64", "fixed32", "bool", "string", "bytes", "double", "uint64"];
        let types = match self.random.below(4) {
            0 => &self.messages,
            1 => &self.enums,
            _ => return scalars[self.random.below(scalars.len())].to_owned(),
        };
        match types.len() {
            0 => "int32".to_owned(),
            count => types[self.random.below(count)].clone(),
        }
    }

    /// The values of an enum are names of the scope around it, too.
    fn enumeration(&mut self, (taken, scope): (&mut BTreeSet<String>, &str), text: &mut String) {
        let Some(name) = self.name(taken, false) else { return };
        let mut values = String::new();
        let mut folded = BTreeSet::new();
        for _ in 0..4 {
            let value = self.name(&mut folded, true).filter(|it| taken.insert((*it).to_owned()));
            if let Some(value) = value {
                let _ = writeln!(values, "{value} = {};", values.lines().count());
            }
        }
        if values.is_empty() {
            taken.remove(name);
            return;
        }
        self.enums.push(format!("{scope}.{name}"));
        let _ = writeln!(text, "enum {name} {{\n{values}}}");
    }

    fn service(&mut self, taken: &mut BTreeSet<String>, text: &mut String) {
        let Some(name) = self.name(taken, false) else { return };
        let mut methods = BTreeSet::new();
        let _ = writeln!(text, "service {name} {{");
        for _ in 0..4 {
            let streams = ["", "stream "];
            let sides = [streams[self.random.below(2)], streams[self.random.below(2)]];
            let messages = [0, 1].map(|_| {
                let at = self.random.below(self.messages.len());
                self.messages.get(at).cloned()
            });
            let Some(method) = self.name(&mut methods, false) else { continue };
            if let ([input, output], [Some(request), Some(response)]) = (sides, messages) {
                let _ =
                    writeln!(text, "rpc {method}({input}{request}) returns ({output}{response});");
            }
        }
        text.push_str("}\n");
    }
}
