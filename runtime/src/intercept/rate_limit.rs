//! [`RateLimit`]: how many calls there may be in a time, for each key.

use std::{
    fmt,
    hash::{BuildHasher as _, Hash, RandomState},
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use governor::{Quota, RateLimiter, clock::Clock, state::keyed::HashMapStateStore};
use tonic::Status;

use super::{
    call::InterceptedCall,
    interceptor::{Interceptor, Next},
};
use crate::call::{reply::Reply, status};

/// How many calls there may be in a time, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Rate(Quota);

impl Rate {
    /// So many calls a second, all of which may come at once. At least 1.
    pub const fn per_second(calls: u32) -> Self {
        Self(Quota::per_second(at_least_one(calls)))
    }

    /// So many calls a minute, all of which may come at once. At least 1.
    pub const fn per_minute(calls: u32) -> Self {
        Self(Quota::per_minute(at_least_one(calls)))
    }

    /// So many calls an hour, all of which may come at once. At least 1.
    pub const fn per_hour(calls: u32) -> Self {
        Self(Quota::per_hour(at_least_one(calls)))
    }

    /// How many calls may come at once after a pause, instead of all of a second, a minute or an hour. At least 1.
    pub const fn burst(self, calls: u32) -> Self {
        Self(self.0.allow_burst(at_least_one(calls)))
    }
}

const fn at_least_one(calls: u32) -> NonZeroU32 {
    match NonZeroU32::new(calls) {
        Some(calls) => calls,
        None => NonZeroU32::MIN,
    }
}

/// An [`Interceptor`] that limits the rate of calls, for each key that a function takes from them: the client that an
/// interceptor before it has put into the extensions, a header, the address of the peer. Needs the feature
/// `rate-limit`.
///
/// A call beyond the rate fails with `ResourceExhausted`, and its metadata has `grpc-retry-pushback-ms`: the time until
/// there is room for one (see [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md)). Calls
/// without a key are not limited. Rates are kept by the generic cell rate algorithm
/// ([governor](https://docs.rs/governor)): room for calls comes back evenly, not at once at the end of a second. Keys
/// take memory until as much time has passed without a call as it takes for all of their room to come back, and there
/// have been as many calls of others as there are keys.
///
/// A hundred calls a second for each client, of which twenty may come at once:
/// ```
/// use rust_scaffold::{InterceptedCall, Rate, RateLimit, Server};
///
/// #[derive(Clone)]
/// struct ClientName(String);
///
/// let by_client = RateLimit::new(Rate::per_second(100).burst(20), |call: &InterceptedCall| {
///     // Another interceptor, which was added before, knows the client.
///     call.extensions().get::<ClientName>().map(|ClientName(name)| name.clone())
/// });
/// let server = Server::new().intercept(by_client);
/// ```
pub struct RateLimit<K: Hash + Eq + Clone, F> {
    /// By the hash of the key.
    shards: Box<[RateShard<K>]>,
    hasher: RandomState,
    key_of: F,
}

/// How many parts the keys have: a call that looks through one of them, or for which a table has to grow, takes that
/// part of the time, and holds up no calls with other keys.
const SHARDS: usize = 64;
/// How many calls there are at least between two times at which a part is looked through.
const MIN_CALLS_BETWEEN_CLEANUPS: usize = 64;

/// A part of the keys.
struct RateShard<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, HashMapStateStore<K>, TokioClock>,
    /// How many more calls there are until the keys are looked through for those that are not needed any more.
    until_cleanup: AtomicUsize,
}

impl<K, F> RateLimit<K, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    F: Fn(&InterceptedCall) -> Option<K> + Send + Sync + 'static,
{
    /// Limits calls to `rate`, for each key that `key_of` returns.
    pub fn new(rate: Rate, key_of: F) -> Self {
        let shards = (0..SHARDS).map(|_| RateShard::new(rate)).collect();
        Self { shards, hasher: RandomState::new(), key_of }
    }

    fn check(&self, key: &K) -> Result<(), Status> {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards[shard].check(key)
    }
}

impl<K: Hash + Eq + Clone> RateShard<K> {
    fn new(rate: Rate) -> Self {
        let limiter = RateLimiter::new(rate.0, HashMapStateStore::default(), TokioClock);
        Self { limiter, until_cleanup: AtomicUsize::new(MIN_CALLS_BETWEEN_CLEANUPS) }
    }

    fn check(&self, key: &K) -> Result<(), Status> {
        self.forget_unneeded_keys();
        self.limiter.check_key(key).map_err(|refusal| {
            let status = Status::resource_exhausted("too many calls");
            status::with_pushback(status, refusal.wait_time_from(now()))
        })
    }

    /// Looks through the keys, but so rarely that this is little for each call.
    fn forget_unneeded_keys(&self) {
        // One thread sees the last one of them, and others count on meanwhile, from a number that does not matter.
        if self.until_cleanup.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.limiter.retain_recent();
            // After very many keys, to look through what they have left behind would be no little for few calls.
            self.limiter.shrink_to_fit();
            let calls = self.limiter.len().max(MIN_CALLS_BETWEEN_CLEANUPS);
            self.until_cleanup.store(calls, Ordering::Relaxed);
        }
    }
}

impl<K, F> Interceptor for RateLimit<K, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    F: Fn(&InterceptedCall) -> Option<K> + Send + Sync + 'static,
{
    async fn intercept(&self, call: InterceptedCall, next: Next<'_>) -> Result<Reply, Status> {
        if let Some(key) = (self.key_of)(&call) {
            self.check(&key)?;
        }
        next.run(call).await
    }
}

/// The clock of tokio, which tests can stop.
#[derive(Clone, Debug)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        now()
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl<K: Hash + Eq + Clone, F> fmt::Debug for RateLimit<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: usize = self.shards.iter().map(|shard| shard.limiter.len()).sum();
        f.debug_struct("RateLimit").field("keys", &keys).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keys_that_have_all_of_their_room_again_are_forgotten_and_others_are_not() {
        const KEYS: u32 = 100_000;
        let limit = RateLimit::new(Rate::per_hour(1), |_: &InterceptedCall| None::<u32>);
        (0..KEYS).for_each(|key| limit.check(&key).unwrap());
        assert!((0..KEYS).all(|key| limit.check(&key).is_err()), "one is forgotten too early");
        tokio::time::advance(Duration::from_secs(3 * 3600)).await;
        let keys = || limit.shards.iter().map(|shard| shard.limiter.len()).sum::<usize>();
        assert_eq!(keys(), KEYS as usize);
        // Each part is looked through when there have been as many calls of it as it has keys.
        let largest = limit.shards.iter().map(|shard| shard.limiter.len()).max().unwrap();
        assert!(largest < 2 * KEYS as usize / SHARDS, "{largest} of {KEYS} keys are in one part");
        (KEYS..3 * KEYS).for_each(|key| limit.check(&key).unwrap());
        assert!(keys() <= 2 * KEYS as usize, "{} keys are left", keys());
    }
}
