//! The contract: the trait of a service and the table of its methods.

use super::{Context, Method, byte_string, code::Code, decorator, dyn_contract, service_module};
use crate::{model::Idempotency, names::Item};

/// ```text
/// /// The contract of `calculator.Calculator`.
/// pub mod calculator_service {
///     use ::rust_scaffold::codegen as rt;
///
///     const _: () = rt::check_generation(1);
///
///     #[diagnostic::on_unimplemented(…)]
///     pub trait Calculator: rt::Send + rt::Sync + 'static /* for `dyn`: … */ { … }
///
///     impl<S: self::Calculator + ?rt::Sized> self::Calculator for rt::Arc<S> { … }
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
        unimplemented(code, cx, (&cx.names.contract, "contract"));
        let name = &cx.names.contract.name;
        let hint = dyn_hint(cx);
        code.block(
            format_args!("pub trait {name}: rt::Send + rt::Sync + 'static {hint}"),
            |code| {
                for method in cx.methods() {
                    trait_method(code, cx, &method);
                }
            },
        );
        shared(code, cx);
        if cx.options.dyn_traits {
            dyn_contract::dyn_contract(code, cx);
        }
        if cx.options.decorators {
            decorator::decorator(code, cx);
        }
        table(code, cx);
    });
}

/// The compiler shows the line on which the trait begins to whoever says `dyn Calculator`.
fn dyn_hint(cx: &Context) -> String {
    match cx.options.dyn_traits {
        true => format!("/* for `dyn`: `{}` */", cx.names.dyn_contract.name),
        false => "/* for `dyn`: the option `dyn_traits` */".to_owned(),
    }
}

/// What the compiler says of a type that is taken for an implementation:
///
/// ```text
/// #[diagnostic::on_unimplemented(
///     message = "`{Self}` does not implement `Calculator`, the contract of `calculator.Calculator`",
/// )]
/// ```
pub(super) fn unimplemented(code: &mut Code, cx: &Context, (item, what): (&Item, &str)) {
    let (name, service) = (&item.name, &cx.service.full_name);
    let message = format!("`{{Self}}` does not implement `{name}`, the {what} of `{service}`");
    code.line(format_args!("#[diagnostic::on_unimplemented("));
    code.line(format_args!("    message = {message:?},"));
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

/// What an `Arc` holds is an implementation, too:
///
/// ```text
/// impl<S: self::Calculator + ?rt::Sized> self::Calculator for rt::Arc<S> {
///     fn add(&self, request: rt::Request<…>) -> impl rt::Future<Output = …> + rt::Send {
///         S::add(self, request)
///     }
/// }
/// ```
fn shared(code: &mut Code, cx: &Context) {
    let name = &cx.names.contract.name;
    code.item();
    cx.allow_deprecated(code);
    let bounds = format!("S: self::{name} + ?rt::Sized");
    code.block(format_args!("impl<{bounds}> self::{name} for rt::Arc<S>"), |code| {
        for method in cx.methods() {
            forward(code, &method, &format!("S::{}(self, request)", method.names.method));
        }
    });
}

/// `fn add(&self, request: rt::Request<…>) -> … { S::add(self, request) }`
pub(super) fn forward(code: &mut Code, method: &Method, call: &str) {
    code.item();
    code.write(
        "
        fn $name(&self, request: $request) -> impl rt::Future<Output = $response> + rt::Send {
            $call
        }
        ",
        &[
            ("name", &method.names.method),
            ("request", &method.request_type()),
            ("response", &method.response_type()),
            ("call", &call),
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
