//! [`TraceCalls`]: a span of `tracing` for each call, on either side.

use std::{
    env,
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
};

#[cfg(all(feature = "server", not(target_family = "wasm")))]
use http::Extensions;
use http::HeaderMap;
use tonic::{Code, Status};
use tracing::{Span, field::Empty};

#[cfg(feature = "opentelemetry")]
use super::trace_context;
use super::{
    call::{InterceptedCall, Role},
    end::CallEnd,
    interceptor::{Interceptor, Next},
};
use crate::call::{
    excerpt,
    reply::Reply,
    status::{code_name, is_fault_of_server},
};
#[cfg(all(feature = "server", not(target_family = "wasm")))]
use crate::{call::client_ip::ClientIp, connection::connect_info::ConnectInfo};

/// Puts each call into a span of `tracing`, of level `INFO` and the target `rust_scaffold::call`. Needs the feature
/// `tracing`.
///
/// [`Server::trace_calls`](crate::Server::trace_calls) and [`Channel::trace_calls`](crate::Channel::trace_calls) do so
/// for all calls of a server or a channel. It is an [`Interceptor`] as well, for servers that another library serves,
/// and for clients.
///
/// A handler runs in the span, and so do the stream of its responses, and work in
/// [`Context::scope`](crate::Context::scope). The span ends when the call has ended and nothing of it is left.
///
/// Fields have the names of OpenTelemetry's [conventions for gRPC], those of the kinds
/// `otel.name`, `otel.kind` and `otel.status_code` are for the crate `tracing-opentelemetry`:
///
/// | [`RpcConventions::Current`] | [`RpcConventions::Former`] | |
/// |---|---|---|
/// | `rpc.system.name` | `rpc.system` | `grpc` |
/// | `rpc.method` | `rpc.service`, `rpc.method` | the method, `_OTHER` if the server has none of this name |
/// | `rpc.response.status_code` | `rpc.grpc.status_code` | the status: by its name, or by its number |
/// | `error.type` | | the status, if it is an error |
/// | `server.address`, `server.port` | the same | of a client's calls: what its channel connects to |
/// | `network.peer.address`, `network.peer.port` | the same | of a server's calls, who calls |
/// | `client.address` | the same | the client, if a proxy has [named](crate::Server::forwarded_for) it |
///
/// On a client, each status but `OK` is an error; on a server, `UNKNOWN`, `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`,
/// `INTERNAL`, `UNAVAILABLE` and `DATA_LOSS` are.
///
/// Neither messages nor metadata are in a span.
///
/// [conventions for gRPC]: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
#[derive(Clone, Debug, Default)]
pub struct TraceCalls {
    conventions: RpcConventions,
    server: Option<Arc<ServerAddress>>,
}

/// Which names of OpenTelemetry's conventions for RPC are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RpcConventions {
    /// The current ones.
    #[default]
    Current,
    /// Those up to version 1.37.
    Former,
    /// Both, for a time of transition. `rpc.method` means two different things in them: it is the current one.
    Both,
}

impl RpcConventions {
    /// As `OTEL_SEMCONV_STABILITY_OPT_IN` says, a list of words: [`Both`](Self::Both) if one of them is `rpc/dup`,
    /// [`Current`](Self::Current) if one is `rpc`, and [`Former`](Self::Former) otherwise, as OpenTelemetry wants it of
    /// instrumentations that had those before.
    pub fn from_env() -> Self {
        let list = env::var("OTEL_SEMCONV_STABILITY_OPT_IN").unwrap_or_default();
        Self::of_list(&list)
    }

    fn of_list(list: &str) -> Self {
        let has = |word: &str| list.split(',').any(|listed| listed.trim() == word);
        match (has("rpc/dup"), has("rpc")) {
            (true, _) => Self::Both,
            (false, true) => Self::Current,
            (false, false) => Self::Former,
        }
    }

    pub(super) fn are_current(self) -> bool {
        self != Self::Former
    }

    pub(super) fn are_former(self) -> bool {
        self != Self::Current
    }
}

/// What a channel connects to.
#[derive(Debug)]
pub(crate) struct ServerAddress {
    pub(crate) address: String,
    /// None for a Unix socket.
    pub(crate) port: Option<u16>,
}

impl TraceCalls {
    /// With the current conventions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whose names are used. Default: the current ones.
    #[must_use]
    pub fn conventions(self, conventions: RpcConventions) -> Self {
        Self { conventions, ..self }
    }

    /// With the address of the server that is called.
    pub(crate) fn with_server(self, server: Option<Arc<ServerAddress>>) -> Self {
        Self { server: server.or(self.server), ..self }
    }
}

impl Interceptor for TraceCalls {
    async fn intercept(&self, mut call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        #[cfg(all(feature = "server", not(target_family = "wasm")))]
        let caller = match call.role() {
            Role::Client => SpanCaller::default(),
            Role::Server => SpanCaller::of(call.peer(), call.extensions()),
        };
        #[cfg(not(all(feature = "server", not(target_family = "wasm"))))]
        let caller = SpanCaller::default();
        let span = CallSpan::start(self, call.role(), SpanMethod::Known(call.path()), &caller);
        if span.is_disabled() {
            return next.run(call).await;
        }
        span.join_trace(call.metadata_mut().as_mut());
        let ended = span.clone();
        let mut reply = pin!(next.on_end(move |end| ended.end(end)).run(call));
        poll_fn(|cx| span.span.in_scope(|| reply.as_mut().poll(cx))).await
    }
}

