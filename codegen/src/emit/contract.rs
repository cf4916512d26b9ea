//! The contract: the trait of a service and the table of its methods.

use super::{Context, Method, byte_string, code::Code, service_module};
use crate::model::Idempotency;

/// ```text
/// /// The contract of `calculator.Calculator`.
/// pub mod calculator_service {
///     use ::rust_scaffold::codegen as rt;
///
///     const _: () = rt::check_generation(1);
///
///     #[diagnostic::on_unimplemented(…)]
///     pub trait Calculator: rt::Send + rt::Sync + 'static { … }
///
///     pub static SERVICE: rt::ServiceDescriptor = …;
/// }
/// ```
pub(super) fn contract(code: &mut Code, cx: &Context) {
    service_module(code, cx, (&cx.names.contract, "contract"), |code| {
        code.item();
        code.write("const _: () = rt::check_generation(1);", &[]);
        code.item();
        code.comments(&cx.service.docs.detached);
        code.docs(&cx.service.docs.lines);
        unimplemented(code, cx);
        let name = &cx.names.contract.name;
        code.block(format_args!("pub trait {name}: rt::Send + rt::Sync + 'static"), |code| {
            for method in cx.methods() {
                trait_method(code, cx, &method);
            }
        });
        table(code, cx);
    });
}

/// What the compiler says of a type that is taken for an implementation:
///
/// ```text
/// #[diagnostic::on_unimplemented(
///     message = "`{Self}` does not implement `Calculator`, the contract of `calculator.Calculator`",
///     note = "what is in an `Arc` is served with `CalculatorServer::from_arc`",
/// )]
/// ```
fn unimplemented(code: &mut Code, cx: &Context) {
    let (contract, service) = (&cx.names.contract.name, &cx.service.full_name);
    let message =
        format!("`{{Self}}` does not implement `{contract}`, the contract of `{service}`");
    code.line(format_args!("#[diagnostic::on_unimplemented("));
    code.line(format_args!("    message = {message:?},"));
    if cx.options.build_server {
        let server = &cx.names.server.name;
        let note = format!("what is in an `Arc` is served with `{server}::from_arc`");
        code.line(format_args!("    note = {note:?},"));
    }
    code.line(format_args!(")]"));
}

/// `fn add(&self, request: rt::Request<…>) -> impl rt::Future<Output = …> + rt::Send;`
fn trait_method(code: &mut Code, cx: &Context, method: &Method) {
    code.item();
    code.comments(&method.facts.docs.detached);
    method.docs(code);
    let template = match cx.options.default_stubs {
        false => {
            "
            fn $name(&self, request: $request) -> impl rt::Future<Output = $response> + rt::Send;
            "
        }
        true => {
            "
            fn $name(&self, request: $request) -> impl rt::Future<Output = $response> + rt::Send {
                let _ = request;
                rt::unimplemented(&SERVICE.methods[$index])
            }
            "
        }
    };
    code.write(
        template,
        &[
            ("name", &method.names.method),
            ("request", &method.request_type()),
            ("response", &method.response_type()),
            ("index", &method.index),
        ],
    );
}

/// ```text
/// pub static SERVICE: rt::ServiceDescriptor = rt::ServiceDescriptor::new(
///     "calculator.Calculator",
///     &[
///         rt::MethodDescriptor::unary("/calculator.Calculator/Add"),
///     ],
/// );
/// ```
fn table(code: &mut Code, cx: &Context) {
    let name = &cx.service.full_name;
    code.item();
    code.docs(&[format!("The methods of `{name}`, in the order of the proto.")]);
    let methods = cx.methods().map(|method| table_entry(&method)).collect::<Vec<_>>();
    let set = cx.descriptor_set.map(|set| format!(".file_descriptor_set(super::{set})"));
    code.write(
        "pub static SERVICE: rt::ServiceDescriptor = \
         rt::ServiceDescriptor::new(\"$name\", &[$methods])$set$options;",
        &[
            ("name", name),
            ("methods", &methods.join(", ")),
            ("set", &set.unwrap_or_default()),
            ("options", &options(&cx.service.options)),
        ],
    );
}

/// `rt::MethodDescriptor::unary("/calculator.Calculator/Add")`
fn table_entry(method: &Method) -> String {
    let idempotency = match method.facts.idempotency {
        None => "",
        Some(Idempotency::NoSideEffects) => {
            ".idempotency_level(rt::IdempotencyLevel::NoSideEffects)"
        }
        Some(Idempotency::Idempotent) => ".idempotency_level(rt::IdempotencyLevel::Idempotent)",
    };
    let deprecated = if method.facts.deprecated { ".deprecated()" } else { "" };
    let (kind, path) = (method.runtime_function(), &method.facts.path);
    let options = options(&method.facts.options);
    format!("rt::MethodDescriptor::{kind}({path:?}){idempotency}{deprecated}{options}")
}

/// `.options(b"…")`, if there are any.
fn options(encoded: &[u8]) -> String {
    match encoded {
        [] => String::new(),
        encoded => format!(".options({})", byte_string(encoded)),
    }
}
