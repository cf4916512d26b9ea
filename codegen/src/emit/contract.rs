//! The contract: the trait of a service and the table of its methods.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Context, Method, comments, doc, docs, service_module};
use crate::model::Idempotency;

/// ```text
/// /// The contract of `calculator.Calculator`.
/// pub mod calculator_service {
///     use ::rust_scaffold::codegen as rt;
///
///     const _: () = rt::check_generation(1);
///
///     pub trait Calculator: rt::Send + rt::Sync + 'static { … }
///
///     pub static SERVICE: rt::ServiceDescriptor = …;
/// }
/// ```
pub(super) fn contract(cx: &Context) -> TokenStream {
    let (contract, table) = (contract_trait(cx), table(cx));
    let content = quote! {
        const _: () = rt::check_generation(1);
        #contract
        #table
    };
    service_module(cx, &cx.names.contract, "contract", &content)
}

/// `pub trait Calculator: rt::Send + rt::Sync + 'static { … }`
fn contract_trait(cx: &Context) -> TokenStream {
    let (name, docs) = (&cx.names.contract.name, docs(&cx.service.docs.lines));
    let comments = comments(&cx.service.docs.detached);
    let methods = cx.methods().map(|method| trait_method(cx, &method));
    quote! {
        #comments
        #docs
        pub trait #name: rt::Send + rt::Sync + 'static { #(#methods)* }
    }
}

/// `fn add(&self, request: rt::Request<…>) -> impl rt::Future<Output = …> + rt::Send;`
fn trait_method(cx: &Context, method: &Method) -> TokenStream {
    let (name, docs, deprecated) = (&method.names.method, method.docs(), method.deprecated());
    let comments = comments(&method.facts.docs.detached);
    let (request, response) = (method.request_type(), method.response_type());
    let body = if cx.options.default_stubs { stub(method) } else { quote!(;) };
    quote! {
        #comments
        #docs
        #deprecated
        fn #name(
            &self,
            request: #request,
        ) -> impl rt::Future<Output = #response> + rt::Send #body
    }
}

/// `{ let _ = request; rt::unimplemented(&SERVICE.methods[0]) }`
fn stub(method: &Method) -> TokenStream {
    let index = Literal::usize_unsuffixed(method.index);
    quote!({
        let _ = request;
        rt::unimplemented(&SERVICE.methods[#index])
    })
}

/// `pub static SERVICE: rt::ServiceDescriptor = rt::ServiceDescriptor::new("…", &[…]);`
fn table(cx: &Context) -> TokenStream {
    let name = &cx.service.full_name;
    let about = doc(&format!("The methods of `{name}`, in the order of the proto."));
    let methods = cx.methods().map(|method| table_entry(&method));
    let set = cx.descriptor_set.map(|set| quote!(.file_descriptor_set(super::#set)));
    let options = options(&cx.service.options);
    quote! {
        #about
        pub static SERVICE: rt::ServiceDescriptor =
            rt::ServiceDescriptor::new(#name, &[#(#methods),*]) #set #options;
    }
}

/// `rt::MethodDescriptor::unary("/calculator.Calculator/Add")`
fn table_entry(method: &Method) -> TokenStream {
    let (kind, path) = (method.runtime_function(), &method.facts.path);
    let idempotency = method.facts.idempotency.map(|level| {
        let level = match level {
            Idempotency::NoSideEffects => quote!(NoSideEffects),
            Idempotency::Idempotent => quote!(Idempotent),
        };
        quote!(.idempotency_level(rt::IdempotencyLevel::#level))
    });
    let deprecated = method.facts.deprecated.then(|| quote!(.deprecated()));
    let options = options(&method.facts.options);
    quote!(rt::MethodDescriptor::#kind(#path) #idempotency #deprecated #options)
}

/// `.options(b"…")`, if there are any.
fn options(encoded: &[u8]) -> Option<TokenStream> {
    let bytes = Literal::byte_string(encoded);
    (!encoded.is_empty()).then(|| quote!(.options(#bytes)))
}