/// The path of a call, which names its method.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SpanMethod<'a> {
    Known(&'a str),
    /// Whether there is such a method is not known, or there is none.
    Other(&'a str),
}

/// Who calls a server, as far as that is known.
#[derive(Default)]
pub(crate) struct SpanCaller {
    peer: Option<SocketAddr>,
    /// The client, if the peer is a proxy that has named it.
    client: Option<IpAddr>,
}

#[cfg(all(feature = "server", not(target_family = "wasm")))]
impl SpanCaller {
    /// Who has made a request with these `extensions` over a connection of which `info` is known.
    pub(crate) fn of(info: Option<&ConnectInfo>, extensions: &Extensions) -> Self {
        let client = extensions.get().map(ClientIp::address);
        Self { peer: info.and_then(ConnectInfo::remote_addr), client }
    }
}

/// The span of a call.
#[derive(Clone, Debug)]
pub(crate) struct CallSpan {
    pub(crate) span: Span,
    role: Role,
    conventions: RpcConventions,
}

impl CallSpan {
    /// Begins a span for a call of this method.
    ///
    /// All that is known is given now: what is added later costs a subscriber much more, which may have written the
    /// span down by then.
    pub(crate) fn start(
        tracing: &TraceCalls,
        role: Role,
        method: SpanMethod<'_>,
        &SpanCaller { peer, client }: &SpanCaller,
    ) -> Self {
        let conventions = tracing.conventions;
        let (is_current, is_former) = (conventions.are_current(), conventions.are_former());
        let (path, original) = match method {
            SpanMethod::Known(path) => (Some(path), None),
            SpanMethod::Other(path) => (None, Some(path)),
        };
        let [method, original] =
            [path, original].map(|path| path.map(|path| path.strip_prefix('/').unwrap_or(path)));
        let original = original.map(excerpt::name);
        let (service, name) = method.and_then(|method| method.rsplit_once('/')).unzip();
        let server = tracing.server.as_deref();
        let span = tracing::info_span!(
            target: "rust_scaffold::call",
            "call",
            otel.name = method.unwrap_or("grpc"),
            otel.kind = match role {
                Role::Client => "client",
                Role::Server => "server",
            },
            otel.status_code = Empty,
            rpc.system.name = is_current.then_some("grpc"),
            rpc.system = is_former.then_some("grpc"),
            rpc.method = match is_current {
                true => Some(method.unwrap_or("_OTHER")),
                false => name,
            },
            rpc.method_original = original.as_deref().filter(|_| is_current),
            rpc.service = service.filter(|_| is_former),
            rpc.response.status_code = Empty,
            rpc.grpc.status_code = Empty,
            "error.type" = Empty,
            server.address = server.map(|server| server.address.as_str()),
            // Signed, as tracing-opentelemetry knows no other integers.
            server.port = server.and_then(|server| server.port).map(i64::from),
            client.address = client.map(tracing::field::display),
            network.peer.address = peer.map(|peer| tracing::field::display(peer.ip())),
            network.peer.port = peer.map(|peer| i64::from(peer.port())),
        );
        Self { span, role, conventions }
    }

    /// Whether nobody wants to know of it.
    pub(crate) fn is_disabled(&self) -> bool {
        self.span.is_disabled()
    }

    /// Makes it a part of the trace in `headers`, if that has one and it has none, and its call a part of its own.
    #[cfg(feature = "opentelemetry")]
    pub(crate) fn join_trace(&self, headers: &mut HeaderMap) {
        // A client's call belongs to where it is made; what is in its headers may be of a span further out.
        if self.role == Role::Server || !trace_context::is_in_trace() {
            trace_context::continue_trace(&self.span, headers);
        }
        trace_context::propagate(&self.span, headers);
    }

    #[cfg(not(feature = "opentelemetry"))]
    #[allow(clippy::unused_self, reason = "there are no traces")]
    pub(crate) fn join_trace(&self, _headers: &mut HeaderMap) {}

    /// Adds how the call has ended.
    pub(crate) fn end(&self, end: &CallEnd<'_>) {
        let (span, code) = (&self.span, end.code());
        if self.conventions.are_current() {
            span.record("rpc.response.status_code", code_name(code));
        }
        if self.conventions.are_former() {
            span.record("rpc.grpc.status_code", code as i32);
        }
        let is_error = match self.role {
            Role::Client => code != Code::Ok,
            Role::Server => is_fault_of_server(code),
        };
        if is_error {
            span.record("otel.status_code", "ERROR");
            if self.conventions.are_current() {
                span.record("error.type", code_name(code));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_conventions_as_opentelemetry_has_it() {
        for (list, expected) in [
            ("", RpcConventions::Former),
            ("http", RpcConventions::Former),
            ("rpc", RpcConventions::Current),
            ("http/dup, rpc", RpcConventions::Current),
            ("rpc,rpc/dup", RpcConventions::Both),
        ] {
            assert_eq!(RpcConventions::of_list(list), expected, "{list}");
        }
    }
}
