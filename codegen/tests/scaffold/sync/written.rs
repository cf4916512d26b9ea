//! Random contracts, and implementations as somebody may have written and formatted them.

use std::fmt::Write as _;

use crate::random::Random;

/// An rpc of a service; messages by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rpc {
    pub(crate) name: String,
    request: (bool, usize),
    response: (bool, usize),
}

const MESSAGES: usize = 4;

/// A service called `Shop` of a package.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    pub(crate) package: String,
    pub(crate) rpcs: Vec<Rpc>,
}

impl Contract {
    pub(crate) fn new(package: &str, random: &mut Random) -> Self {
        let mut contract = Self { package: package.to_owned(), rpcs: Vec::new() };
        for _ in 0..random.below(6) {
            contract.add(random);
        }
        contract
    }

    /// Adds an rpc somewhere.
    pub(crate) fn add(&mut self, random: &mut Random) {
        let words = ["Get", "Put", "Type", "Match", "List", "AddAll", "HTTPGet", "Async", "Self"];
        let number = random.below(1000);
        let name = match random.below(2) {
            0 => format!("{}{number}", words[random.below(words.len())]),
            _ => words[random.below(words.len())].to_owned(),
        };
        let mut side = || (random.below(3) == 0, random.below(MESSAGES));
        let rpc = Rpc { name, request: side(), response: side() };
        // Two rpcs may become one method, which gets another name then.
        if self.rpcs.iter().all(|other| !other.name.eq_ignore_ascii_case(&rpc.name)) {
            let at = random.below(self.rpcs.len() + 1);
            self.rpcs.insert(at, rpc);
        }
    }

    /// Changes an rpc, takes one away, or puts one elsewhere.
    pub(crate) fn edit(&mut self, random: &mut Random) {
        if self.rpcs.is_empty() {
            return;
        }
        let at = random.below(self.rpcs.len());
        match random.below(4) {
            0 => drop(self.rpcs.remove(at)),
            1 => self.rpcs[at].request = (random.below(2) == 0, random.below(MESSAGES)),
            2 => {
                let name = format!("{}Renamed", self.rpcs[at].name);
                if self.rpcs.iter().all(|rpc| rpc.name != name) {
                    self.rpcs[at].name = name;
                }
            }
            _ => {
                let rpc = self.rpcs.remove(at);
                let to = random.below(self.rpcs.len() + 1);
                self.rpcs.insert(to, rpc);
            }
        }
    }

    pub(crate) fn proto(&self) -> String {
        let mut text =
            format!("syntax = \"proto3\";\npackage {};\nservice Shop {{\n", self.package);
        for (index, Rpc { name, request, response }) in self.rpcs.iter().enumerate() {
            let side = |(streams, message): (bool, usize)| {
                format!("({}M{message})", if streams { "stream " } else { "" })
            };
            if index % 2 == 0 {
                let _ =
                    writeln!(text, "  // What `{name}` does: */ \"{{\".\n  //\n  //     And how.");
            }
            let _ = writeln!(text, "  rpc {name}{} returns {};", side(*request), side(*response));
        }
        text.push_str("}\n");
        (0..MESSAGES).for_each(|message| text += &format!("message M{message} {{}}\n"));
        text
    }

    /// What a source begins with, and the implementation without its methods, in one of several
    /// ways.
    pub(crate) fn head(&self, way: usize) -> (String, &'static str) {
        let package = format!("crate::proto::{}", self.package);
        let runtime = "use rust_scaffold::{Request, Response, Status};\n";
        match way % 7 {
            0 => (format!("{runtime}use {package}::{{M0, M1, Shop}};\n"), "impl Shop for Mine"),
            1 => (format!("use rust_scaffold::*;\nuse {package}::*;\n"), "impl Shop for Mine"),
            2 => (format!("use {package} as api;\n"), "impl api::Shop for Mine"),
            3 => (
                format!("{runtime}use {package}::shop_service;\n"),
                "impl shop_service::Shop for Mine",
            ),
            4 => {
                let own = "pub struct Request;\npub struct M1;\npub type Result<T> = Option<T>;\n";
                (format!("use {package}::Shop as Contract;\n{own}"), "impl Contract for Mine")
            }
            5 => {
                let globs = format!("mod names {{ pub use {package}::*; }}\nuse names::*;\n");
                (
                    format!("{globs}use rust_scaffold::{{self as rs, Status as Failure}};\n"),
                    "impl Shop for Mine",
                )
            }
            _ => (
                format!("{runtime}use crate::proto;\n"),
                "impl<T: Send + Sync + 'static> Contract for Generic<T>",
            ),
        }
    }

