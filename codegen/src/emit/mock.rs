//! The mock: typed names over the runtime's engine, and matchers for the messages of requests.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{Context, Method, doc, docs};
use crate::{
    model::Kind,
    names::{Matcher, MockMethodNames, Part},
};

/// What is in the mock's module.
///
/// ```text
/// use ::rust_scaffold::codegen as rt;
///
/// pub struct MockCalculator { mock: rt::mock::Mock }
///
/// impl MockCalculator { … }
///
/// impl super::calculator_service::Calculator for MockCalculator { … }
///
/// impl rt::mock::Mocked for MockCalculator { … }
///
/// pub mod like { … }
/// ```
pub(super) fn mock(cx: &Context) -> TokenStream {
    let (runtime, definition, functions) = (cx.runtime(), definition(cx), functions(cx));
    let (contract, mocked, matchers) = (contract(cx), mocked(cx), matchers(cx));
    quote! {
        #runtime
        #definition
        #functions
        #contract
        #mocked
        #matchers
    }
}

/// `pub struct MockCalculator { mock: rt::mock::Mock }`
fn definition(cx: &Context) -> TokenStream {
    let (name, contract) = (&cx.names.mock.item.name, &cx.names.contract.name);
    let path = cx.contract().to_string().replace(' ', "");
    let about = format!("A [`{contract}`]({path}) that answers and expects what a test says.");
    let about = docs(&[
        about,
        String::new(),
        "Clones are the same mock; the first handle gives the verdict when it is dropped.".into(),
    ]);
    quote! {
        #about
        #[derive(rt::Clone, rt::Debug)]
        pub struct #name {
            mock: rt::mock::Mock,
        }

        impl rt::Default for #name {
            #[track_caller]
            fn default() -> Self {
                Self::new()
            }
        }
    }
}

/// `impl MockCalculator { … }`
fn functions(cx: &Context) -> TokenStream {
    let name = &cx.names.mock.item.name;
    let constructors = constructors();
    let comparisons = cx.options.build_server.then(|| comparisons(cx));
    let client = cx.options.build_client.then(|| client(cx));
    let methods = cx.methods().zip(&cx.names.mock.methods);
    let methods = methods.map(|(method, names)| method_functions(&method, names));
    let verdicts = verdicts();
    quote! {
        impl #name {
            #constructors
            #client
            #comparisons
            #(#methods)*
            #verdicts
        }
    }
}

/// `new`, `replay` and `record`
fn constructors() -> TokenStream {
    quote! {
        /// A mock of which nothing is expected yet.
        #[inline]
        #[track_caller]
        pub fn new() -> Self {
            Self { mock: rt::mock::Mock::new::<Self>() }
        }

        /// A mock that expects the calls on the tape at `path` and answers them as it says.
        ///
        /// # Errors
        /// When the tape cannot be read, or is one of another service.
        #[track_caller]
        pub fn replay(path: impl rt::AsRef<rt::Path>) -> rt::Result<Self, rt::mock::TapeError> {
            rt::Result::Ok(Self { mock: rt::mock::Mock::replay::<Self>(path)? })
        }

        /// Writes every call from now on to a tape at `path`, without metadata that looks secret.
        ///
        /// # Errors
        /// When the file cannot be made.
        pub fn record(
            &self,
            path: impl rt::AsRef<rt::Path>,
        ) -> rt::Result<rt::mock::Tape, rt::mock::TapeError> {
            self.mock.record(path)
        }

        /// A server of this mock, for any router.
        #[inline]
        pub fn server(&self) -> rt::mock::MockServer<Self> {
            self.mock.server()
        }

        /// Serves this mock on a free port of 127.0.0.1, until what it returns is dropped.
        ///
        /// # Errors
        /// When no port can be listened on.
        #[inline]
        pub async fn serve(&self) -> rt::io::Result<rt::mock::Serving> {
            rt::mock::serve(self.server()).await
        }
    }
}

