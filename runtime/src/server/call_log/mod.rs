//! [`CallLog`]: a line for each call of a server.

mod line;
mod sink;

use std::{
    env,
    io::{self, IsTerminal as _, Write},
    time::SystemTime,
};

use tokio::time::Instant;

pub use self::line::LogFormat;
use self::{line::CallStart, sink::LogSink};
use super::observed::{ArrivedCall, CallObserver, ObservedCall};
use crate::call::trace_id::TraceId;

/// Where the calls of a server are logged. Clones share it.
///
/// ```
/// use rust_scaffold::{CallLog, LogFormat, Server};
///
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join("rust-scaffold-calls.log");
/// let file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
/// let log = CallLog::to_writer(file).with_format(LogFormat::Json);
/// let server = Server::new().log_calls_to(log);
/// # Ok(())
/// # }
/// ```
///
/// # What is logged
/// The time at which the call began, the address of the peer (of a Unix socket, the user and the process), and of the
/// client if a proxy has [named](crate::Server::forwarded_for) it, the
/// path, the status code, how long the call took, the number and the size of its messages in both directions
/// (compressed if they were; zero for requests of gRPC-Web as text), the trace id if the call has a valid
/// `traceparent`, and of a call that has failed, the message that its client gets. Neither messages nor metadata are
/// logged. A response that is not gRPC is logged with its HTTP status if that says that it has failed.
///
/// What the peer has chosen, paths first of all, is escaped, so that it cannot forge lines, and shortened.
///
/// # What is lost
/// Lines pass through a queue of 8192 to a thread that writes them, so that a call never waits for whoever reads
/// the log. Lines for which there is no room, or which cannot be written, are lost; a line says how many there were.
/// When serving ends, up to a second is waited for the rest: see [`flush`](Self::flush).
#[derive(Clone, Debug)]
pub struct CallLog {
    sink: LogSink,
    format: LogFormat,
}

impl CallLog {
    /// Logs to standard error: in columns if it is a terminal, otherwise as JSON.
    pub fn to_stderr() -> Self {
        let stderr = io::stderr();
        // As https://no-color.org has it.
        let has_no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let format = match (stderr.is_terminal(), has_no_color) {
            (false, _) => LogFormat::Json,
            (true, true) => LogFormat::Text,
            (true, false) => LogFormat::ColoredText,
        };
        Self::to_writer(stderr).with_format(format)
    }

    /// Logs to `writer`, as JSON. Whole lines are written at a time, on a thread of its own.
    pub fn to_writer(writer: impl Write + Send + 'static) -> Self {
        Self { sink: LogSink::new(writer), format: LogFormat::Json }
    }

    /// Has lines written in this format.
    #[must_use]
    pub fn with_format(self, format: LogFormat) -> Self {
        Self { format, ..self }
    }

    /// Waits until what was logged before is written, and how many lines were lost, up to a second. Serving does so when it ends; call it if a
    /// process ends otherwise, or the services are served by another server.
    pub async fn flush(&self) {
        let Self { sink, format } = self.clone();
        let flush = move || sink.flush(move |lost| line::of_lost(format, lost));
        // Fails only if the runtime shuts down.
        let _ = tokio::task::spawn_blocking(flush).await;
    }
}

impl CallObserver for CallLog {
    fn on_start(&self, call: &mut ArrivedCall<'_>) -> Option<ObservedCall> {
        let ArrivedCall { request, info, .. } = call;
        let start = CallStart {
            time: SystemTime::now(),
            path: request.uri().path_and_query().cloned(),
            peer: info.cloned(),
            client: request.extensions().get().copied(),
            trace: TraceId::of(request.headers()),
        };
        let (begun, log) = (Instant::now(), self.clone());
        Some(ObservedCall::new(move |end| {
            let line = line::of_call(log.format, &start, end, begun.elapsed());
            log.sink.write(line, |lost| line::of_lost(log.format, lost));
        }))
    }
}
