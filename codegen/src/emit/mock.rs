//! The mock: typed names over the runtime's engine, and matchers for the messages of requests.

use super::{Context, Method, code::Code, path_of};
use crate::{
    model::Kind,
    names::{Like, MockMethodNames},
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
pub(super) fn mock(code: &mut Code, cx: &Context) {
    cx.runtime(code);
    definition(code, cx);
    functions(code, cx);
    contract(code, cx);
    mocked(code, cx);
    like(code, &cx.names.mock.like);
}

/// `pub struct MockCalculator { mock: rt::mock::Mock }`
fn definition(code: &mut Code, cx: &Context) {
    let (contract, path) = (&cx.names.contract.name, cx.contract());
    code.item();
    code.docs(&[
        format!("A [`{contract}`]({path}) that answers and expects what a test says."),
        String::new(),
        "Clones are the same mock; the first handle gives the verdict when it is dropped.".into(),
    ]);
    code.write(
        "
        #[derive(rt::Clone, rt::Debug)]
        pub struct $name {
            mock: rt::mock::Mock,
        }

        impl rt::Default for $name {
            #[track_caller]
            fn default() -> Self {
                Self::new()
            }
        }
        ",
        &[("name", &cx.names.mock.item.name)],
    );
}

/// `impl MockCalculator { … }`
fn functions(code: &mut Code, cx: &Context) {
    code.item();
    code.block(format_args!("impl {}", cx.names.mock.item.name), |code| {
        constructors(code);
        if cx.options.build_client {
            client(code, cx);
        }
        if cx.options.build_server {
            comparisons(code, cx);
        }
        for (method, names) in cx.methods().zip(&cx.names.mock.methods) {
            method_functions(code, &method, names);
        }
        verdicts(code);
    });
}

/// `new`, `replay`, `record` and the servers
fn constructors(code: &mut Code) {
    code.write(
        "
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

        /// Writes every call from now on to a tape at `path`, without metadata that looks secret
        /// and without fields that are marked `debug_redact`.
        ///
        /// # Errors
        /// When the file cannot be made.
        pub fn record(
            &self,
            path: impl rt::AsRef<rt::Path>,
        ) -> rt::Result<rt::mock::Tape, rt::mock::TapeError> {
            self.mock.record::<Self>(path)
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
        ",
        &[],
    );
}

/// `pub fn client(&self) -> super::calculator_client::CalculatorClient { … }`
fn client(code: &mut Code, cx: &Context) {
    code.item();
    code.write(
        "
        /// A client of this mock, in this process and through the codec.
        #[inline]
        pub fn client(&self) -> $client {
            $client::new(rt::Channel::in_process(self.server()))
        }
        ",
        &[("client", &path_of(&cx.names.client))],
    );
}

/// What a mock can do with an implementation of the contract when there is a server for it.
fn comparisons(code: &mut Code, cx: &Context) {
    code.item();
    code.write(
        "
        /// A mock that hands what nothing else takes to `real`: it records calls, and fails those
        /// that it is told to.
        #[track_caller]
        pub fn spy<S: $contract>(real: S) -> Self {
            let real = $server::new(real);
            Self { mock: rt::mock::Mock::spy::<Self, _, _>(real) }
        }

        /// Makes the calls on the tape at `path` to `real` and compares the answers.
        ///
        /// # Errors
        /// When the tape cannot be read, or `real` answers otherwise.
        pub async fn verify_tape<S: $contract>(
            path: impl rt::AsRef<rt::Path>,
            real: S,
        ) -> rt::Result<(), rt::mock::TapeError> {
            let real = $server::new(real);
            rt::mock::verify_tape::<Self, _, _>(path, real).await
        }
        ",
        &[("contract", &cx.contract()), ("server", &path_of(&cx.names.server))],
    );
}

fn verdicts(code: &mut Code) {
    code.item();
    code.write(
        "
        /// Gives the verdict so far and, if all is well, forgets what was expected; stubs stay.
        ///
        /// # Panics
        /// With everything that went wrong.
        #[inline]
        #[track_caller]
        pub fn checkpoint(&self) {
            self.mock.checkpoint();
        }

        /// Gives the verdict so far. Whatever goes wrong later is told when the mock is dropped.
        ///
        /// # Panics
        /// With everything that went wrong.
        #[inline]
        #[track_caller]
        pub fn verify(&self) {
            self.mock.verify();
        }

        /// Gives the verdict once everything expected has come, at the latest after `limit`. That
        /// nothing more comes is what `quiet_for` waits for.
        ///
        /// # Panics
        /// With everything that went wrong.
        #[inline]
        #[track_caller]
        pub fn verify_within(
            &self,
            limit: rt::Duration,
        ) -> impl rt::Future<Output = ()> + rt::Send + '_ {
            self.mock.verify_within(limit)
        }

        /// Gives the verdict after `time`, in which no call may come: whatever was expected.
        ///
        /// # Panics
        /// With everything that went wrong.
        #[inline]
        #[track_caller]
        pub fn quiet_for(&self, time: rt::Duration) -> impl rt::Future<Output = ()> + rt::Send + '_ {
            self.mock.quiet_for(time)
        }
        ",
        &[],
    );
}

