//! The client: a concrete struct over the runtime's channel, which implements the contract, too.

use super::{Context, Method, code::Code, path_of, service_module};
use crate::model::Kind;

/// ```text
/// /// The client side of `calculator.Calculator`.
/// pub mod calculator_client {
///     use ::rust_scaffold::codegen as rt;
///     use super::calculator_service::SERVICE;
///
///     pub struct CalculatorClient { client: rt::Client }
///
///     impl CalculatorClient { … }
///
///     impl super::calculator_service::Calculator for CalculatorClient { … }
/// }
/// ```
pub(super) fn client(code: &mut Code, cx: &Context) {
    service_module(code, cx, (&cx.names.client, "client side"), |code| {
        if !cx.service.methods.is_empty() {
            code.line(format_args!("use super::{}::SERVICE;", cx.names.contract.module));
        }
        definition(code, cx);
        code.item();
        code.block(format_args!("impl {}", cx.names.client.name), |code| {
            constructors(code);
            if cx.options.build_server {
                in_process(code, cx);
            }
            settings(code);
            for method in cx.methods() {
                call(code, &method);
            }
        });
        contract(code, cx);
    });
}

/// `pub struct CalculatorClient { client: rt::Client }`
fn definition(code: &mut Code, cx: &Context) {
    let (contract, path) = (&cx.names.contract.name, cx.contract());
    code.item();
    cx.docs_after(code, &format!("Calls a [`{contract}`]({path}) over gRPC. Cheap to clone."));
    code.write(
        "
        #[derive(rt::Debug, rt::Clone)]
        pub struct $name {
            client: rt::Client,
        }
        ",
        &[("name", &cx.names.client.name)],
    );
}

/// `connect`, `connect_lazy`, `new`, `with_interceptor` and `with_origin`
fn constructors(code: &mut Code) {
    code.write(
        "
        /// Connects to `address`, for example `http://localhost:50051`.
        ///
        /// # Errors
        /// For a malformed address, or if the server cannot be reached.
        pub async fn connect(address: impl rt::AsRef<str>) -> rt::Result<Self, rt::ConnectError> {
            rt::Result::Ok(Self::new(rt::Channel::connect(address).await?))
        }

        /// Connects to `address` when the first call is made.
        ///
        /// # Errors
        /// For a malformed address.
        pub fn connect_lazy(address: impl rt::AsRef<str>) -> rt::Result<Self, rt::ConnectError> {
            rt::Result::Ok(Self::new(rt::Channel::connect_lazy(address)?))
        }

        /// Calls through `channel`: a [`Channel`](rt::Channel), or tonic's.
        pub fn new(channel: impl rt::Into<rt::Channel>) -> Self {
            Self { client: rt::Client::new(channel) }
        }

        /// Calls through `channel`, behind a tonic interceptor: a function from `Request<()>` to
        /// `Result<Request<()>, Status>`. There is more to [`intercept`](Self::intercept).
        pub fn with_interceptor(
            channel: impl rt::Into<rt::Channel>,
            interceptor: impl rt::TonicInterceptor,
        ) -> Self {
            Self { client: rt::Client::with_interceptor(channel, interceptor) }
        }

        /// Calls through `channel`, with the scheme and the authority of `origin` in the requests.
        pub fn with_origin(channel: impl rt::Into<rt::Channel>, origin: rt::Uri) -> Self {
            Self { client: rt::Client::with_origin(channel, origin) }
        }
        ",
        &[],
    );
}

/// Where there is a server to put behind the client.
fn in_process(code: &mut Code, cx: &Context) {
    code.item();
    code.write(
        "
        /// Calls `service` in this process: same codec, metadata, deadlines and limits, no socket.
        pub fn in_process<S: $contract>(service: S) -> Self {
            Self::new(rt::Channel::in_process($server::new(service)))
        }

        /// Calls `service` in this process, with messages that are moved instead of encoded: same
        /// metadata, deadlines, cancellation and statuses, neither limits nor compression.
        pub fn in_process_direct<S: $contract>(service: S) -> Self {
            Self::new(rt::Channel::in_process_direct($server::new(service)))
        }
        ",
        &[("contract", &cx.contract()), ("server", &path_of(&cx.names.server))],
    );
}