/// What a mock can do with an implementation of the contract when there is a server for it.
fn comparisons(cx: &Context) -> TokenStream {
    let contract = cx.contract();
    let (module, server) = (&cx.names.server.module, &cx.names.server.name);
    quote! {
        /// A mock that hands what nothing else takes to `real`: it records calls, and fails those
        /// that it is told to.
        #[track_caller]
        pub fn spy<S: #contract>(real: S) -> Self {
            let real = super::#module::#server::new(real);
            Self { mock: rt::mock::Mock::spy::<Self, _, _>(real) }
        }

        /// Makes the calls on the tape at `path` to `real` and compares the answers.
        ///
        /// # Errors
        /// When the tape cannot be read, or `real` answers otherwise.
        pub async fn verify_tape<S: #contract>(
            path: impl rt::AsRef<rt::Path>,
            real: S,
        ) -> rt::Result<(), rt::mock::TapeError> {
            let real = super::#module::#server::new(real);
            rt::mock::verify_tape::<Self, _, _>(path, real).await
        }
    }
}

/// `pub fn client(&self) -> super::calculator_client::CalculatorClient { … }`
fn client(cx: &Context) -> TokenStream {
    let (module, client) = (&cx.names.client.module, &cx.names.client.name);
    quote! {
        /// A client of this mock, in this process and through the codec.
        #[inline]
        pub fn client(&self) -> super::#module::#client {
            super::#module::#client::new(rt::Channel::in_process(self.server()))
        }
    }
}

fn verdicts() -> TokenStream {
    quote! {
        /// Gives the verdict so far, and forgets what was expected; stubs stay.
        ///
        /// # Panics
        /// With everything that went wrong.
        #[inline]
        #[track_caller]
        pub fn checkpoint(&self) {
            self.mock.checkpoint();
        }

        /// Gives the verdict.
        ///
        /// # Panics
        /// With everything that went wrong.
        #[inline]
        #[track_caller]
        pub fn verify(self) {
            self.mock.verify();
        }

        /// Gives the verdict once everything expected has come, at the latest after `limit`.
        ///
        /// # Panics
        /// With everything that went wrong.
        pub async fn verify_within(self, limit: rt::Duration) {
            self.mock.verify_within(limit).await;
        }
    }
}

/// `expect_add`, `on_add` and `add_calls`
fn method_functions(method: &Method, names: &MockMethodNames) -> TokenStream {
    let MockMethodNames { expect, stub, calls } = names;
    let (index, kind, input) =
        (Literal::usize_unsuffixed(method.index), kind(method), &method.names.input);
    let rpc = &method.facts.name;
    let [about_expect, about_stub, about_calls] = [
        format!("Expects calls of `{rpc}`: one at least, unless it is told how many."),
        format!("Answers calls of `{rpc}` that no expectation takes, if there are any."),
        format!("The calls of `{rpc}` so far."),
    ]
    .map(|line| doc(&line));
    quote! {
        #about_expect
        #[inline]
        #[track_caller]
        pub fn #expect(&self) -> rt::mock::Expectation<#kind> {
            self.mock.expect(#index)
        }

        #about_stub
        #[inline]
        #[track_caller]
        pub fn #stub(&self) -> rt::mock::Expectation<#kind> {
            self.mock.stub(#index)
        }

        #about_calls
        #[inline]
        pub fn #calls(&self) -> rt::Vec<rt::mock::Call<#input>> {
            self.mock.calls(#index)
        }
    }
}

