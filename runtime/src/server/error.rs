//! [`ServeError`]: why a server does not serve, or has stopped.

use std::{error::Error, fmt, io, net::SocketAddr};

/// Why a [`Server`](crate::Server) does not serve, or has stopped accepting connections.
///
/// It is inside the [`io::Error`] that serving fails with, whose text and kind come from it. `Debug` says
/// the same as `Display`.
///
/// ```
/// use rust_scaffold::{ServeError, Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let error = Server::new().max_connections(0).serve("127.0.0.1:0").await.unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
/// match error.downcast::<ServeError>() {
///     Ok(ServeError::InvalidOption { option, .. }) => assert_eq!(option, "max_connections"),
///     other => panic!("{other:?}"),
/// }
/// # }
/// ```
#[non_exhaustive]
pub enum ServeError {
    /// An option has a value with which no call could be served.
    #[non_exhaustive]
    InvalidOption {
        /// The method of [`Server`](crate::Server) that sets it.
        option: &'static str,
        /// What is wrong with its value, and what to do about it.
        reason: String,
    },
    /// Two services have the same name.
    #[non_exhaustive]
    DuplicateService {
        /// The name, as in `calculator.Calculator`.
        service: &'static str,
    },
    /// A rule of `google.api.http` is broken, or leads where another one does.
    #[cfg(feature = "rest")]
    #[non_exhaustive]
    HttpRule {
        /// The path of its method, as in `/calculator.Calculator/Add`.
        method: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The tokio runtime has no timers, or there is no runtime.
    #[non_exhaustive]
    NoTimers {
        /// What is missing, and what to do about it.
        reason: String,
    },
    /// The server cannot listen on its address.
    #[non_exhaustive]
    Bind {
        /// What the address has been resolved to. Empty if it could not be resolved.
        addresses: Vec<SocketAddr>,
        /// Why listening on the last of them failed, or resolving.
        source: io::Error,
    },
    /// A certificate, a key or another option of TLS cannot be used.
    #[cfg(feature = "_tls")]
    #[non_exhaustive]
    Tls {
        /// What is wrong, and where.
        source: crate::tls::TlsError,
    },
    /// Signals of the process cannot be received.
    #[cfg(feature = "signal")]
    #[non_exhaustive]
    Signal {
        /// Why not.
        source: io::Error,
    },
    /// Accepting connections has failed for good.
    #[non_exhaustive]
    Accept {
        /// The error of the listener, or of the stream of connections.
        source: io::Error,
    },
}

impl ServeError {
    pub(super) fn zero(option: &'static str) -> Self {
        let reason = "is zero, so no call could be served: set a larger value".into();
        Self::InvalidOption { option, reason }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidOption { option, reason } => write!(f, "`Server::{option}` {reason}"),
            Self::DuplicateService { service } => {
                write!(f, "the service {service} was added twice: remove one `add_service`")
            }
            #[cfg(feature = "rest")]
            Self::HttpRule { method, problem } => {
                write!(
                    f,
                    "the rule of `google.api.http` at {method}: {problem}; change it in the proto, or do without \
                     (`Server::accept_rest`)"
                )
            }
            Self::NoTimers { reason } => f.write_str(reason),
            Self::Bind { addresses, source } if addresses.is_empty() => {
                write!(f, "cannot resolve the address to listen on: {source}")
            }
            Self::Bind { addresses, source } => {
                let addresses: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
                write!(f, "cannot listen on {}: {source}", addresses.join(", "))?;
                match source.kind() {
                    io::ErrorKind::AddrInUse => f.write_str("; is another server running?"),
                    _ => Ok(()),
                }
            }
            #[cfg(feature = "_tls")]
            Self::Tls { source } => write!(f, "cannot serve with TLS: {source}"),
            #[cfg(feature = "signal")]
            Self::Signal { source } => {
                write!(
                    f,
                    "cannot listen for signals, as `Server::shutdown_on_signal` asks: {source}"
                )
            }
            Self::Accept { source } => write!(f, "cannot accept connections: {source}"),
        }
    }
}

// Read by people: `main` prints it if it returns the error.
impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::Accept { source } => Some(source),
            #[cfg(feature = "signal")]
            Self::Signal { source } => Some(source),
            #[cfg(feature = "_tls")]
            Self::Tls { source } => Some(source),
            _ => None,
        }
    }
}

#[cfg(feature = "_tls")]
impl From<crate::tls::TlsError> for ServeError {
    fn from(source: crate::tls::TlsError) -> Self {
        Self::Tls { source }
    }
}

impl From<ServeError> for io::Error {
    fn from(error: ServeError) -> Self {
        use io::ErrorKind::{InvalidInput, Other};
        let kind = match &error {
            ServeError::InvalidOption { .. } | ServeError::DuplicateService { .. } => InvalidInput,
            #[cfg(feature = "rest")]
            ServeError::HttpRule { .. } => InvalidInput,
            #[cfg(feature = "_tls")]
            ServeError::Tls { .. } => InvalidInput,
            ServeError::NoTimers { .. } => Other,
            ServeError::Bind { source, .. } | ServeError::Accept { source } => source.kind(),
            #[cfg(feature = "signal")]
            ServeError::Signal { source } => source.kind(),
        };
        Self::new(kind, error)
    }
}
