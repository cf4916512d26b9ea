//! Static descriptions of services and methods, generated from the `.proto`, and the index of their paths.

use std::{cmp::Ordering, sync::Arc};

/// A service: its name, its methods and, if generated with `file_descriptor_set`, its file.
///
/// Generated code has one in the module of each service, named `SERVICE`.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceDescriptor {
    /// The full name, for example `calculator.Calculator`.
    pub name: &'static str,
    /// The methods, in proto order.
    pub methods: &'static [MethodDescriptor],
    /// The service's file and its imports, as an encoded `google.protobuf.FileDescriptorSet`.
    pub file_descriptor_set: Option<&'static [u8]>,
    /// The service's options, as an encoded `google.protobuf.ServiceOptions`. Empty if the proto sets
    /// none. Custom options are extensions of this message.
    pub options: &'static [u8],
}

impl ServiceDescriptor {
    /// Describes the service `name` with its `methods`.
    pub const fn new(name: &'static str, methods: &'static [MethodDescriptor]) -> Self {
        Self { name, methods, file_descriptor_set: None, options: &[] }
    }

    /// Adds the service's encoded `google.protobuf.FileDescriptorSet`.
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
/// Every request has one in its extensions, on the client and on the server:
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
    /// The path of the method in HTTP/2, for example `/calculator.Calculator/Add`.
    pub path: &'static str,
    /// The kind of call.
    pub kind: MethodKind,
    /// Whether a call may be repeated safely (`idempotency_level` in the proto).
    pub idempotency_level: IdempotencyLevel,
    /// Whether the proto marks the method as deprecated.
    pub deprecated: bool,
    /// The method's options, as an encoded `google.protobuf.MethodOptions`. Empty if the proto sets none.
    /// Custom options such as `google.api.http` are extensions of this message: decode these bytes as a
    /// message that has a field with the extension's number, or with prost-reflect.
    pub options: &'static [u8],
}

impl MethodDescriptor {
    /// Describes the unary method with this `path`.
    pub const fn unary(path: &'static str) -> Self {
        Self::new(path, MethodKind::Unary)
    }

    /// Describes the client-streaming method with this `path`.
    pub const fn client_streaming(path: &'static str) -> Self {
        Self::new(path, MethodKind::ClientStreaming)
    }

    /// Describes the server-streaming method with this `path`.
    pub const fn server_streaming(path: &'static str) -> Self {
        Self::new(path, MethodKind::ServerStreaming)
    }

    /// Describes the bidirectional streaming method with this `path`.
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

    /// The full name of the service, for example `calculator.Calculator`.
    pub fn service(&self) -> &'static str {
        self.split_path().0
    }

    /// Inserts the method into the extensions of a request.
    pub(crate) fn insert_into(&'static self, extensions: &mut http::Extensions) {
        let known = extensions.get::<&'static Self>();
        if known.is_none_or(|method| !std::ptr::eq(*method, self)) {
            extensions.insert(self);
        }
    }

    fn split_path(&self) -> (&'static str, &'static str) {
        self.path.trim_start_matches('/').split_once('/').unwrap_or(("", self.path))
    }
}

/// The four kinds of gRPC calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// One request, one response.
    Unary,
    /// A stream of requests, one response.
    ClientStreaming,
    /// One request, a stream of responses.
    ServerStreaming,
    /// A stream of requests and a stream of responses.
    BidiStreaming,
}

impl MethodKind {
    /// Whether the requests are a stream.
    pub fn streams_requests(self) -> bool {
        matches!(self, Self::ClientStreaming | Self::BidiStreaming)
    }

    /// Whether the responses are a stream.
    pub fn streams_responses(self) -> bool {
        matches!(self, Self::ServerStreaming | Self::BidiStreaming)
    }
}

/// What a method's `idempotency_level` option guarantees about repeated calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdempotencyLevel {
    /// No guarantee.
    #[default]
    Unknown,
    /// The call has no side effects.
    NoSideEffects,
    /// Repeated calls have the same effect as one call.
    Idempotent,
}

impl IdempotencyLevel {
    /// Whether a call may be repeated safely.
    pub fn is_idempotent(self) -> bool {
        self != Self::Unknown
    }
}

/// Finds a service's methods by path. Built once per server, because every call looks its method up.
#[derive(Clone, Debug)]
pub(crate) struct MethodIndex {
    methods: &'static [MethodDescriptor],
    /// The methods' positions, sorted by path.
    by_path: Arc<[usize]>,
}

impl MethodIndex {
    pub(crate) fn new(service: &ServiceDescriptor) -> Self {
        let methods = service.methods;
        let mut by_path = (0..methods.len()).collect::<Vec<_>>();
        by_path.sort_by_key(|position| methods[*position].path);
        Self { methods, by_path: by_path.into() }
    }

    /// The position of the method with this `path` (`/package.Service/Method`).
    pub(crate) fn position(&self, path: &str) -> Option<usize> {
        self.search(|known| known.cmp(path))
    }

    fn search(&self, mut compare: impl FnMut(&str) -> Ordering) -> Option<usize> {
        let path = |position: &usize| self.methods[*position].path;
        let place = self.by_path.binary_search_by(|position| compare(path(position)));
        Some(self.by_path[place.ok()?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_without_comparing_its_path_with_all_others() {
        let path = |number: usize| format!("/package.Service/Method{}", number * 7919 % 1000);
        let methods = (0..1000).map(|it| MethodDescriptor::unary(path(it).leak()));
        let methods = methods.collect::<Vec<_>>().leak();
        let index = MethodIndex::new(&ServiceDescriptor::new("package.Service", methods));
        for number in 0..1000 {
            let (path, mut compared) = (path(number), 0);
            let found = index.search(|known| {
                compared += 1;
                known.cmp(&path)
            });
            assert_eq!(found, Some(number));
            assert!(compared <= 11, "{path}: compared with {compared} others");
        }
        for unknown in ["", "/", "/package.Service/", "/package.Service/Method1000", "~"] {
            assert_eq!(index.position(unknown), None, "{unknown}");
        }
    }
}
