//! What holds for any change of a contract, however its implementation is written and formatted.
//! `SYNC_ROUNDS` is how many are tried.

use std::collections::BTreeSet;

use super::written::Contract;
use crate::{project::Project, random::Random};

#[test]
fn what_is_written_stays_and_what_is_missing_comes() {
    let rounds = std::env::var("SYNC_ROUNDS").ok().and_then(|it| it.parse().ok()).unwrap_or(60);
    let mut added = 0;
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let mut contract = Contract::new("shop", &mut random);
        let before = contract.source(seed as usize, &mut random);
        for _ in 0..=random.below(4) {
            contract.edit(&mut random);
            contract.add(&mut random);
        }
        added += check(&contract, &before, &format!("seed {seed}"));
    }
    assert!(added > 2 * rounds, "{added}: nothing is tested here");
}

/// Checks an implementation of an earlier contract, and returns how many lines it got.
fn check(contract: &Contract, before: &str, place: &str) -> u64 {
    let project = Project::new(&[
        ("proto/shop.proto", &contract.proto()),
        (
            "src/lib.rs",
            "mod service;\npub mod proto {\n    pub mod shop {\n        rust_scaffold::include_proto!(\"shop\");\n    }\n}\n",
        ),
        ("src/service.rs", before),
    ]);
    let methods = |text: &str| {
        let text = text.trim_start_matches('\u{feff}');
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{place}: {error}\n{text}"));
        let impls = file.items.into_iter().filter_map(|item| match item {
            syn::Item::Impl(item) => Some(item.items),
            _ => None,
        });
        let names = impls.flatten().filter_map(|item| match item {
            syn::ImplItem::Fn(function) => Some(function.sig.ident.to_string()),
            _ => None,
        });
        names.collect::<Vec<_>>()
    };
    let had = methods(before);

    let ran = project.run(&["sync"]);
    let after = project.read("src/service.rs");
    let lines = only_additions(before, &after, place);
    project.run(&["sync"]).exits(ran.code);
    assert_eq!(project.read("src/service.rs"), after, "{place}: a second run changes something");

    // With the renames that are offered, every rpc has a method, once.
    project.run(&["sync", "--fix"]);
    let fixed = project.read("src/service.rs");
    let has = methods(&fixed);
    let unique = has.iter().collect::<BTreeSet<_>>();
    assert_eq!(unique.len(), has.len(), "{place}: {fixed}");
    assert!(has.len() >= had.len().max(contract.rpcs.len()), "{place}: {has:?}\n{fixed}");
    let report = project.run(&["sync", "--check"]).stderr;
    assert!(!report.contains("missing of") && !report.contains("--fix"), "{place}: {report}");
    lines
}

/// Everything that was there is there, and what is new are stubs; returns of how many lines.
fn only_additions(before: &str, after: &str, place: &str) -> u64 {
    let diff = similar::TextDiff::from_lines(before, after);
    let mut new = String::new();
    let mut lines = 0;
    for change in diff.iter_all_changes() {
        match change.tag() {
            similar::ChangeTag::Equal => {}
            similar::ChangeTag::Delete => panic!("{place}: {change:?} is gone:\n{after}"),
            similar::ChangeTag::Insert => {
                let line = change.value();
                let crlf = before.contains("\r\n");
                assert_eq!(
                    line.ends_with("\r\n"),
                    crlf && line.ends_with('\n'),
                    "{place}: {line:?}"
                );
                new.push_str(line);
                lines += 1;
            }
        }
    }
    let stubs = new.matches("// TODO(scaffold): implement shop.Shop/").count();
    assert_eq!(new.matches("fn ").count(), stubs, "{place}: {new}");
    lines
}