/// A setter for each limit and encoding, and for interceptors.
fn settings(code: &mut Code) {
    code.item();
    code.write(
        "
        /// Refuses responses whose messages are larger than `limit` bytes (default: 4 MiB).
        #[must_use]
        pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
            self.client.max_decoding_message_size(limit);
            self
        }

        /// Refuses to send messages that are larger than `limit` bytes (default: no limit).
        #[must_use]
        pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
            self.client.max_encoding_message_size(limit);
            self
        }

        /// Accepts responses that are compressed with `encoding`, and says so to the server.
        #[must_use]
        pub fn accept_compressed(mut self, encoding: rt::CompressionEncoding) -> Self {
            self.client.accept_compressed(encoding);
            self
        }

        /// Compresses requests with `encoding`.
        #[must_use]
        pub fn send_compressed(mut self, encoding: rt::CompressionEncoding) -> Self {
            self.client.send_compressed(encoding);
            self
        }

        /// Adds an interceptor for the calls of this client, to be called after those that were added
        /// before, and before those of the channel.
        #[must_use]
        pub fn intercept(mut self, interceptor: impl rt::Interceptor) -> Self {
            self.client.intercept(interceptor);
            self
        }
        ",
        &[],
    );
}

/// `pub async fn add(&self, request: impl rt::IntoRequest<…>) -> rt::Result<…> { … }`
fn call(code: &mut Code, method: &Method) {
    if let Kind::BidiStreaming = method.facts.kind {
        return bidi_call(code, method);
    }
    let request = match method.facts.kind.streams_requests() {
        true => "rt::IntoStreamingRequest",
        false => "rt::IntoRequest",
    };
    code.item();
    method.docs(code);
    code.write(
        "
        pub async fn $name(&self, request: impl $request<$message>) -> $response {
            self.client.$function($descriptor, request).await
        }
        ",
        &[
            ("name", &method.names.method),
            ("request", &request),
            ("message", &method.names.input),
            ("response", &method.response_type()),
            ("function", &method.runtime_function()),
            ("descriptor", &descriptor(method)),
        ],
    );
}

/// `pub fn tail(&self, request: impl rt::IntoStreamingRequest<…>) -> rt::BidiCall<…> { … }`
fn bidi_call(code: &mut Code, method: &Method) {
    code.item();
    method.docs(code);
    code.write(
        "
        pub fn $name(&self, request: impl rt::IntoStreamingRequest<$message>) -> rt::BidiCall<$output> {
            self.client.bidi_streaming($descriptor, request)
        }
        ",
        &[
            ("name", &method.names.method),
            ("message", &method.names.input),
            ("output", &method.names.output),
            ("descriptor", &descriptor(method)),
        ],
    );
}

/// `&SERVICE.methods[0]`, or `SERVICE.methods[0].with_codec::<crate::MyCodec>()`
fn descriptor(method: &Method) -> String {
    match &method.names.codec {
        None => format!("&SERVICE.methods[{}]", method.index),
        Some(codec) => format!("SERVICE.methods[{}].with_codec::<{codec}>()", method.index),
    }
}

/// `impl super::calculator_service::Calculator for CalculatorClient { … }`
fn contract(code: &mut Code, cx: &Context) {
    code.item();
    cx.allow_deprecated(code);
    code.block(format_args!("impl {} for {}", cx.contract(), cx.names.client.name), |code| {
        for method in cx.methods() {
            forward(code, cx, &method);
        }
    });
}

/// `async fn add(&self, request: rt::Request<…>) -> … { CalculatorClient::add(self, request).await }`
fn forward(code: &mut Code, cx: &Context, method: &Method) {
    code.item();
    code.write(
        "
        async fn $name(&self, request: $request) -> $response {
            $client::$name(self, request).await
        }
        ",
        &[
            ("name", &method.names.method),
            ("request", &method.request_type()),
            ("response", &method.response_type()),
            ("client", &cx.names.client.name),
        ],
    );
}
