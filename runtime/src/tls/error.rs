//! [`TlsError`]: what is wrong with certificates, keys and other options of TLS.

use std::{error::Error, fmt, io, path::PathBuf, sync::Arc};

/// What is wrong with the certificates, the keys or another option of TLS.
///
/// Serving and connecting fail with it, in a [`ServeError`](crate::ServeError) or a
/// [`ConnectError`](crate::ConnectError), before anything is listened or connected to. When files that have
/// changed cannot be used, it is logged. `Debug` says the same as `Display`.
///
/// ```
/// use rust_scaffold::{ServerTls, TlsError};
///
/// let tls = ServerTls::from_pem_files("no/such/tls.crt", "no/such/tls.key");
/// let error = tls.check().unwrap_err();
/// assert!(matches!(&error, TlsError::Unreadable { file, .. } if file.ends_with("tls.crt")));
/// assert!(error.to_string().starts_with("cannot read no/such/tls.crt: "));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[non_exhaustive]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why it cannot be read.
        source: Arc<io::Error>,
    },
    /// A file, or bytes given in its place, does not have what is expected there: it is not PEM, has no
    /// certificate or key in it, the key belongs to another certificate, or the certificate has expired.
    #[non_exhaustive]
    Invalid {
        /// The file's name, or the method that was given the bytes.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// The system has no root certificates that can be used.
    #[non_exhaustive]
    NoSystemRoots {
        /// What was found instead, and what to do about it.
        reason: String,
    },
    /// An option has a value with which no connection could be made.
    #[non_exhaustive]
    InvalidOption {
        /// The type and method that sets it.
        option: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
}

impl TlsError {
    pub(super) fn invalid(origin: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::Invalid { origin: origin.to_string(), reason: reason.into() }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, source } => {
                write!(f, "cannot read {}: {source}", file.display())
            }
            Self::Invalid { origin, reason } => write!(f, "{origin}: {reason}"),
            Self::NoSystemRoots { reason } => {
                write!(f, "the system has no root certificates: {reason}")
            }
            Self::InvalidOption { option, reason } => write!(f, "`{option}` {reason}"),
        }
    }
}

// Read by people: `main` prints it if it returns the error.
impl fmt::Debug for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(&**source),
            _ => None,
        }
    }
}
