//! The server: a tower service over anything that implements the contract.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Context, Method, doc};

/// ```text
/// /// The server side of `calculator.Calculator`.
/// pub mod calculator_server {
///     use ::rust_scaffold::codegen as rt;
///
///     pub use super::calculator_service::Calculator;
///     use super::calculator_service::SERVICE;
///
///     pub struct CalculatorServer<S> { … }
///
///     impl<S: super::calculator_service::Calculator> rt::Dispatch for CalculatorServer<S> { … }
///     …
/// }
/// ```
pub(super) fn server(cx: &Context) -> TokenStream {
    let (module, runtime) = (&cx.names.server.module, cx.runtime());
    let (contract, contract_module) = (cx.contract(), &cx.names.contract.module);
    let about = doc(&format!("The server side of `{}`.", cx.service.full_name));
    let (definition, constructors) = (definition(cx), constructors(cx));
    let (identity, dispatch, tower_service) = (identity(cx), dispatch(cx), tower_service(cx));
    quote! {
        #about
        pub mod #module {
            #runtime
            pub use #contract;
            use super::#contract_module::SERVICE;
            #definition
            #constructors
            #identity
            #dispatch
            #tower_service
        }
    }
}

/// `pub struct CalculatorServer<S> { service: rt::Arc<S>, config: rt::ServerConfig }`
fn definition(cx: &Context) -> TokenStream {
    let (name, contract) = (&cx.names.server.name, &cx.names.contract.name);
    let docs = cx.docs_after(&format!(
        "Serves a [`{contract}`] over gRPC, in any tower-based server or in process."
    ));
    quote! {
        #docs
        #[derive(rt::Debug)]
        pub struct #name<S> {
            service: rt::Arc<S>,
            config: rt::ServerConfig,
        }
    }
}

/// `new`, `from_arc` and a setter for each limit and encoding.
fn constructors(cx: &Context) -> TokenStream {
    let (name, contract) = (&cx.names.server.name, cx.contract());
    quote! {
        impl<S: #contract> #name<S> {
            /// Serves `service`.
            pub fn new(service: S) -> Self {
                Self::from_arc(rt::Arc::new(service))
            }

            /// Serves a `service` that is shared with others.
            pub fn from_arc(service: rt::Arc<S>) -> Self {
                Self { service, config: rt::ServerConfig::new() }
            }

            /// Refuses requests whose messages are larger than `limit` bytes (default: 4 MiB).
            pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
                self.config.max_decoding_message_size(limit);
                self
            }

            /// Refuses to send messages that are larger than `limit` bytes (default: no limit).
            pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
                self.config.max_encoding_message_size(limit);
                self
            }

            /// Accepts requests that are compressed with `encoding`.
            pub fn accept_compressed(mut self, encoding: rt::CompressionEncoding) -> Self {
                self.config.accept_compressed(encoding);
                self
            }

            /// Compresses responses with `encoding` for clients that accept it.
            pub fn send_compressed(mut self, encoding: rt::CompressionEncoding) -> Self {
                self.config.send_compressed(encoding);
                self
            }
        }
    }
}

/// `rt::Clone`, whether or not `S` has it, and `rt::NamedService`.
fn identity(cx: &Context) -> TokenStream {
    let (name, full_name) = (&cx.names.server.name, &cx.service.full_name);
    quote! {
        impl<S> rt::Clone for #name<S> {
            fn clone(&self) -> Self {
                Self { service: rt::Clone::clone(&self.service), config: self.config }
            }
        }

        impl<S> rt::NamedService for #name<S> {
            const NAME: &'static str = #full_name;
        }
    }
}

/// `impl<S: super::calculator_service::Calculator> rt::Dispatch for CalculatorServer<S> { … }`
fn dispatch(cx: &Context) -> TokenStream {
    let (name, contract, allow) = (&cx.names.server.name, cx.contract(), cx.allow_deprecated());
    let arms = cx.methods().map(|method| arm(&method));
    let body = match cx.service.methods.is_empty() {
        true => quote! { let _ = method; call.unimplemented() },
        false => quote! {
            let service = rt::Clone::clone(&self.service);
            match method {
                #(#arms)*
                _ => call.unimplemented(),
            }
        },
    };
    quote! {
        impl<S: #contract> rt::Dispatch for #name<S> {
            fn service(&self) -> &'static rt::ServiceDescriptor {
                &SERVICE
            }

            fn config(&self) -> &rt::ServerConfig {
                &self.config
            }

            #allow
            fn call(&self, method: usize, call: rt::ServerCall) -> rt::ReplyFuture {
                #body
            }
        }
    }
}

/// `0 => call.unary(move |request| async move { S::add(&service, request).await }),`
fn arm(method: &Method) -> TokenStream {
    let (index, name) = (Literal::usize_unsuffixed(method.index), &method.names.method);
    let function = method.runtime_function();
    quote! {
        #index => call.#function(move |request| async move { S::#name(&service, request).await }),
    }
}

/// `impl<…> rt::Service<rt::http::Request<B>> for CalculatorServer<S> { … }`
fn tower_service(cx: &Context) -> TokenStream {
    let (name, contract) = (&cx.names.server.name, cx.contract());
    quote! {
        impl<S: #contract, B: rt::RequestBody> rt::Service<rt::http::Request<B>> for #name<S> {
            type Response = rt::http::Response<rt::Body>;
            type Error = rt::Infallible;
            type Future = rt::HttpReplyFuture;

            fn poll_ready(
                &mut self,
                _: &mut rt::Context<'_>,
            ) -> rt::Poll<rt::Result<(), Self::Error>> {
                rt::Poll::Ready(rt::Result::Ok(()))
            }

            fn call(&mut self, request: rt::http::Request<B>) -> Self::Future {
                rt::serve_http(self, request)
            }
        }
    }
}
