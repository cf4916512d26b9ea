//! The code in `docs/generated-code.md` is that of the goldens; `BLESS=1` brings it up to date, after them.

#![allow(clippy::unwrap_used)]

use std::fs;

const PAGE: &str = "../docs/generated-code.md";

#[test]
fn the_page_about_generated_code_shows_what_is_generated() {
    let written = fs::read_to_string(PAGE).unwrap();
    let calculator = fs::read_to_string("../tests/golden/unary/expected/calculator.rs").unwrap();
    let tree = fs::read_to_string("../tests/golden/cross_package/expected/mod.rs").unwrap();
    let starts = [
        ("header", "// @generated"),
        ("messages", "#[derive("),
        ("contract", "/// The contract of"),
        ("server", "/// The server side of"),
        ("client", "/// The client side of"),
        ("mock", "/// The mock of"),
        ("matchers", "/// Matchers for the messages of"),
        ("reexports", "#[allow(unused_imports)]\npub use self::"),
    ];
    let at = |start: &str| calculator.find(&format!("\n{start}")).map_or(0, |at| at + 1);
    let mut page = written.clone();
    for (index, (name, start)) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(calculator.len(), |(_, next)| at(next));
        page = fill(&page, name, &calculator[at(start)..end]);
    }
    page = fill(&page, "tree", &tree);
    page = fill(&page, "decorator", &decorator());
    page = fill(&page, "codec", &codec());
    if std::env::var_os("BLESS").is_some() {
        fs::write(PAGE, page).unwrap();
        return;
    }
    assert!(
        page == written,
        "the page is out of date: BLESS=1 cargo test -p rust-scaffold-build --test page"
    );
}

/// What the option `decorators` adds to the module of the contract.
fn decorator() -> String {
    let module = fs::read_to_string("../tests/golden/decorators/expected/calculator.rs").unwrap();
    let (_, items) = module.split_once("    /// Overrides methods of").unwrap();
    let (items, _) = items.split_once("    /// The methods of").unwrap();
    format!("/// Overrides methods of{}", items.replace("\n    ", "\n"))
}

/// How a server finds the codecs of its methods.
fn codec() -> String {
    let ledger = fs::read_to_string("../tests/golden/codec_path/expected/ledger.rs").unwrap();
    let indent = "\n            ";
    let (_, arms) = ledger.split_once(&format!("{indent}match method {{")).unwrap();
    let (arms, _) = arms.split_once(&format!("{indent}}}")).unwrap();
    format!("match method {{{}\n}}", arms.replace(indent, "\n"))
}

/// Puts code between `<!-- begin name -->` and `<!-- end name -->`.
fn fill(page: &str, name: &str, code: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->\n"));
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}```rust\n{}\n```\n{end}{after}", code.trim())
}
