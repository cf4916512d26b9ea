//! The names of what a mock has for each method.

use heck::ToSnakeCase as _;

use super::{Notes, scope::Taken};
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
    "quiet_for",
];

/// The functions of a mock that are about one method.
#[derive(Debug)]
pub(crate) struct MockMethodNames {
    /// `expect_add`
    pub(crate) expect: String,
    /// `on_add`
    pub(crate) stub: String,
    /// `add_calls`
    pub(crate) calls: String,
}

/// Names the functions for the methods of `service`.
pub(super) fn assign(service: &Service, notes: &mut Notes) -> Vec<MockMethodNames> {
    let mut taken = Taken::these(RESERVED);
    let mut names = Vec::new();
    for method in &service.methods {
        let rpc = method.name.to_snake_case();
        let mut name = |natural: String| {
            let name = taken.unique(&natural);
            if name != natural {
                let rpc = format!("{}.{}", service.full_name, method.name);
                notes.warnings.push(Problem::at(&method.location).says(format!(
                    "rpc `{rpc}` has `{name}` in the mock: `{natural}` is another's"
                )));
            }
            name
        };
        names.push(MockMethodNames {
            expect: name(format!("expect_{rpc}")),
            stub: name(format!("on_{rpc}")),
            calls: name(format!("{rpc}_calls")),
        });
    }
    names
}