/// `expect_add`, `on_add` and `add_calls`
fn method_functions(code: &mut Code, method: &Method, names: &MockMethodNames) {
    code.item();
    code.write(
        "
        /// Expects calls of `$rpc`: one at least, unless it is told how many.
        #[inline]
        #[track_caller]
        pub fn $expect(&self) -> rt::mock::Expectation<$kind> {
            self.mock.expect($index)
        }

        /// Answers calls of `$rpc` that no expectation takes, if there are any.
        #[inline]
        #[track_caller]
        pub fn $stub(&self) -> rt::mock::Expectation<$kind> {
            self.mock.stub($index)
        }

        /// The calls of `$rpc` so far.
        #[inline]
        pub fn $calls(&self) -> rt::Vec<rt::mock::Call<$input>> {
            self.mock.calls($index)
        }
        ",
        &[
            ("rpc", &method.facts.name),
            ("expect", &names.expect),
            ("stub", &names.stub),
            ("calls", &names.calls),
            ("kind", &kind(method)),
            ("input", &method.names.input),
            ("index", &method.index),
        ],
    );
}

/// `rt::mock::Unary<super::AddRequest, super::AddResponse>`
fn kind(method: &Method) -> String {
    let (input, output) = (&method.names.input, &method.names.output);
    let kind = match method.facts.kind {
        Kind::Unary => "Unary",
        Kind::ClientStreaming => "ClientStreaming",
        Kind::ServerStreaming => "ServerStreaming",
        Kind::BidiStreaming => "BidiStreaming",
    };
    format!("rt::mock::{kind}<{input}, {output}>")
}

/// `impl super::calculator_service::Calculator for MockCalculator { … }`
fn contract(code: &mut Code, cx: &Context) {
    code.item();
    code.block(format_args!("impl {} for {}", cx.contract(), cx.names.mock.item.name), |code| {
        for method in cx.methods() {
            answer(code, &method);
        }
    });
}

/// `fn add(&self, request: …) -> impl rt::Future<Output = …> + rt::Send { … }`
fn answer(code: &mut Code, method: &Method) {
    code.item();
    code.write(
        "
        #[inline]
        fn $name(&self, request: $request) -> impl rt::Future<Output = $response> + rt::Send {
            self.mock.answer($index, request)
        }
        ",
        &[
            ("name", &method.names.method),
            ("request", &method.request_type()),
            ("response", &method.response_type()),
            ("index", &method.index),
        ],
    );
}

/// `rt::mock::Method::of::<rt::mock::Unary<super::Login, super::Session>>()`, which names a codec of the
/// user's, and what hides the secrets of its messages
fn method_entry(cx: &Context, method: &Method) -> String {
    let (facts, names) = (method.facts, method.names);
    let mut entry = match &names.codec {
        None => format!("rt::mock::Method::of::<{}>()", kind(method)),
        Some(codec) => format!("rt::mock::Method::with_codec::<{}, {codec}>()", kind(method)),
    };
    if let Some(redaction) = redaction(cx, (&facts.input, &names.input)) {
        entry += &format!(".redact_requests({redaction})");
    }
    if let Some(redaction) = redaction(cx, (&facts.output, &names.output)) {
        entry += &format!(".redact_responses({redaction})");
    }
    entry
}

/// `rt::mock::redact::<super::Login>`; whether a message from elsewhere can do it itself is found
/// out where the type is known.
fn redaction(cx: &Context, (full_name, message): (&str, &str)) -> Option<String> {
    if !cx.secrets.are_in(full_name) {
        return None;
    }
    Some(match cx.paths.is_foreign(full_name) {
        true => format!(
            "|message| rt::mock::redact_by::<{message}>(message, |message| rt::redact!(message))"
        ),
        false => format!("rt::mock::redact::<{message}>"),
    })
}

/// `impl rt::mock::Mocked for MockCalculator { … }`
fn mocked(code: &mut Code, cx: &Context) {
    let name = &cx.names.mock.item.name;
    let methods = cx.methods().map(|method| method_entry(cx, &method));
    code.item();
    code.write(
        "
        impl rt::mock::Mocked for $name {
            const NAME: &'static str = \"$name\";

            const SERVICE: &'static rt::ServiceDescriptor = &super::$module::SERVICE;

            const METHODS: &'static [rt::mock::Method] = &[$methods];
        }
        ",
        &[
            ("name", name),
            ("module", &cx.names.contract.module),
            ("methods", &methods.collect::<Vec<_>>().join(", ")),
        ],
    );
}

/// ```text
/// pub mod like {
///     pub use super::super::calculator_matchers::*;
/// }
/// ```
///
/// There is none if no request is a message that is generated.
fn like(code: &mut Code, Like { modules, named }: &Like) {
    if modules.is_empty() {
        return;
    }
    code.item();
    code.docs(&["Matchers for the messages that requests are made of, field by field."]);
    code.line(format_args!("#[allow(ambiguous_glob_reexports, unused_imports)]"));
    code.block(format_args!("pub mod like"), |code| {
        for module in modules {
            code.line(format_args!("pub use {module};"));
        }
        for (matcher, name) in named {
            let rename = match matcher.rsplit("::").next() == Some(name) {
                true => String::new(),
                false => format!(" as {name}"),
            };
            code.line(format_args!("pub use {matcher}{rename};"));
        }
    });
}
