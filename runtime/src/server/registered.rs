//! A service as entry points serve it: its implementation, its options and its interceptors.

use std::sync::Arc;
#[cfg(feature = "json")]
use std::sync::OnceLock;

use tonic::Status;

use super::dispatch::{ServerCall, ServiceOptions};
#[cfg(feature = "json")]
use crate::codec::json::JsonMethods;
#[cfg(feature = "web")]
use crate::protocol::length_prefixed;
use crate::{
    call::{
        context::InheritedHeaders,
        deadline::Deadline,
        excerpt,
        head::IncomingCall,
        method::{MethodIndex, ServiceDescriptor},
        reply::ReplyFuture,
    },
    intercept::{
        InterceptedCall, Role,
        interceptor::{IncomingService, Interceptors, ServiceCall},
    },
};

/// The implementation of a service with its [`Dispatch`], type-erased.
pub(crate) trait ErasedDispatch: Send + Sync {
    /// Dispatches `call` to the method at position `method`.
    fn call<'a>(&self, method: usize, call: ServerCall<'a>) -> ReplyFuture<'a>;
}

/// A service, as entry points serve it.
#[derive(Clone)]
pub(crate) struct RegisteredService {
    pub(crate) descriptor: &'static ServiceDescriptor,
    pub(crate) options: ServiceOptions,
    /// By the position of the method, where the server's limits make a difference.
    by_method: Option<Arc<[ServiceOptions]>>,
    pub(crate) interceptors: Interceptors,
    /// See [`Dispatch::FILES`].
    #[cfg(feature = "_descriptors")]
    pub(crate) files: &'static [&'static [u8]],
    /// See [`Dispatch::COMMENTS`].
    #[cfg(feature = "_comments")]
    pub(crate) comments: &'static [(&'static str, &'static str)],
    /// See [`json`](Self::json).
    #[cfg(feature = "json")]
    json: OnceLock<Result<JsonMethods, String>>,
    methods: MethodIndex,
    implementation: Arc<dyn ErasedDispatch>,
}

impl RegisteredService {
    pub(crate) fn new(
        descriptor: &'static ServiceDescriptor,
        implementation: Arc<dyn ErasedDispatch>,
    ) -> Self {
        let methods = MethodIndex::new(descriptor);
        let (options, interceptors) = (ServiceOptions::default(), Interceptors::NONE);
        Self {
            descriptor,
            options,
            by_method: None,
            interceptors,
            #[cfg(feature = "_descriptors")]
            files: &[],
            #[cfg(feature = "_comments")]
            comments: &[],
            #[cfg(feature = "json")]
            json: OnceLock::new(),
            methods,
            implementation,
        }
    }

    /// Adds its files. They are not an argument of [`new`](Self::new), so that nothing refers to them without the
    /// feature.
    #[cfg(feature = "_descriptors")]
    pub(crate) fn with_files(mut self, files: &'static [&'static [u8]]) -> Self {
        self.files = files;
        self
    }

    /// Adds its comments, as [`with_files`](Self::with_files) adds files.
    #[cfg(feature = "_comments")]
    pub(crate) fn with_comments(
        mut self,
        comments: &'static [(&'static str, &'static str)],
    ) -> Self {
        self.comments = comments;
        self
    }

    /// How the messages of its methods are JSON, read from its files when that is first asked for. An error says why they
    /// are not.
    #[cfg(feature = "json")]
    pub(crate) fn json(&self) -> Result<&JsonMethods, &str> {
        let methods = self.json.get_or_init(|| {
            JsonMethods::new(self.descriptor, self.files, self.options.json)
                .map_err(|error| error.to_string())
        });
        methods.as_ref().map_err(String::as_str)
    }

    /// Sets the options of each method to what `options_of` makes of its path and the service's.
    #[cfg(feature = "server")]
    pub(crate) fn set_method_options(
        &mut self,
        options_of: impl Fn(&'static str, ServiceOptions) -> ServiceOptions,
    ) {
        let methods = self.descriptor.methods.iter();
        self.by_method = Some(methods.map(|it| options_of(it.path, self.options)).collect());
    }

    fn options_of(&self, method: usize) -> &ServiceOptions {
        match &self.by_method {
            Some(by_method) => &by_method[method],
            None => &self.options,
        }
    }

    /// The position of the method with this `path` (`/package.Service/Method`).
    pub(crate) fn position(&self, path: &str) -> Option<usize> {
        self.methods.position(path)
    }

    /// Starts the method at position `method`, behind the interceptors.
    pub(crate) fn start<'a>(
        self: &Arc<Self>,
        method: usize,
        call: IncomingCall<'a>,
    ) -> ReplyFuture<'a> {
        let reply = match self.interceptors.is_empty() {
            true => self.serve(method, call),
            false => self.intercept(method, call),
        };
        reply.of_method(&self.descriptor.methods[method])
    }

    fn intercept<'a>(self: &Arc<Self>, method: usize, call: IncomingCall<'a>) -> ReplyFuture<'a> {
        let IncomingCall { metadata, extensions, messages, options } = call;
        let descriptor = &self.descriptor.methods[method];
        let call = InterceptedCall::new(Role::Server, descriptor, metadata, extensions)
            .with_deadline(options.deadline);
        let service: Arc<dyn IncomingService> = Arc::<Self>::clone(self);
        let incoming = ServiceCall { service, method, messages, options };
        let inherited = InheritedHeaders::of(call.metadata().as_ref());
        let reply = self.interceptors.receive(call, incoming);
        ReplyFuture::serving(options.deadline, inherited, reply)
    }

    /// The size limit for the requests of the method at this position, in bytes.
    #[cfg(feature = "web")]
    pub(crate) fn decoding_limit(&self, method: usize) -> usize {
        self.options_of(method).decoding_limit.unwrap_or(length_prefixed::DEFAULT_DECODING_LIMIT)
    }

    /// The status of a call of a method that the service does not have.
    pub(crate) fn unknown_method(&self, path: &str) -> Status {
        let path = excerpt::name(path);
        Status::unimplemented(format!("{} has no method {path}", self.descriptor.name))
    }

    /// The reply to such a call.
    pub(crate) fn no_method(&self, path: &str) -> ReplyFuture<'static> {
        let status = self.unknown_method(path);
        ReplyFuture::new(Deadline::default(), Box::pin(async { Err(status) }))
    }
}

impl IncomingService for RegisteredService {
    fn serve<'a>(&self, method: usize, call: IncomingCall<'a>) -> ReplyFuture<'a> {
        let descriptor = &self.descriptor.methods[method];
        let call = ServerCall::new(self.options_of(method), descriptor, call);
        self.implementation.call(method, call)
    }
}
