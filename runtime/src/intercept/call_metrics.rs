//! [`CallMetrics`]: metrics of OpenTelemetry about calls, on either side.

use std::{fmt, sync::Arc, time::Duration};

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram, Meter, UpDownCounter},
};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::{
    attempts::{AttemptObserver, AttemptStart, Attempts},
    call::{InterceptedCall, Role},
    end::CallEnd,
    interceptor::{Interceptor, Next},
    trace_calls::{RpcConventions, ServerAddress},
};
use crate::{
    call::{
        reply::Reply,
        status::{code_name, is_fault_of_server},
    },
    protocol::message_counter::MessageCount,
};

/// Measures calls with instruments of OpenTelemetry. Needs the feature `opentelemetry`.
///
/// [`Server::measure_calls`](crate::Server::measure_calls) and
/// [`Channel::measure_calls`](crate::Channel::measure_calls) do so for all calls of a server or a channel.
///
/// The metrics are those of [gRFC A66], and those of OpenTelemetry's [conventions for RPC]:
///
/// | metric | kind, unit | attributes |
/// |---|---|---|
/// | `grpc.server.call.started` | counter, `{call}` | `grpc.method` |
/// | `grpc.server.call.duration` | histogram, `s` | `grpc.method`, `grpc.status` |
/// | `grpc.server.call.sent_total_compressed_message_size`, `…rcvd_…` | histogram, `By` | the same |
/// | `grpc.client.attempt.started` | counter, `{attempt}` | `grpc.method`, `grpc.target` |
/// | `grpc.client.attempt.duration` | histogram, `s` | `grpc.method`, `grpc.target`, `grpc.status` |
/// | `grpc.client.attempt.sent_total_compressed_message_size`, `…rcvd_…` | histogram, `By` | the same |
/// | `grpc.client.call.duration` | histogram, `s` | the same |
/// | `rpc.server.call.duration`, `rpc.client.call.duration` | histogram, `s` | `rpc.system.name`, `rpc.method`, `rpc.response.status_code`, `error.type`, on a client `server.address` and `server.port` |
/// | `rpc.server.duration`, `rpc.client.duration`: the former conventions | histogram, `ms` | `rpc.system`, `rpc.service`, `rpc.method`, `rpc.grpc.status_code` |
/// | `rust_scaffold.server.active_calls`, `rust_scaffold.client.active_calls` | up-down counter, `{call}` | `grpc.method` |
///
/// A method that no generated code of the server has is `other`, or `_OTHER`, so that no peer makes up values. A call
/// that the client's channel has not sent, or that the server has not processed, is attempted again
/// ([transparent retry](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries)); such
/// an attempt has the status `UNAVAILABLE` and no messages.
///
/// [gRFC A66]: https://github.com/grpc/proposal/blob/master/A66-otel-stats.md
/// [conventions for RPC]: https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/
#[derive(Clone, Debug, Default)]
pub struct CallMetrics {
    meter: Option<Meter>,
    conventions: RpcConventions,
}

impl CallMetrics {
    /// With the global meter provider, as it is when the server or the channel is made, and the current conventions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what makes the instruments. Default: a meter named `rust-scaffold` of the global meter provider.
    #[must_use]
    pub fn meter(self, meter: Meter) -> Self {
        Self { meter: Some(meter), ..self }
    }

    /// Sets which metrics of OpenTelemetry's conventions there are. Default: the current ones.
    #[must_use]
    pub fn conventions(self, conventions: RpcConventions) -> Self {
        Self { conventions, ..self }
    }

    /// The instruments of one side.
    pub(crate) fn instruments(&self, role: Role) -> Arc<Instruments> {
        let meter = self.meter.clone().unwrap_or_else(|| global::meter("rust-scaffold"));
        Arc::new(Instruments::new(&meter, role, self.conventions))
    }
}

/// Bounds of histograms, as gRFC A66 has them.
const LATENCIES: [f64; 41] = [
    0.0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005,
    0.006, 0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16,
    0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
];
const SIZES: [f64; 14] = [
    0.0,
    1024.0,
    2048.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
    4_294_967_296.0,
];
/// Those of OpenTelemetry's conventions, in seconds.
const RPC_LATENCIES: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The instruments of one side.
pub(crate) struct Instruments {
    role: Role,
    /// Of calls on a server, of attempts on a client.
    started: Counter<u64>,
    duration: Histogram<f64>,
    sent: Histogram<u64>,
    received: Histogram<u64>,
    /// On a client.
    call_duration: Option<Histogram<f64>>,
    /// By the current conventions, and by the former ones.
    rpc_duration: Option<Histogram<f64>>,
    former_duration: Option<Histogram<f64>>,
    active: UpDownCounter<i64>,
}

