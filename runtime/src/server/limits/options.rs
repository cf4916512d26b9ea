//! [`Limits`]: the limits of a server, as they are set.

use std::{collections::BTreeMap, time::Duration};

use super::adaptive::AdaptiveLimit;
use crate::server::{dispatch::ServiceOptions, error::ServeError};

/// Stands for all methods of a service, in a path.
pub(super) const WHOLE_SERVICE: &str = "*";

/// Limits for the calls of a [`Server`](crate::Server), of a service or of a method: how many of them may be in
/// progress, how long they may take, and how large their messages may be. See
/// [`Server::limits`](crate::Server::limits) and [`Server::limits_by_path`](crate::Server::limits_by_path).
///
/// What is not set is not limited by these. Of timeouts and sizes, those of the method come before those of its
/// service, and these before those of the server. Calls in progress are counted for each: a call has to find a place
/// with its method, its service and the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Limits {
    pub(super) max_concurrent_calls: Option<usize>,
    pub(super) timeout: Option<Duration>,
    pub(super) max_decoding_message_size: Option<usize>,
    pub(super) max_encoding_message_size: Option<usize>,
}

impl Limits {
    /// No limits.
    pub const fn new() -> Self {
        Self {
            max_concurrent_calls: None,
            timeout: None,
            max_decoding_message_size: None,
            max_encoding_message_size: None,
        }
    }

    /// The maximum number of calls in progress, at least 1: from the arrival of the request until the handler has
    /// answered, or a stream of responses has ended. Further ones fail with `Unavailable` at once, and their clients may try again, after what
    /// `grpc-retry-pushback-ms` says (see [gRFC
    /// A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md)).
    pub const fn max_concurrent_calls(mut self, calls: usize) -> Self {
        self.max_concurrent_calls = Some(calls);
        self
    }

    /// The longest time that a call may take. A call whose client has set a shorter one keeps that. When it ends, the
    /// handler is dropped, and the call fails with `DeadlineExceeded`. It is the deadline that handlers and interceptors
    /// see, and that the calls inherit which they make.
    ///
    /// A service of another library is told by `grpc-timeout`, rounded to what that can say (by less than a millisecond
    /// up to a day), and only the head of its response has to be there by then.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The size limit for request messages, in bytes. Larger ones fail with `ResourceExhausted`. Those for a method
    /// or a service come before what its
    /// [`ServiceServer`](crate::ServiceServer::max_decoding_message_size) says, those for the server after that.
    /// Default: 4 MiB.
    pub const fn max_decoding_message_size(mut self, bytes: usize) -> Self {
        self.max_decoding_message_size = Some(bytes);
        self
    }

    /// The size limit for response messages, in bytes. Larger ones fail with `ResourceExhausted`. See
    /// [`max_decoding_message_size`](Self::max_decoding_message_size) for what comes first. Default: 2 GiB.
    pub const fn max_encoding_message_size(mut self, bytes: usize) -> Self {
        self.max_encoding_message_size = Some(bytes);
        self
    }

    fn is_unlimited(&self) -> bool {
        *self == Self::new()
    }

    pub(super) fn limits_messages(&self) -> bool {
        self.max_decoding_message_size.is_some() || self.max_encoding_message_size.is_some()
    }

    /// What makes every call fail.
    fn zero(&self) -> Option<&'static str> {
        match self {
            Self { max_concurrent_calls: Some(0), .. } => Some("max_concurrent_calls"),
            Self { timeout: Some(Duration::ZERO), .. } => Some("timeout"),
            _ => None,
        }
    }
}

/// All limits of a server, as they have been set.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitOptions {
    pub(crate) server: Limits,
    pub(crate) by_path: BTreeMap<String, Limits>,
    pub(crate) adaptive: Option<AdaptiveLimit>,
}

impl LimitOptions {
    pub(super) fn is_unlimited(&self) -> bool {
        let mut all = self.by_path.values().chain([&self.server]);
        all.all(Limits::is_unlimited) && self.adaptive.is_none()
    }

    /// What is set for all methods of a service.
    pub(super) fn of_service(&self, name: &str) -> Option<&Limits> {
        self.by_path.get(&format!("/{name}/{WHOLE_SERVICE}"))
    }

    /// Whether there are limits for the size of messages.
    pub(crate) fn limit_messages(&self) -> bool {
        self.by_path.values().chain([&self.server]).any(Limits::limits_messages)
    }

    /// The options of the method with this `path`, whose service has the name and `options`.
    pub(crate) fn of_messages(
        &self,
        service: &str,
        path: &str,
        options: ServiceOptions,
    ) -> ServiceOptions {
        let first = |limit: fn(&Limits) -> Option<usize>, own: Option<usize>| {
            let by_path = [self.by_path.get(path), self.of_service(service)];
            let by_path = by_path.into_iter().flatten().find_map(limit);
            by_path.or(own).or(limit(&self.server))
        };
        ServiceOptions {
            decoding_limit: first(|it| it.max_decoding_message_size, options.decoding_limit),
            encoding_limit: first(|it| it.max_encoding_message_size, options.encoding_limit),
            ..options
        }
    }

    pub(super) fn check(&self) -> Result<(), ServeError> {
        if let Some(name) = self.server.zero() {
            return Err(zero("limits", &format!("`{name}`")));
        }
        for (path, limits) in &self.by_path {
            if let Some(name) = limits.zero() {
                return Err(zero("limits_by_path", &format!("`{name}` of {path}")));
            }
        }
        match &self.adaptive {
            Some(adaptive) => adaptive.check(),
            None => Ok(()),
        }
    }
}

fn zero(option: &'static str, what: &str) -> ServeError {
    let reason = format!("has a zero for {what}, so no call could be served: set a larger value");
    ServeError::InvalidOption { option, reason }
}