/// `rt::mock::Unary<super::AddRequest, super::AddResponse>`
fn kind(method: &Method) -> TokenStream {
    let (input, output) = (&method.names.input, &method.names.output);
    let kind = match method.facts.kind {
        Kind::Unary => quote!(Unary),
        Kind::ClientStreaming => quote!(ClientStreaming),
        Kind::ServerStreaming => quote!(ServerStreaming),
        Kind::BidiStreaming => quote!(BidiStreaming),
    };
    quote!(rt::mock::#kind<#input, #output>)
}

/// `impl super::calculator_service::Calculator for MockCalculator { … }`
fn contract(cx: &Context) -> TokenStream {
    let (contract, name) = (cx.contract(), &cx.names.mock.item.name);
    let methods = cx.methods().map(|method| answer(&method));
    quote! { impl #contract for #name { #(#methods)* } }
}

/// `fn add(&self, request: …) -> impl rt::Future<Output = …> + rt::Send { … }`
fn answer(method: &Method) -> TokenStream {
    let name = &method.names.method;
    let (request, response) = (method.request_type(), method.response_type());
    let index = Literal::usize_unsuffixed(method.index);
    quote! {
        #[inline]
        fn #name(
            &self,
            request: #request,
        ) -> impl rt::Future<Output = #response> + rt::Send {
            self.mock.answer(#index, request)
        }
    }
}

/// `impl rt::mock::Mocked for MockCalculator { … }`
fn mocked(cx: &Context) -> TokenStream {
    let (name, text) = (&cx.names.mock.item.name, cx.names.mock.item.name.to_string());
    let contract_module = &cx.names.contract.module;
    let kinds = cx.methods().map(|method| kind(&method)).collect::<Vec<_>>();
    quote! {
        impl rt::mock::Mocked for #name {
            const NAME: &'static str = #text;
            const SERVICE: &'static rt::ServiceDescriptor = &super::#contract_module::SERVICE;
            const METHODS: &'static [rt::mock::Method] = &[
                #(rt::mock::Method::of::<#kinds>()),*
            ];
        }
    }
}

/// `pub mod like { … }`, unless no request has a field.
fn matchers(cx: &Context) -> Option<TokenStream> {
    let matchers = &cx.names.mock.matchers;
    let content = matchers.iter().map(matcher);
    (!matchers.is_empty()).then(|| {
        quote! {
            /// Matchers for the messages that requests are made of, field by field.
            #[allow(deprecated)]
            pub mod like {
                use super::rt;
                #(#content)*
            }
        }
    })
}

/// ```text
/// pub struct AddRequest(rt::mock::Fields<super::super::AddRequest>);
///
/// impl AddRequest { … }
///
/// impl rt::mock::IntoPattern<super::super::AddRequest> for AddRequest { … }
/// ```
fn matcher(matcher: &Matcher) -> TokenStream {
    let Matcher { name, full_name, message, parts } = matcher;
    let about = doc(&format!("Matches a `{full_name}` by those of its fields that are mentioned."));
    let parts = parts.iter().map(part);
    quote! {
        #about
        #[derive(rt::Clone, rt::Debug, rt::Default)]
        pub struct #name(rt::mock::Fields<#message>);

        impl #name {
            /// Matches every message, until fields are mentioned.
            #[inline]
            pub fn new() -> Self {
                rt::Default::default()
            }

            #(#parts)*
        }

        impl rt::mock::IntoPattern<#message> for #name {
            #[inline]
            fn into_pattern(self) -> rt::mock::Pattern<#message> {
                self.0.into_pattern()
            }
        }
    }
}

/// `pub fn a(self, expected: impl rt::mock::IntoPattern<i32>) -> Self { … }`
fn part(part: &Part) -> TokenStream {
    let Part { method, name, target, .. } = part;
    let (about, view) = (doc(&format!("Expects this of `{name}`.")), view(part));
    quote! {
        #about
        pub fn #method(self, expected: impl rt::mock::IntoPattern<#target>) -> Self {
            Self(self.0.field(#name, expected, |message| #view))
        }
    }
}

/// `rt::mock::view(&message.a)`, or a look into a oneof
fn view(part: &Part) -> TokenStream {
    let field = &part.field;
    match &part.variant {
        None => quote!(rt::mock::view(&message.#field)),
        Some(variant) => quote! {
            match &message.#field {
                rt::Option::Some(#variant(value)) => rt::mock::view(value),
                _ => rt::mock::View::Absent,
            }
        },
    }
}
