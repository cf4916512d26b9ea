//! Admits a call when the end of its request has arrived: how long that takes is its client's matter, and says nothing
//! of the server.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use tokio::time::Instant;
use tonic::Status;

use super::adaptive::{AdaptiveLimiter, AdaptivePermit};
use crate::{
    call::{body::RecvBody, deadline},
    h2::error::from_transport,
    protocol::http_body::HttpBody,
};

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
        let stream = body.into_stream(from_transport);
        HttpBody::stream(Box::new(LateRequest { stream, admission: Some(self.clone()) }))
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
    stream: Box<dyn RecvBody>,
    /// None once it has arrived, or has failed.
    admission: Option<LateAdmission>,
}

impl RecvBody for LateRequest {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let polled = ready!(self.stream.poll_data(cx));
        let has_arrived = match &polled {
            Some(Ok(_)) => self.stream.is_end_stream(),
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

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>> {
        self.stream.poll_trailers(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.admission.is_none() && self.stream.is_end_stream()
    }

    fn track(&mut self) {
        self.stream.track();
    }

    fn note_awaiting(&self) {
        self.stream.note_awaiting();
    }
}