impl Instruments {
    fn new(meter: &Meter, role: Role, conventions: RpcConventions) -> Self {
        let (side, what, unit) = match role {
            Role::Server => ("server", "call", "{call}"),
            Role::Client => ("client", "attempt", "{attempt}"),
        };
        let seconds = |name: String, bounds: &[f64]| {
            meter.f64_histogram(name).with_unit("s").with_boundaries(bounds.to_vec()).build()
        };
        let bytes = |direction: &str| {
            let name = format!("grpc.{side}.{what}.{direction}_total_compressed_message_size");
            meter.u64_histogram(name).with_unit("By").with_boundaries(SIZES.to_vec()).build()
        };
        Self {
            role,
            started: meter
                .u64_counter(format!("grpc.{side}.{what}.started"))
                .with_unit(unit)
                .build(),
            duration: seconds(format!("grpc.{side}.{what}.duration"), &LATENCIES),
            sent: bytes("sent"),
            received: bytes("rcvd"),
            call_duration: (role == Role::Client)
                .then(|| seconds("grpc.client.call.duration".to_owned(), &LATENCIES)),
            rpc_duration: conventions
                .are_current()
                .then(|| seconds(format!("rpc.{side}.call.duration"), &RPC_LATENCIES)),
            former_duration: conventions.are_former().then(|| {
                let name = format!("rpc.{side}.duration");
                meter.f64_histogram(name).with_unit("ms").build()
            }),
            active: meter
                .i64_up_down_counter(format!("rust_scaffold.{side}.active_calls"))
                .with_unit("{call}")
                .build(),
        }
    }
}

/// A call while it is measured.
pub(crate) struct MeasuredCall {
    instruments: Arc<Instruments>,
    /// Without the slash before it. None if there is no such method.
    method: Option<&'static str>,
    target: Option<Arc<MeasuredTarget>>,
    begun: Instant,
}

/// What the calls of a channel go to.
#[derive(Debug)]
pub(crate) struct MeasuredTarget {
    /// As gRPC names it.
    name: String,
    server: Option<Arc<ServerAddress>>,
}

impl MeasuredTarget {
    pub(crate) fn new(server: Option<Arc<ServerAddress>>) -> Self {
        let name = match server.as_deref() {
            // IPv6, without which the port could not be told from the address.
            Some(ServerAddress { address, port: Some(port) }) if address.contains(':') => {
                format!("dns:///[{address}]:{port}")
            }
            Some(ServerAddress { address, port: Some(port) }) => {
                format!("dns:///{address}:{port}")
            }
            Some(ServerAddress { address, port: None }) => format!("unix:{address}"),
            None => String::new(),
        };
        Self { name, server }
    }
}

impl MeasuredCall {
    /// Begins to measure a call of the method with this path.
    pub(crate) fn start(
        instruments: &Arc<Instruments>,
        path: Option<&'static str>,
        target: Option<Arc<MeasuredTarget>>,
    ) -> Self {
        let method = path.map(|path| path.strip_prefix('/').unwrap_or(path));
        let call =
            Self { instruments: Arc::clone(instruments), method, target, begun: Instant::now() };
        let method = [call.grpc_method()];
        call.instruments.active.add(1, &method);
        if call.instruments.role == Role::Server {
            call.instruments.started.add(1, &method);
        }
        call
    }

    fn grpc_method(&self) -> KeyValue {
        KeyValue::new("grpc.method", self.method.unwrap_or("other"))
    }

    fn grpc_attributes(&self, code: Option<Code>) -> Vec<KeyValue> {
        let mut attributes = vec![self.grpc_method()];
        if let Some(target) = &self.target {
            attributes.push(KeyValue::new("grpc.target", target.name.clone()));
        }
        if let Some(code) = code {
            attributes.push(KeyValue::new("grpc.status", code_name(code)));
        }
        attributes
    }

    /// Records an attempt that begins.
    fn start_attempt(&self) {
        self.instruments.started.add(1, &self.grpc_attributes(None));
    }

    /// Records a call of a server, or an attempt of a client, that has ended.
    fn end_attempt(&self, code: Code, duration: Duration, sizes: [MessageCount; 2]) {
        let attributes = self.grpc_attributes(Some(code));
        let [requests, responses] = sizes.map(|count| count.bytes);
        let (sent, received) = match self.instruments.role {
            Role::Client => (requests, responses),
            Role::Server => (responses, requests),
        };
        self.instruments.duration.record(duration.as_secs_f64(), &attributes);
        self.instruments.sent.record(sent, &attributes);
        self.instruments.received.record(received, &attributes);
    }

