//! Admits a call when the end of its request has arrived: how long that takes is its client's matter, and says nothing
//! of the server.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;
use tonic::Status;

use super::adaptive::{AdaptiveLimiter, AdaptivePermit};
use crate::{call::deadline, protocol::http_body::HttpBody};

/// The admission of a call whose request is on its way.
#[derive(Clone)]
pub(super) struct LateAdmission(Arc<LateState>);

struct LateState {
    limiter: AdaptiveLimiter,
    /// When nobody waits for the call any more.
    expiry: Option<Instant>,
    /// Locked to put it there, and to take it.
    permit: Mutex<Option<AdaptivePermit>>,
}

impl LateAdmission {
    pub(super) fn new(limiter: AdaptiveLimiter, expiry: Option<Instant>) -> Self {
        Self(Arc::new(LateState { limiter, expiry, permit: Mutex::new(None) }))
    }

    /// `body`, which fails at its end if the call is refused.
    pub(super) fn admit_after(&self, body: HttpBody) -> HttpBody {
        HttpBody::new(LateRequest { body, admission: Some(self.clone()) })
    }

    /// The permit, if the call has been admitted.
    pub(super) fn take(&self) -> Option<AdaptivePermit> {
        self.0.permit.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn admit(&self) -> Result<(), Status> {
        let now = Instant::now();
        let left = self.0.expiry.map(|expiry| expiry.saturating_duration_since(now));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(deadline::exceeded());
        }
        let permit = self.0.limiter.try_acquire(left)?;
        *self.0.permit.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
        Ok(())
    }
}

impl fmt::Debug for LateAdmission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LateAdmission").field("expiry", &self.0.expiry).finish_non_exhaustive()
    }
}

/// A request that is on its way.
struct LateRequest {
    body: HttpBody,
    /// None once it has arrived, or has failed.
    admission: Option<LateAdmission>,
}

impl Body for LateRequest {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let has_arrived = match &polled {
            Some(Ok(_)) => self.body.is_end_stream(),
            Some(Err(_)) => {
                self.admission = None;
                false
            }
            None => true,
        };
        if has_arrived && let Some(admission) = self.admission.take() {
            admission.admit()?;
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.admission.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
