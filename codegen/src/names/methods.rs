//! The names of a service's methods: one each, for the trait and the client alike.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;

use super::{MethodNames, Notes, ident, paths::Paths, unique};
use crate::{
    diagnostics::Problem,
    model::{Method, Service},
};

/// What every client has of its own.
const RESERVED: &[&str] = &[
    "new",
    "connect",
    "connect_lazy",
    "in_process",
    "in_process_direct",
    "max_decoding_message_size",
    "max_encoding_message_size",
    "accept_compressed",
    "send_compressed",
];

pub(super) fn assign(
    service: &Service,
    package: &str,
    paths: &Paths,
    notes: &mut Notes,
) -> Vec<MethodNames> {
    let mut taken = RESERVED.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    let mut names = Vec::new();
    for method in &service.methods {
        let natural = ident::snake(&method.name);
        let name = unique(&mut taken, &natural);
        if name != natural {
            notes.warnings.push(renamed(service, method, &natural, &name));
        }
        let mut message = |type_name| tokens(&paths.in_service(package, type_name), method, notes);
        names.push(MethodNames {
            method: ident::token(&name),
            input: message(&method.input),
            output: message(&method.output),
        });
    }
    names
}

fn renamed(service: &Service, method: &Method, natural: &str, name: &str) -> Problem {
    let reason = match RESERVED.contains(&natural) {
        true => "clients have a function of their own",
        false => "another rpc of the service is the method",
    };
    let rpc = format!("{}.{}", service.full_name, method.name);
    Problem::at(&method.location)
        .says(format!("rpc `{rpc}` becomes the method `{name}`: {reason} `{natural}`"))
}

fn tokens(path: &str, method: &Method, notes: &mut Notes) -> TokenStream {
    path.parse().unwrap_or_else(|_| {
        notes.problems.push(
            Problem::at(&method.location)
                .says(format!("rpc `{}` uses `{path}`, which is not a Rust path", method.name)),
        );
        TokenStream::new()
    })
}