    /// Records a call of a server that has ended.
    pub(crate) fn end(&self, end: &CallEnd<'_>) {
        self.end_attempt(end.code(), self.begun.elapsed(), [end.requests(), end.responses()]);
        self.end_call(end.code());
    }

    fn end_call(&self, code: Code) {
        let (instruments, duration) = (&self.instruments, self.begun.elapsed().as_secs_f64());
        instruments.active.add(-1, &[self.grpc_method()]);
        if let Some(histogram) = &instruments.call_duration {
            histogram.record(duration, &self.grpc_attributes(Some(code)));
        }
        if let Some(histogram) = &instruments.rpc_duration {
            histogram.record(duration, &self.rpc_attributes(code));
        }
        if let Some(histogram) = &instruments.former_duration {
            histogram.record(duration * 1000.0, &self.former_attributes(code));
        }
    }

    fn rpc_attributes(&self, code: Code) -> Vec<KeyValue> {
        let mut attributes = vec![
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", self.method.unwrap_or("_OTHER")),
            KeyValue::new("rpc.response.status_code", code_name(code)),
        ];
        let is_error = match self.instruments.role {
            Role::Client => code != Code::Ok,
            Role::Server => is_fault_of_server(code),
        };
        if is_error {
            attributes.push(KeyValue::new("error.type", code_name(code)));
        }
        if let Some(server) = self.target.as_ref().and_then(|target| target.server.as_ref()) {
            attributes.push(KeyValue::new("server.address", server.address.clone()));
            let port = server.port.map(|port| KeyValue::new("server.port", i64::from(port)));
            attributes.extend(port);
        }
        attributes
    }

    fn former_attributes(&self, code: Code) -> Vec<KeyValue> {
        let (service, method) = self.method.and_then(|it| it.rsplit_once('/')).unzip();
        vec![
            KeyValue::new("rpc.system", "grpc"),
            KeyValue::new("rpc.service", service.unwrap_or("_OTHER")),
            KeyValue::new("rpc.method", method.unwrap_or("_OTHER")),
            KeyValue::new("rpc.grpc.status_code", i64::from(code as i32)),
        ]
    }
}

/// Measures the calls of a channel.
pub(crate) struct MeasureCalls {
    pub(crate) instruments: Arc<Instruments>,
    pub(crate) target: Arc<MeasuredTarget>,
    /// Whether the transport tells of its attempts. If not, a call is one.
    pub(crate) has_attempts: bool,
}

/// A call of a client while it is measured, with its attempts.
struct MeasuredAttempts {
    call: MeasuredCall,
    start: AttemptStart,
}

impl AttemptObserver for MeasuredAttempts {
    fn on_attempt(&self) {
        if let Some(begun) = self.start.replace() {
            self.call.end_attempt(Code::Unavailable, begun.elapsed(), Default::default());
        }
        self.call.start_attempt();
    }
}

impl Interceptor for MeasureCalls {
    async fn intercept(&self, mut call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        let path = call.method().map(|method| method.path);
        let target = Some(Arc::clone(&self.target));
        let measured = Arc::new(MeasuredAttempts {
            call: MeasuredCall::start(&self.instruments, path, target),
            start: AttemptStart::default(),
        });
        match self.has_attempts {
            true => {
                let observer: Arc<dyn AttemptObserver> = Arc::<MeasuredAttempts>::clone(&measured);
                let others = call.extensions_mut().remove();
                call.extensions_mut().insert(Attempts::observed(observer, others));
            }
            false => measured.on_attempt(),
        }
        let on_end = move |end: &CallEnd<'_>| {
            // One that an interceptor below has answered was never attempted.
            if let Some(begun) = measured.start.get() {
                let sizes = [end.requests(), end.responses()];
                measured.call.end_attempt(end.code(), begun.elapsed(), sizes);
            }
            measured.call.end_call(end.code());
        };
        next.on_end(on_end).run(call).await
    }
}

impl fmt::Debug for Instruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instruments").field("role", &self.role).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_uris() {
        for (address, port, uri) in [
            ("localhost", Some(50051), "dns:///localhost:50051"),
            ("::1", Some(443), "dns:///[::1]:443"),
            ("/run/calculator.sock", None, "unix:/run/calculator.sock"),
        ] {
            let server = Arc::new(ServerAddress { address: address.into(), port });
            let target = MeasuredTarget::new(Some(server));
            assert_eq!(target.name, uri);
        }
    }
}
