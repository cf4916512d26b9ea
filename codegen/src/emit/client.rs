//! The client: a concrete struct over the runtime's channel, which implements the contract, too.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Context, Method, service_module};
use crate::names::Item;

/// ```text
/// /// The client side of `calculator.Calculator`.
/// pub mod calculator_client {
///     use ::rust_scaffold::codegen as rt;
///
///     use super::calculator_service::SERVICE;
///
///     pub struct CalculatorClient { client: rt::Client }
///
///     impl CalculatorClient { … }
///
///     impl super::calculator_service::Calculator for CalculatorClient { … }
/// }
/// ```
pub(super) fn client(cx: &Context) -> TokenStream {
    let table = (!cx.service.methods.is_empty()).then(|| {
        let contract_module = &cx.names.contract.module;
        quote!(use super::#contract_module::SERVICE;)
    });
    let (definition, contract) = (definition(cx), contract(cx));
    let (constructors, settings) = (constructors(cx), settings());
    let (name, methods) = (&cx.names.client.name, cx.methods().map(|method| call(&method)));
    let content = quote! {
        #table
        #definition
        impl #name {
            #constructors
            #settings
            #(#methods)*
        }
        #contract
    };
    service_module(cx, &cx.names.client, "client side", &content)
}

/// `pub struct CalculatorClient { client: rt::Client }`
fn definition(cx: &Context) -> TokenStream {
    let (name, contract) = (&cx.names.client.name, &cx.names.contract.name);
    let path = cx.contract().to_string().replace(' ', "");
    let docs = cx.docs_after(&format!("Calls a [`{contract}`]({path}) over gRPC. Cheap to clone."));
    quote! {
        #docs
        #[derive(rt::Debug, rt::Clone)]
        pub struct #name {
            client: rt::Client,
        }
    }
}

/// `connect`, `connect_lazy`, `new`, and `in_process` where there is a server to put behind it.
fn constructors(cx: &Context) -> TokenStream {
    let in_process = cx.options.build_server.then(|| in_process(cx));
    quote! {
        /// Connects to `address`, for example `http://localhost:50051`.
        ///
        /// # Errors
        /// `InvalidArgument` for a malformed address, `Unavailable` when nothing answers there.
        pub async fn connect(address: impl rt::AsRef<str>) -> rt::Result<Self, rt::Status> {
            rt::Result::Ok(Self::new(rt::Channel::connect(address).await?))
        }

        /// Connects to `address` when the first call is made.
        ///
        /// # Errors
        /// `InvalidArgument` for a malformed address.
        pub fn connect_lazy(address: impl rt::AsRef<str>) -> rt::Result<Self, rt::Status> {
            rt::Result::Ok(Self::new(rt::Channel::connect_lazy(address)?))
        }

        /// Calls through `channel`: a [`Channel`](rt::Channel), or tonic's.
        pub fn new(channel: impl rt::Into<rt::Channel>) -> Self {
            Self { client: rt::Client::new(channel) }
        }

        #in_process
    }
}

/// `pub fn in_process<S: super::calculator_service::Calculator>(service: S) -> Self { … }`, and
/// the same without a codec
fn in_process(cx: &Context) -> TokenStream {
    let contract = cx.contract();
    let Item { module, name, .. } = &cx.names.server;
    quote! {
        /// Calls `service` in this process: same codec, metadata, deadlines and limits, no socket.
        pub fn in_process<S: #contract>(service: S) -> Self {
            Self::new(rt::Channel::in_process(super::#module::#name::new(service)))
        }

        /// Calls `service` in this process, with messages that are moved instead of encoded: same
        /// metadata, deadlines, cancellation and statuses, neither limits nor compression.
        pub fn in_process_direct<S: #contract>(service: S) -> Self {
            Self::new(rt::Channel::in_process_direct(super::#module::#name::new(service)))
        }
    }
}

/// A setter for each limit and encoding.
fn settings() -> TokenStream {
    quote! {
        /// Refuses responses whose messages are larger than `limit` bytes (default: 4 MiB).
        pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
            self.client.max_decoding_message_size(limit);
            self
        }

        /// Refuses to send messages that are larger than `limit` bytes (default: no limit).
        pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
            self.client.max_encoding_message_size(limit);
            self
        }

        /// Accepts responses that are compressed with `encoding`, and says so to the server.
        pub fn accept_compressed(mut self, encoding: rt::CompressionEncoding) -> Self {
            self.client.accept_compressed(encoding);
            self
        }

        /// Compresses requests with `encoding`.
        pub fn send_compressed(mut self, encoding: rt::CompressionEncoding) -> Self {
            self.client.send_compressed(encoding);
            self
        }
    }
}

/// `pub async fn add(&self, request: impl rt::IntoRequest<…>) -> rt::Result<…> { … }`
fn call(method: &Method) -> TokenStream {
    let (name, docs, deprecated) = (&method.names.method, method.docs(), method.deprecated());
    let (message, response) = (&method.names.input, method.response_type());
    let request = match method.facts.kind.streams_requests() {
        true => quote!(rt::IntoStreamingRequest<#message>),
        false => quote!(rt::IntoRequest<#message>),
    };
    let (function, index) = (method.runtime_function(), Literal::usize_unsuffixed(method.index));
    quote! {
        #docs
        #deprecated
        pub async fn #name(&self, request: impl #request) -> #response {
            self.client.#function(&SERVICE.methods[#index], request).await
        }
    }
}

/// `impl super::calculator_service::Calculator for CalculatorClient { … }`
fn contract(cx: &Context) -> TokenStream {
    let (contract, name, allow) = (cx.contract(), &cx.names.client.name, cx.allow_deprecated());
    let methods = cx.methods().map(|method| forward(cx, &method));
    quote! {
        #allow
        impl #contract for #name { #(#methods)* }
    }
}

/// `async fn add(&self, request: rt::Request<…>) -> … { CalculatorClient::add(self, request).await }`
fn forward(cx: &Context, method: &Method) -> TokenStream {
    let (client, name) = (&cx.names.client.name, &method.names.method);
    let (request, response) = (method.request_type(), method.response_type());
    quote! {
        async fn #name(&self, request: #request) -> #response {
            #client::#name(self, request).await
        }
    }
}
