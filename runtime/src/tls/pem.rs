//! PEM, from a file or from memory, and errors that name where it comes from.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
    pem::{self, PemObject},
};

use super::error::TlsError;

/// Where PEM comes from.
#[derive(Clone)]
pub(crate) enum PemSource {
    File(PathBuf),
    /// Bytes that were passed to a method, which is named in errors.
    Memory {
        pem: Arc<[u8]>,
        method: &'static str,
    },
}

/// A kind of PEM section.
struct SectionLabel {
    name: &'static str,
    label: &'static str,
}

impl PemSource {
    pub(super) fn memory(pem: impl AsRef<[u8]>, method: &'static str) -> Self {
        Self::Memory { pem: pem.as_ref().into(), method }
    }

    /// The file that it is read from.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory { .. } => None,
        }
    }

    /// The certificates, of which there is at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        self.sections(&SectionLabel { name: "certificate", label: "CERTIFICATE" })
    }

    /// The revocation lists, of which there is at least one.
    pub(super) fn crls(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
        self.sections(&SectionLabel { name: "certificate revocation list", label: "X509 CRL" })
    }

    /// The first private key.
    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let pem = self.read()?;
        PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
            pem::Error::NoItemsFound if labels(&pem).any(|it| it == "ENCRYPTED PRIVATE KEY") => {
                TlsError::invalid(self, "the private key is encrypted: decrypt it first")
            }
            error => {
                let kind = SectionLabel { name: "private key", label: "PRIVATE KEY" };
                self.error(&error, &kind, &pem)
            }
        })
    }

    fn sections<T: PemObject>(&self, kind: &SectionLabel) -> Result<Vec<T>, TlsError> {
        let pem = self.read()?;
        let sections: Result<Vec<_>, _> = T::pem_slice_iter(&pem).collect();
        let sections = match sections {
            Ok(sections) if sections.is_empty() => Err(pem::Error::NoItemsFound),
            sections => sections,
        };
        sections.map_err(|error| self.error(&error, kind, &pem))
    }

    fn read(&self) -> Result<Arc<[u8]>, TlsError> {
        match self {
            Self::File(path) => match fs::read(path) {
                Ok(pem) => Ok(pem.into()),
                Err(error) => {
                    Err(TlsError::Unreadable { file: path.clone(), source: Arc::new(error) })
                }
            },
            Self::Memory { pem, .. } => Ok(Arc::clone(pem)),
        }
    }

    fn error(&self, error: &pem::Error, kind: &SectionLabel, pem: &[u8]) -> TlsError {
        let reason = match error {
            pem::Error::NoItemsFound => {
                let found: Vec<_> = labels(pem).map(|label| format!("`{label}`")).collect();
                let found = match &*found {
                    [] => "no PEM at all".to_owned(),
                    found => found.join(", "),
                };
                let SectionLabel { name, label } = kind;
                format!("it has no {name}: expected a PEM section `{label}`, got {found}")
            }
            pem::Error::MissingSectionEnd { end_marker } => {
                match std::str::from_utf8(end_marker).ok().filter(|label| is_label(label)) {
                    Some(label) => {
                        format!("its PEM is cut off: expected a line `-----END {label}-----`")
                    }
                    None => BROKEN_LINES.to_owned(),
                }
            }
            pem::Error::IllegalSectionStart { .. } => BROKEN_LINES.to_owned(),
            pem::Error::Base64Decode(_) => {
                "it is not PEM: a section of it is not Base64".to_owned()
            }
            _ => "it is not PEM".to_owned(),
        };
        TlsError::invalid(self, reason)
    }
}

impl fmt::Display for PemSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory { method, .. } => write!(f, "the PEM passed to `{method}`"),
        }
    }
}

/// Without the contents, which may be a key.
impl fmt::Debug for PemSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Memory { pem, .. } => write!(f, "{} bytes", pem.len()),
        }
    }
}

/// Without the line itself, which may hold the whole key.
const BROKEN_LINES: &str =
    "a line begins a PEM section, and does not end as one: are its line breaks lost?";

/// Whether this is what PEM calls its sections, and not what stands in them.
fn is_label(text: &str) -> bool {
    let is_capital = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b' ');
    text.len() <= 40 && text.bytes().all(is_capital)
}

/// The labels of the PEM sections.
fn labels(pem: &[u8]) -> impl Iterator<Item = &str> {
    let lines = pem.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let labels =
        lines.filter_map(|line| line.trim_end().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    labels.filter(|label| is_label(label))
}
