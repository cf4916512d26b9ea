//! [`ConnectError`]: why a channel could not be made, or could not connect.

use std::{error::Error, fmt, io, sync::Arc};

use tonic::Status;

use crate::call::status::describe;

/// Why a [`Channel`](crate::Channel) could not be made, or could not connect.
///
/// `?` converts it into a [`Status`], `InvalidArgument` or `Unavailable`, and into an [`io::Error`]. A call
/// that fails because there is no connection has it as the [source](Error::source) of its status. `Debug`
/// says the same as `Display`.
///
/// ```
/// use rust_scaffold::{Channel, ConnectError};
///
/// let error = Channel::connect_lazy("localhost:50051").unwrap_err();
/// assert!(matches!(&error, ConnectError::InvalidAddress { address, .. } if address == "localhost:50051"));
/// assert_eq!(
///     error.to_string(),
///     "invalid address `localhost:50051`: it has no scheme; expected one like http://localhost:50051 or \
///      unix:/run/calculator.sock"
/// );
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is malformed.
    #[non_exhaustive]
    InvalidAddress {
        /// The address, without a password.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address asks for TLS, the feature `tls` is off, and there is no
    /// [`connector`](crate::ChannelBuilder::connector) that speaks it.
    #[non_exhaustive]
    NoTls {
        /// The address.
        address: String,
    },
    /// An option has a value with which no call could succeed.
    #[non_exhaustive]
    InvalidOption {
        /// The method of [`ChannelBuilder`](crate::ChannelBuilder) that sets it.
        option: &'static str,
        /// What is wrong with its value, and what to do about it.
        reason: String,
    },
    /// A certificate, a key or another option of TLS cannot be used.
    #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
    #[non_exhaustive]
    Tls {
        /// What is wrong, and where.
        source: crate::tls::TlsError,
    },
    /// The server cannot be reached, or does not speak HTTP/2.
    #[non_exhaustive]
    Unreachable {
        /// The server's address.
        address: String,
        /// Why connecting to it failed.
        source: Arc<io::Error>,
    },
}

impl ConnectError {
    pub(super) fn zero(option: &'static str) -> Self {
        let reason = "is zero, so no call could succeed: set a larger value".into();
        Self::InvalidOption { option, reason }
    }

    pub(super) fn unreachable(address: &str, source: Arc<io::Error>) -> Self {
        Self::Unreachable { address: address.to_owned(), source }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidAddress { address, reason } => write!(
                f,
                "invalid address `{address}`: {reason}; expected one like http://localhost:50051 or \
                 unix:/run/calculator.sock"
            ),
            Self::NoTls { address } => write!(
                f,
                "{address} asks for TLS: turn on the feature `tls` of rust-scaffold, set a \
                 `ChannelBuilder::connector` that speaks it, or use http://"
            ),
            Self::InvalidOption { option, reason } => {
                write!(f, "`ChannelBuilder::{option}` {reason}")
            }
            #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
            Self::Tls { source } => write!(f, "cannot connect with TLS: {source}"),
            Self::Unreachable { address, source } => {
                write!(f, "cannot connect to {address}: {}", describe(&**source))?;
                match source.kind() {
                    io::ErrorKind::ConnectionRefused => {
                        f.write_str("; is a server listening there?")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

// Read by people: `main` prints it if it returns the error.
impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            #[cfg(all(feature = "_tls", not(target_family = "wasm")))]
            Self::Tls { source } => Some(source),
            Self::Unreachable { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

#[cfg(all(feature = "_tls", not(target_family = "wasm")))]
impl From<crate::tls::TlsError> for ConnectError {
    fn from(source: crate::tls::TlsError) -> Self {
        Self::Tls { source }
    }
}

impl From<ConnectError> for Status {
    fn from(error: ConnectError) -> Self {
        let text = error.to_string();
        let mut status = match error {
            ConnectError::Unreachable { .. } => Self::unavailable(text),
            _ => Self::invalid_argument(text),
        };
        status.set_source(Arc::new(error));
        status
    }
}

impl From<ConnectError> for io::Error {
    fn from(error: ConnectError) -> Self {
        let kind = match &error {
            ConnectError::Unreachable { source, .. } => source.kind(),
            _ => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
