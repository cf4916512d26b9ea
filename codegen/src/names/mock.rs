//! The names of what a mock has for each method.

use std::collections::BTreeSet;

use heck::ToSnakeCase as _;
use proc_macro2::Ident;

use super::{Notes, ident, unique};
use crate::{diagnostics::Problem, model::Service};

/// What every mock has of its own.
const RESERVED: &[&str] = &[
    "new",
    "spy",
    "replay",
    "record",
    "verify_tape",
    "client",
    "server",
    "serve",
    "checkpoint",
    "verify",
    "verify_within",
];

/// The functions of a mock that are about one method.
#[derive(Debug)]
pub(crate) struct MockMethodNames {
    /// `expect_add`
    pub(crate) expect: Ident,
    /// `on_add`
    pub(crate) stub: Ident,
    /// `add_calls`
    pub(crate) calls: Ident,
}

/// Names the functions for the methods of `service`.
pub(super) fn assign(service: &Service, notes: &mut Notes) -> Vec<MockMethodNames> {
    let mut taken = RESERVED.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    let mut names = Vec::new();
    for method in &service.methods {
        let rpc = method.name.to_snake_case();
        let mut name = |natural: String| {
            let name = unique(&mut taken, &natural);
            if name != natural {
                let rpc = format!("{}.{}", service.full_name, method.name);
                notes.warnings.push(Problem::at(&method.location).says(format!(
                    "rpc `{rpc}` has `{name}` in the mock: `{natural}` is another's"
                )));
            }
            ident::token(&name)
        };
        names.push(MockMethodNames {
            expect: name(format!("expect_{rpc}")),
            stub: name(format!("on_{rpc}")),
            calls: name(format!("{rpc}_calls")),
        });
    }
    names
}
