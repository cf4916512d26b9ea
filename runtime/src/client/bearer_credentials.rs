//! [`BearerCredentials`]: a token for each call, which is renewed before it expires.
//!
//! The times are those of [gRFC
//! A97](https://github.com/grpc/proposal/blob/master/A97-xds-jwt-call-creds.md), shorter for tokens that live shortly.

use std::{
    error::Error as _,
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderValue, header};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tonic::{Status, metadata::MetadataMap};

use super::{credentials::CallCredentials, options::Backoff};
use crate::{
    call::{panics::catch_panic, status::describe},
    intercept::{InterceptedCall, bearer::BearerToken},
};

/// How long before its end a token is no longer sent: clocks differ, and calls take time to arrive.
const EXPIRY_MARGIN: Duration = Duration::from_secs(30);
/// How long before that it is renewed.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// How long the source may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(120) };

/// Call credentials for bearer tokens, which are kept, and renewed before they expire.
///
/// The source of the tokens is asked when the first call is made, and by the first call that is made in the last minute
/// of a token: that call, and those after it, go on with the old one. A token is sent until 30 seconds before its end.
/// (For tokens of less than four minutes, these times are a quarter and an eighth of its life.) After that, calls wait
/// for the new one, up to their deadlines. Without calls, nothing is renewed.
///
/// One answer of the source serves all calls: it is never asked twice at a time, and what it does is not cancelled by a
/// call that ends. If it fails, calls that have no token fail with its status; a token that is still valid is used on. It
/// is asked again by the first call after a delay, as between attempts to connect: a second, 1.6 times as long after each
/// further failure, at most two minutes. Meanwhile, calls without a token fail with the same status. A source that takes
/// more than 30 seconds has failed with `Unavailable`.
///
/// A call has its token from its beginning: one that then waits long for a connection may be sent after the token's end.
///
/// Clones share the token. [`Channel::call_credentials`](crate::Channel::call_credentials) says where it is sent.
#[derive(Clone)]
pub struct BearerCredentials {
    cache: Arc<TokenCache>,
    allows_plaintext: bool,
}

impl BearerCredentials {
    /// Takes tokens from `source`, whose status ends calls that have none: `Unavailable` if they cannot be had now,
    /// `Unauthenticated` if not at all. It runs in a task of its own.
    pub fn new<S, F>(source: S) -> Self
    where
        S: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<BearerToken, Status>> + Send + 'static,
    {
        let source: TokenSource = Box::new(move || Box::pin(source()));
        let cache = TokenCache { source, state: watch::Sender::new(TokenState::default()) };
        Self { cache: Arc::new(cache), allows_plaintext: false }
    }

    /// Always the same token.
    pub fn fixed(token: BearerToken) -> Self {
        Self::new(move || ready(Ok(token.clone())))
    }

    /// Sends the token over connections that are not secure, too. Whoever can listen there has it then.
    #[must_use]
    pub fn allow_plaintext(mut self) -> Self {
        self.allows_plaintext = true;
        self
    }
}

impl CallCredentials for BearerCredentials {
    async fn metadata(&self, call: &InterceptedCall) -> Result<MetadataMap, Status> {
        // It would not be added beside what the caller has set.
        if call.metadata().contains_key(header::AUTHORIZATION.as_str()) {
            return Ok(MetadataMap::new());
        }
        let mut headers = HeaderMap::with_capacity(1);
        headers.insert(header::AUTHORIZATION, self.cache.value().await?);
        Ok(MetadataMap::from_headers(headers))
    }

    fn requires_transport_security(&self) -> bool {
        !self.allows_plaintext
    }
}

impl fmt::Debug for BearerCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerCredentials")
            .field("allows_plaintext", &self.allows_plaintext)
            .finish_non_exhaustive()
    }
}

type TokenFuture = Pin<Box<dyn Future<Output = Result<BearerToken, Status>> + Send>>;
type TokenSource = Box<dyn Fn() -> TokenFuture + Send + Sync>;

/// A token and where it comes from.
struct TokenCache {
    source: TokenSource,
    /// Calls that have no token wait for it to change.
    state: watch::Sender<TokenState>,
}

#[derive(Default)]
struct TokenState {
    token: Option<CachedToken>,
    is_fetching: bool,
    /// How the source has failed, unless it has succeeded since.
    failure: Option<FetchFailure>,
}

/// A token, as it is sent.
struct CachedToken {
    value: HeaderValue,
    /// None if it lives for ever.
    times: Option<TokenTimes>,
}

#[derive(Clone, Copy)]
struct TokenTimes {
    /// When it is to be renewed.
    refresh: Instant,
    /// When it is no longer sent.
    expiry: Instant,
}

struct FetchFailure {
    status: Status,
    /// How many there were before it.
    earlier: i32,
    /// When the source may be asked again.
    retry: Instant,
}

