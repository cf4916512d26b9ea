//! The server: the runtime's, with the way from a method's position to its handler.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Context, Method, doc, service_module};

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
///     impl<S: super::calculator_service::Calculator> rt::Dispatch<S> for CalculatorDispatch { … }
/// }
/// ```
pub(super) fn server(cx: &Context) -> TokenStream {
    let (contract, definition, dispatch) = (cx.contract(), definition(cx), dispatch(cx));
    let content = quote! {
        #[allow(unused_imports)]
        pub use #contract;
        #definition
        #dispatch
    };
    service_module(cx, &cx.names.server, "server side", &content)
}

/// `pub type CalculatorServer<S> = rt::ServiceServer<CalculatorDispatch, S>;`
fn definition(cx: &Context) -> TokenStream {
    let (name, contract) = (&cx.names.server.name, &cx.names.contract.name);
    let dispatch = &cx.names.dispatch;
    let docs = cx.docs_after(&format!(
        "Serves a [`{contract}`] over gRPC, in any tower-based server or in process."
    ));
    quote! {
        #docs
        pub type #name<S> = rt::ServiceServer<#dispatch, S>;
    }
}

/// ```text
/// pub enum CalculatorDispatch {}
///
/// impl<S: super::calculator_service::Calculator> rt::Dispatch<S> for CalculatorDispatch { … }
/// ```
fn dispatch(cx: &Context) -> TokenStream {
    let (name, contract, allow) = (&cx.names.dispatch, cx.contract(), cx.allow_deprecated());
    let about = doc(&format!("Hands the calls of a [`{}`] to its methods.", cx.names.server.name));
    let contract_module = &cx.names.contract.module;
    let body = match cx.service.methods.is_empty() {
        true => quote! { let _ = (service, method); call.unimplemented() },
        false => {
            let arms = cx.methods().map(|method| arm(&method));
            quote! { match method { #(#arms)* _ => call.unimplemented(), } }
        }
    };
    quote! {
        #about
        #[derive(rt::Debug)]
        pub enum #name {}

        impl<S: #contract> rt::Dispatch<S> for #name {
            const SERVICE: &'static rt::ServiceDescriptor = &super::#contract_module::SERVICE;

            #allow
            fn call(
                service: rt::Arc<S>,
                method: usize,
                call: rt::ServerCall<'_>,
            ) -> rt::ReplyFuture<'_> {
                #body
            }
        }
    }
}

/// `0 => call.unary(service, S::add),`
fn arm(method: &Method) -> TokenStream {
    let (index, name) = (Literal::usize_unsuffixed(method.index), &method.names.method);
    let function = method.runtime_function();
    quote! { #index => call.#function(service, S::#name), }
}
