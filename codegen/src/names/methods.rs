//! The names of a service's methods: one each, for the trait and the client alike.

use super::{
    MethodNames, Notes, Paths,
    scope::{Scope, Taken},
};
use crate::{
    diagnostics::Problem,
    ident,
    model::{Method, Service},
    options::Options,
};

/// What every client has of its own.
const RESERVED: &[&str] = &[
    "new",
    "connect",
    "connect_lazy",
    "with_interceptor",
    "with_origin",
    "in_process",
    "in_process_direct",
    "max_decoding_message_size",
    "max_encoding_message_size",
    "accept_compressed",
    "send_compressed",
    "intercept",
];

/// Names the methods of a service, whose modules see their messages from `scope`.
pub(super) fn assign(
    service: &Service,
    (scope, paths): (&Scope, &Paths),
    options: &Options,
    notes: &mut Notes,
) -> Vec<MethodNames> {
    let mut taken = Taken::these(RESERVED);
    let methods = service.methods.iter().map(|method| {
        let natural = ident::snake(&method.name);
        let name = taken.unique(&natural);
        if name != natural {
            notes.warnings.push(renamed(service, method, &natural, &name));
        }
        let message = |type_name| paths.path(scope, type_name);
        let codec = options.codec(&service.full_name, &method.name);
        MethodNames {
            method: name,
            input: message(&method.input),
            output: message(&method.output),
            codec: codec.map(|path| scope.seen_from_package(path)),
        }
    });
    methods.collect()
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
