//! What a user writes a decorator of a contract with: one that overrides some methods, and forwards
//! the rest.

use super::{
    Context, Method,
    code::Code,
    contract::{forward, unimplemented},
};

/// ```text
/// pub trait CalculatorDecorator: rt::Send + rt::Sync + 'static { … }
///
/// pub struct DecoratedCalculator<D, S> { … }
///
/// impl<D: self::CalculatorDecorator, S: self::Calculator> self::Calculator
///     for self::DecoratedCalculator<D, S> { … }
/// ```
///
/// A decorator is no implementation of the contract, and an implementation is no decorator: so no
/// call is ambiguous where both traits are in scope, and users keep blanket implementations of their
/// own. The struct has fields and no functions, for any name may be that of an rpc.
pub(super) fn decorator(code: &mut Code, cx: &Context) {
    definition(code, cx);
    decorated(code, cx);
}

/// ```text
/// /// Overrides methods of a [`Calculator`], and forwards the others.
/// #[diagnostic::on_unimplemented(…)]
/// pub trait CalculatorDecorator: rt::Send + rt::Sync + 'static { … }
/// ```
fn definition(code: &mut Code, cx: &Context) {
    let contract = &cx.names.contract.name;
    let (name, decorated) = (&cx.names.decorator.name, &cx.names.decorated.name);
    code.item();
    code.docs(&[
        format!("Overrides methods of a [`{contract}`], and forwards the others."),
        String::new(),
        "A method gets the decorated implementation as `inner`. By default, it calls the same method"
            .to_owned(),
        format!("of `inner`. [`{decorated}`] puts a decorator and an implementation together."),
    ]);
    unimplemented(code, cx, (&cx.names.decorator, "trait for decorators"));
    cx.allow_deprecated(code);
    code.block(format_args!("pub trait {name}: rt::Send + rt::Sync + 'static"), |code| {
        for method in cx.methods() {
            default_method(code, cx, &method);
        }
    });
}

/// ```text
/// /// Calls of `Add`: by default, they are forwarded to `inner`.
/// fn add(
///     &self,
///     inner: &impl self::Calculator,
///     request: rt::Request<…>,
/// ) -> impl rt::Future<Output = …> + rt::Send {
///     self::Calculator::add(inner, request)
/// }
/// ```
fn default_method(code: &mut Code, cx: &Context, method: &Method) {
    let rpc = &method.facts.name;
    code.item();
    code.docs(&[format!("Calls of `{rpc}`: by default, they are forwarded to `inner`.")]);
    code.write(
        "
        fn $name(
            &self,
            inner: &impl self::$contract,
            request: $request,
        ) -> impl rt::Future<Output = $response> + rt::Send {
            self::$contract::$name(inner, request)
        }
        ",
        &[
            ("name", &method.names.method),
            ("contract", &cx.names.contract.name),
            ("request", &method.request_type()),
            ("response", &method.response_type()),
        ],
    );
}

/// ```text
/// /// A [`Calculator`] with a [`CalculatorDecorator`] around it.
/// #[derive(rt::Debug, rt::Clone)]
/// pub struct DecoratedCalculator<D, S> {
///     /// What overrides methods of `inner`.
///     pub decorator: D,
///     /// The implementation.
///     pub inner: S,
/// }
///
/// impl<D: self::CalculatorDecorator, S: self::Calculator> self::Calculator
///     for self::DecoratedCalculator<D, S>
/// {
///     fn add(&self, request: rt::Request<…>) -> … {
///         self::CalculatorDecorator::add(&self.decorator, &self.inner, request)
///     }
/// }
/// ```
fn decorated(code: &mut Code, cx: &Context) {
    let contract = &cx.names.contract.name;
    let (decorator, name) = (&cx.names.decorator.name, &cx.names.decorated.name);
    code.item();
    code.docs(&[
        format!("A [`{contract}`] with a [`{decorator}`] around it. It is a [`{contract}`], too."),
        String::new(),
        format!("`{name} {{ decorator, inner }}` makes one."),
    ]);
    code.write(
        "
        #[derive(rt::Debug, rt::Clone)]
        pub struct $name<D, S> {
            /// Overrides methods of `inner`.
            pub decorator: D,
            /// The decorated implementation.
            pub inner: S,
        }
        ",
        &[("name", name)],
    );
    code.item();
    let bounds = format!("D: self::{decorator}, S: self::{contract}");
    code.block(format_args!("impl<{bounds}> self::{contract} for self::{name}<D, S>"), |code| {
        for method in cx.methods() {
            let call = &method.names.method;
            let call = format!("self::{decorator}::{call}(&self.decorator, &self.inner, request)");
            forward(code, &method, &call);
        }
    });
}