impl TokenCache {
    /// The value of `authorization`.
    async fn value(self: &Arc<Self>) -> Result<HeaderValue, Status> {
        // Before the look, so that no change is missed.
        let mut changes = self.state.subscribe();
        loop {
            let mut lookup = CacheLookup::default();
            self.state.send_if_modified(|state| {
                lookup = state.look_up(Instant::now());
                false
            });
            if lookup.begins_fetch {
                tokio::spawn(PendingFetch::new(self).run());
            }
            if let Some(value) = lookup.value {
                return value;
            }
            // Its sender is in `self`.
            let _ = changes.changed().await;
        }
    }
}

/// What a call is told.
#[derive(Default)]
struct CacheLookup {
    /// None if the call has to wait.
    value: Option<Result<HeaderValue, Status>>,
    begins_fetch: bool,
}

impl TokenState {
    fn look_up(&mut self, now: Instant) -> CacheLookup {
        let is_valid = |times: TokenTimes| now < times.expiry;
        let token = self.token.as_ref().filter(|token| token.times.is_none_or(is_valid));
        let is_due = |token: &CachedToken| token.times.is_some_and(|times| times.refresh <= now);
        let failure = self.failure.as_ref().filter(|failure| now < failure.retry);
        let begins_fetch = token.is_none_or(is_due) && failure.is_none() && !self.is_fetching;
        self.is_fetching |= begins_fetch;
        let value = match (token, failure) {
            (Some(token), _) => Some(Ok(token.value.clone())),
            (None, Some(failure)) => Some(Err(failure.status.clone())),
            (None, None) => None,
        };
        CacheLookup { value, begins_fetch }
    }

    fn answer(&mut self, fetched: Result<CachedToken, Status>) {
        self.is_fetching = false;
        match fetched {
            Ok(token) => (self.token, self.failure) = (Some(token), None),
            Err(status) => {
                let earlier = self.failure.as_ref().map_or(0, |failure| failure.earlier + 1);
                let retry = Instant::now() + BACKOFF.after(earlier);
                self.failure = Some(FetchFailure { status, earlier, retry });
            }
        }
    }
}

impl CachedToken {
    fn new(token: &BearerToken, began: Instant) -> Result<Self, Status> {
        let value = token.to_header().ok_or_else(|| {
            Status::unauthenticated("the source of tokens has returned one that cannot be sent")
        })?;
        let times = token.lifetime().and_then(|lifetime| TokenTimes::new(began, lifetime));
        match times {
            Some(times) if times.expiry <= Instant::now() => {
                let reason = "the source of tokens has returned one that has expired";
                Err(Status::unauthenticated(reason))
            }
            times => Ok(Self { value, times }),
        }
    }
}

impl TokenTimes {
    /// Those of a token that lives from `began` on. None if it outlives the clock.
    fn new(began: Instant, lifetime: Duration) -> Option<Self> {
        let expiry = began.checked_add(lifetime)? - EXPIRY_MARGIN.min(lifetime / 8);
        Some(Self { refresh: expiry - REFRESH_INTERVAL.min(lifetime / 4), expiry })
    }
}

/// A question that the source has not answered yet. Dropped without an answer, even before it is asked, the source has
/// panicked, or its runtime has ended: calls must not wait for it.
struct PendingFetch {
    cache: Arc<TokenCache>,
    is_answered: bool,
}

impl PendingFetch {
    fn new(cache: &Arc<TokenCache>) -> Self {
        Self { cache: Arc::clone(cache), is_answered: false }
    }

    async fn run(mut self) {
        let began = Instant::now();
        let fetched = match timeout(FETCH_TIMEOUT, (self.cache.source)()).await {
            Ok(token) => token.and_then(|token| CachedToken::new(&token, began)),
            Err(_) => Err(Status::unavailable("no token has come within 30 seconds")),
        };
        self.answer(fetched);
    }

    fn answer(&mut self, fetched: Result<CachedToken, Status>) {
        self.is_answered = true;
        let failure = fetched.as_ref().err().cloned();
        let fetched = fetched.map_err(|status| Status::new(status.code(), status.message()));
        self.cache.state.send_modify(|state| state.answer(fetched));
        // Last: a subscriber that panics keeps no call waiting.
        failure.iter().for_each(report);
    }
}

impl Drop for PendingFetch {
    fn drop(&mut self) {
        if !self.is_answered {
            let reason = "the source of tokens has panicked, or its runtime has ended";
            let _ = catch_panic(|| self.answer(Err(Status::unavailable(reason))));
        }
    }
}

/// Logs why there is no token. Calls are told without the cause, which each of them would log again. Details and
/// metadata are the identity provider's, and may be secret.
fn report(status: &Status) {
    let (code, message) = (status.code(), status.message());
    let cause = status.source().map(describe);
    tracing::warn!(?code, message, cause, "no bearer token for calls");
}