    /// A source with an implementation that has all methods, in any order.
    pub(crate) fn source(&self, way: usize, random: &mut Random) -> String {
        let (mut text, head) = self.head(way);
        if way % 7 == 6 {
            let _ = writeln!(text, "use proto::{}::Shop as Contract;", self.package);
        }
        text += "pub struct Mine;\npub struct Generic<T>(pub T);\n";
        let indent = ["    ", "\t", "  ", ""][random.below(4)];
        let _ = writeln!(text, "{head}{}{{", [" ", "\n", " /* { */ "][random.below(3)]);
        let mut rpcs = self.rpcs.iter().collect::<Vec<_>>();
        (1..rpcs.len()).for_each(|last| rpcs.swap(last, random.below(last + 1)));
        for rpc in rpcs {
            text += ["", "\n", "// fn no_method() {\n", "/* } */\n", "\n\n"][random.below(5)];
            text += &self.method(rpc, indent, random);
            text += ["\n", " // }\n", " /* Done. */\n", "\n\n"][random.below(4)];
        }
        text += "}\n";
        text += ["", "\n// The end, without a line break", "fn more() {}\n"][random.below(3)];
        let bom = if random.below(4) == 0 { "\u{feff}" } else { "" };
        let text = format!("{bom}{text}");
        if random.below(3) == 0 { text.replace('\n', "\r\n") } else { text }
    }

    fn method(&self, rpc: &Rpc, indent: &str, random: &mut Random) -> String {
        let side = |(streams, message): (bool, usize)| {
            let message = format!("crate::proto::{}::M{message}", self.package);
            match streams {
                true => format!("rust_scaffold::Streaming<{message}>"),
                false => message,
            }
        };
        let (request, response) = (side(rpc.request), side(rpc.response));
        let name = method_name(&rpc.name);
        let request = format!("rust_scaffold::Request<{request}>");
        let response = format!(
            "std::result::Result<rust_scaffold::Response<{response}>, rust_scaffold::Status>"
        );
        let docs = ["", "/// Mine.\n", "#[allow(unused)] // It is.\n", "/** Mine, } too. */\n"];
        let docs = docs[random.below(4)];
        let space = [" ", "\n", "  \n\n\t"][random.below(3)];
        let head = match random.below(3) {
            0 => format!(
                "fn {name}(&self,{space}_: {request}){space}-> impl Future<Output = {response}> + Send"
            ),
            1 => format!("async fn {name}({space}&self, mine: {request},{space}) -> {response}"),
            _ => format!("async fn {name}(&self, _: {request}) -> {response}"),
        };
        let body = match head.starts_with("fn") {
            true => "async { todo!(\"}}\") }",
            false => "let _ = r#\"\"}\"#; /* { */ todo!()",
        };
        let docs = if docs.is_empty() { String::new() } else { format!("{indent}{docs}") };
        format!("{docs}{indent}{head} {{{space}{body}{space}}}")
    }
}

/// The method of an rpc, as the generator names it.
fn method_name(rpc: &str) -> String {
    let mut name = String::new();
    let letters = rpc.chars().collect::<Vec<_>>();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let next = letters.get(index + 1);
        let starts = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || next.is_some_and(|next| next.is_lowercase())
            });
        if starts {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    match name.as_str() {
        "type" | "match" | "async" => format!("r#{name}"),
        "self" => "self_".to_owned(),
        _ => name,
    }
}
