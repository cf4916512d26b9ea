//! The dyn-compatible form of a contract, for implementations that are chosen at run time.

use super::{
    Context, Method,
    code::Code,
    contract::{forward, unimplemented},
};

/// ```text
/// pub trait DynCalculator: rt::Send + rt::Sync + 'static { … }
///
/// impl<S: self::Calculator> self::DynCalculator for S { … }
///
/// impl self::Calculator for dyn self::DynCalculator { … }
///
/// impl self::Calculator for rt::Box<dyn self::DynCalculator> { … }
/// ```
///
/// Its methods have names that no rpc gets: with those of the contract, calls would be ambiguous where
/// both traits are in scope. Of boxes, only those are implementations: a `Box<S>` would forbid users
/// blanket implementations, as other crates may implement traits for it.
pub(super) fn dyn_contract(code: &mut Code, cx: &Context) {
    let (contract, name) = (&cx.names.contract.name, &cx.names.dyn_contract.name);
    definition(code, cx);
    code.item();
    cx.allow_deprecated(code);
    code.block(format_args!("impl<S: self::{contract}> self::{name} for S"), |code| {
        for method in cx.methods() {
            boxed(code, &method);
        }
    });
    let object = format!("dyn self::{name}");
    for (holder, object) in [(object.clone(), "self"), (format!("rt::Box<{object}>"), "(**self)")] {
        code.item();
        code.block(format_args!("impl self::{contract} for {holder}"), |code| {
            for method in cx.methods() {
                forward(code, &method, &format!("{object}.{}(request)", hidden(&method)));
            }
        });
    }
}

/// ```text
/// /// The dyn-compatible form of [`Calculator`], for implementations chosen at run time.
/// #[diagnostic::on_unimplemented(…)]
/// pub trait DynCalculator: rt::Send + rt::Sync + 'static {
///     #[doc(hidden)]
///     fn __add(&self, request: rt::Request<…>) -> rt::BoxFuture<'_, …>;
/// }
/// ```
fn definition(code: &mut Code, cx: &Context) {
    let (contract, name) = (&cx.names.contract.name, &cx.names.dyn_contract.name);
    code.item();
    code.docs(&[
        format!(
            "The dyn-compatible form of [`{contract}`], for implementations chosen at run time."
        ),
        String::new(),
        format!(
            "Every [`{contract}`] implements it; `Arc<dyn {name}>` and `Box<dyn {name}>` implement"
        ),
        format!("[`{contract}`], whose methods are the ones to call. Each call boxes its future."),
    ]);
    unimplemented(code, cx, (&cx.names.contract, "contract"));
    code.block(format_args!("pub trait {name}: rt::Send + rt::Sync + 'static"), |code| {
        for method in cx.methods() {
            code.item();
            code.line(format_args!("#[doc(hidden)]"));
            code.write(
                "
                fn $name(&self, request: $request) -> rt::BoxFuture<'_, $response>;
                ",
                &[
                    ("name", &hidden(&method)),
                    ("request", &method.request_type()),
                    ("response", &method.response_type()),
                ],
            );
        }
    });
}

/// `fn __add(&self, request: rt::Request<…>) -> … { rt::Box::pin(S::add(self, request)) }`
fn boxed(code: &mut Code, method: &Method) {
    code.item();
    code.write(
        "
        fn $name(&self, request: $request) -> rt::BoxFuture<'_, $response> {
            rt::Box::pin(S::$method(self, request))
        }
        ",
        &[
            ("name", &hidden(method)),
            ("method", &method.names.method),
            ("request", &method.request_type()),
            ("response", &method.response_type()),
        ],
    );
}

/// `__add`
fn hidden(method: &Method) -> String {
    format!("__{}", method.names.method.trim_start_matches("r#"))
}
