//! What a `.proto` says about a service and its methods, as static data.

/// A service: its name, its methods and, when generated with `file_descriptor_set`, its file.
///
/// Generated code has one in every service's module, named `SERVICE`.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceDescriptor {
    /// The full name, for example `calculator.Calculator`.
    pub name: &'static str,
    /// The methods, in the order of the proto.
    pub methods: &'static [MethodDescriptor],
    /// The service's file and what it imports, as an encoded `google.protobuf.FileDescriptorSet`.
    pub file_descriptor_set: Option<&'static [u8]>,
    /// The service's options, as an encoded `google.protobuf.ServiceOptions`; empty if the proto
    /// sets none. Custom options are extensions of it.
    pub options: &'static [u8],
}

impl ServiceDescriptor {
    /// Describes the service `name` with its `methods`.
    pub const fn new(name: &'static str, methods: &'static [MethodDescriptor]) -> Self {
        Self { name, methods, file_descriptor_set: None, options: &[] }
    }

    /// Adds the encoded `google.protobuf.FileDescriptorSet` that the service comes from.
    #[must_use]
    pub const fn file_descriptor_set(mut self, set: &'static [u8]) -> Self {
        self.file_descriptor_set = Some(set);
        self
    }

    /// Adds the encoded `google.protobuf.ServiceOptions`.
    #[must_use]
    pub const fn options(mut self, options: &'static [u8]) -> Self {
        self.options = options;
        self
    }
}

/// A method of a service.
///
/// It is in the extensions of every request, on both sides:
/// ```
/// # use rust_scaffold::{MethodDescriptor, Request};
/// fn is_safe_to_repeat<T>(request: &Request<T>) -> bool {
///     let method = request.extensions().get::<&MethodDescriptor>();
///     method.is_some_and(|method| method.idempotency_level.is_idempotent())
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct MethodDescriptor {
    /// The path that the method is called by, for example `/calculator.Calculator/Add`.
    pub path: &'static str,
    /// Which sides stream.
    pub kind: MethodKind,
    /// Whether a call may be repeated (`idempotency_level` in the proto).
    pub idempotency_level: IdempotencyLevel,
    /// Whether the proto calls the method deprecated.
    pub deprecated: bool,
    /// The method's options, as an encoded `google.protobuf.MethodOptions`; empty if the proto
    /// sets none. Custom options, such as `google.api.http`, are extensions of it: decode these
    /// bytes as a message that has a field of the extension's number, or with prost-reflect.
    pub options: &'static [u8],
}

impl MethodDescriptor {
    /// Describes the method with one request and one response that is called by `path`.
    pub const fn unary(path: &'static str) -> Self {
        Self::new(path, MethodKind::Unary)
    }

    /// Describes the method with a stream of requests that is called by `path`.
    pub const fn client_streaming(path: &'static str) -> Self {
        Self::new(path, MethodKind::ClientStreaming)
    }

    /// Describes the method with a stream of responses that is called by `path`.
    pub const fn server_streaming(path: &'static str) -> Self {
        Self::new(path, MethodKind::ServerStreaming)
    }

    /// Describes the method with a stream each way that is called by `path`.
    pub const fn bidi_streaming(path: &'static str) -> Self {
        Self::new(path, MethodKind::BidiStreaming)
    }

    const fn new(path: &'static str, kind: MethodKind) -> Self {
        let idempotency_level = IdempotencyLevel::Unknown;
        Self { path, kind, idempotency_level, deprecated: false, options: &[] }
    }

    /// Sets the idempotency level.
    #[must_use]
    pub const fn idempotency_level(mut self, level: IdempotencyLevel) -> Self {
        self.idempotency_level = level;
        self
    }

    /// Marks the method as deprecated.
    #[must_use]
    pub const fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Adds the encoded `google.protobuf.MethodOptions`.
    #[must_use]
    pub const fn options(mut self, options: &'static [u8]) -> Self {
        self.options = options;
        self
    }

    /// The method's name in the proto, for example `Add`.
    pub fn name(&self) -> &'static str {
        self.split_path().1
    }

    /// The full name of the method's service, for example `calculator.Calculator`.
    pub fn service(&self) -> &'static str {
        self.split_path().0
    }

    /// Puts the method into the extensions of its request.
    pub(crate) fn describe(&'static self, extensions: &mut http::Extensions) {
        let known = extensions.get::<&'static Self>();
        if known.is_none_or(|method| !std::ptr::eq(*method, self)) {
            extensions.insert(self);
        }
    }

    fn split_path(&self) -> (&'static str, &'static str) {
        self.path.trim_start_matches('/').split_once('/').unwrap_or(("", self.path))
    }
}

/// Which sides of a call send a stream of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// One request, one response.
    Unary,
    /// A stream of requests, one response.
    ClientStreaming,
    /// One request, a stream of responses.
    ServerStreaming,
    /// A stream each way.
    BidiStreaming,
}

impl MethodKind {
    /// Whether a call has a stream of requests.
    pub fn streams_requests(self) -> bool {
        matches!(self, Self::ClientStreaming | Self::BidiStreaming)
    }

    /// Whether a call has a stream of responses.
    pub fn streams_responses(self) -> bool {
        matches!(self, Self::ServerStreaming | Self::BidiStreaming)
    }
}

/// What a method's `idempotency_level` option promises about repeated calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IdempotencyLevel {
    /// Nothing is promised.
    #[default]
    Unknown,
    /// A call has no side effects.
    NoSideEffects,
    /// Calling twice has the effect of calling once.
    Idempotent,
}

impl IdempotencyLevel {
    /// Whether repeating a call does no harm.
    pub fn is_idempotent(self) -> bool {
        self != Self::Unknown
    }
}
