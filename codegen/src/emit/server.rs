//! The server: the runtime's, with the way from a method's position to its handler.

use super::{Context, code::Code, descriptor, service_module};
use crate::model::File;

/// ```text
/// /// The server side of `calculator.Calculator`.
/// pub mod calculator_server {
///     use ::rust_scaffold::codegen as rt;
///
///     pub use super::calculator_service::Calculator;
///
///     pub type CalculatorServer<S> = rt::ServiceServer<CalculatorDispatch, S>;
///
///     pub enum CalculatorDispatch {}
///
///     impl<S: super::calculator_service::Calculator + ?rt::Sized> rt::Dispatch<S> for CalculatorDispatch { … }
///
///     pub(super) const FILES: &[&[u8]] = &[…];
///
///     pub(super) const COMMENTS: &[(&str, &str)] = &[…];
/// }
/// ```
pub(super) fn server(code: &mut Code, cx: &Context, file: &File) {
    service_module(code, cx, (&cx.names.server, "server side"), |code| {
        code.item();
        code.line(format_args!("#[allow(unused_imports)]"));
        code.line(format_args!("pub use {};", cx.contract()));
        code.end_item();
        definition(code, cx);
        dispatch(code, cx);
        if cx.embedded == cx.names.server.module {
            descriptor::files(code, file);
            descriptor::comments(code, file, cx.comments);
        }
    });
}

/// `pub type CalculatorServer<S> = rt::ServiceServer<CalculatorDispatch, S>;`
fn definition(code: &mut Code, cx: &Context) {
    let (name, contract) = (&cx.names.server.name, &cx.names.contract.name);
    code.item();
    cx.docs_after(
        code,
        &format!("Serves a [`{contract}`] over gRPC, in any tower-based server or in process."),
    );
    code.write(
        "pub type $name<S> = rt::ServiceServer<$dispatch, S>;",
        &[("name", name), ("dispatch", &cx.names.dispatch)],
    );
}

/// ```text
/// pub enum CalculatorDispatch {}
///
/// impl<S: super::calculator_service::Calculator + ?rt::Sized> rt::Dispatch<S> for CalculatorDispatch { … }
/// ```
fn dispatch(code: &mut Code, cx: &Context) {
    let (name, contract) = (&cx.names.dispatch, cx.contract());
    let contract_module = &cx.names.contract.module;
    code.item();
    code.docs(&[format!("Hands the calls of a [`{}`] to its methods.", cx.names.server.name)]);
    code.write(
        "
        #[derive(rt::Debug)]
        pub enum $name {}
        ",
        &[("name", name)],
    );
    code.item();
    code.block(format_args!("impl<S: {contract} + ?rt::Sized> rt::Dispatch<S> for {name}"), |code| {
        code.write(
            "
            const SERVICE: &'static rt::ServiceDescriptor = &super::$contract::SERVICE;
            const FILES: &'static [&'static [u8]] = super::$embedded::FILES;
            ",
            &[("contract", contract_module), ("embedded", &cx.embedded)],
        );
        if !cx.comments.is_empty() {
            code.line(format_args!(
                "const COMMENTS: &'static [(&'static str, &'static str)] = super::{}::COMMENTS;",
                cx.embedded
            ));
        }
        code.item();
        cx.allow_deprecated(code);
        let signature = "fn call(service: rt::Arc<S>, method: usize, call: rt::ServerCall<'_>) -> \
                         rt::ReplyFuture<'_>";
        code.block(format_args!("{signature}"), |code| {
            if cx.service.methods.is_empty() {
                code.line(format_args!("let _ = (service, method);"));
                code.line(format_args!("call.unimplemented()"));
            } else {
                arms(code, cx);
            }
        });
    });
}

/// ```text
/// match method {
///     0 => call.unary(service, S::add),
///     1 => call.with_codec::<crate::MyCodec>().unary(service, S::subtract),
///     …
/// }
/// ```
fn arms(code: &mut Code, cx: &Context) {
    code.inner(format_args!("match method"), |code| {
        for method in cx.methods() {
            let (index, function) = (method.index, method.runtime_function());
            let names = method.names;
            let with_codec = names.codec.as_ref().map(|codec| format!(".with_codec::<{codec}>()"));
            let (codec, name) = (with_codec.unwrap_or_default(), &names.method);
            code.line(format_args!("{index} => call{codec}.{function}(service, S::{name}),"));
        }
        code.line(format_args!("_ => call.unimplemented(),"));
    });
}
