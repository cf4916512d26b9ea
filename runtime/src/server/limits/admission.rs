//! What a call has to pass before it is started, and what it holds while it is in progress.

use std::{sync::Arc, time::Duration};

use http::{Request, Response};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tonic::{Code, Status};

use super::{
    adaptive::{AdaptiveLimiter, AdaptivePermit},
    late_admission::LateAdmission,
    refusal::refused,
};
use crate::{
    call::deadline::{self, Deadline, TimeoutLimit},
    protocol::{Protocol, grpc_status, http_body::HttpBody},
};

/// The limits of a method's calls.
#[derive(Debug, Default)]
pub(super) struct CallLimits {
    pub(super) timeout: Option<Duration>,
    /// Those of the method, the service and the server.
    pub(super) concurrency: Vec<Arc<ConcurrencyLimit>>,
    pub(super) adaptive: Option<AdaptiveLimiter>,
    /// Whether the service does not end calls at their deadlines itself.
    pub(super) enforces_deadline: bool,
}

/// Lets a limited number of calls be in progress.
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    permits: Arc<Semaphore>,
    limit: usize,
    /// What is limited: a method, a service, or the server.
    name: String,
}

impl ConcurrencyLimit {
    pub(super) fn new(limit: usize, name: String) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(limit)), limit, name }
    }

    fn try_acquire(&self) -> Result<OwnedSemaphorePermit, Status> {
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            refused(format!("{} has its limit of calls in progress, {}", self.name, self.limit))
        })
    }
}

/// What a call that was let in holds until it has been answered.
#[derive(Debug)]
pub(super) struct AdmittedCall {
    concurrency: Vec<OwnedSemaphorePermit>,
    adaptive: Option<AdaptiveAdmission>,
    /// When the call ends, if its service does not see to that.
    pub(super) deadline: Deadline,
}

/// When the adaptive limit gives a call its place.
#[derive(Debug)]
enum AdaptiveAdmission {
    Done(AdaptivePermit),
    /// The request is on its way. Until its end, the call holds no place, and then it may be refused.
    AtEndOfRequest(LateAdmission),
}

impl CallLimits {
    /// Whether calls need not ask.
    pub(super) fn is_empty(&self) -> bool {
        self.timeout.is_none() && self.concurrency.is_empty() && self.adaptive.is_none()
    }

    /// Admits the call of `request`, and has its service limit its time. An error is the status with which it is
    /// refused.
    pub(super) fn admit(&self, request: &mut Request<HttpBody>) -> Result<AdmittedCall, Status> {
        let own = deadline::timeout(request.headers());
        // What is malformed counts as none: our services refuse it, others may not look at it.
        let known = own.as_ref().ok().copied().flatten();
        let timeout = [known, self.timeout].into_iter().flatten().min();
        if let (Ok(own), Some(limit)) = (own, timeout)
            && own != timeout
        {
            self.tell(request, limit);
        }
        let concurrency =
            self.concurrency.iter().map(|limit| limit.try_acquire()).collect::<Result<_, _>>()?;
        let expiry = timeout.map(|timeout| Instant::now() + timeout);
        let adaptive = match &self.adaptive {
            Some(limiter) if request.body().has_arrived() => {
                Some(AdaptiveAdmission::Done(limiter.try_acquire(timeout)?))
            }
            Some(limiter) => {
                let admission = LateAdmission::new(limiter.clone(), expiry);
                let body = std::mem::take(request.body_mut());
                *request.body_mut() = admission.admit_after(body);
                Some(AdaptiveAdmission::AtEndOfRequest(admission))
            }
            None => None,
        };
        let deadline = Deadline::at(expiry.filter(|_| self.enforces_deadline));
        Ok(AdmittedCall { concurrency, adaptive, deadline })
    }

    /// Has the service of `request` limit the call to this time.
    fn tell(&self, request: &mut Request<HttpBody>, limit: Duration) {
        match self.enforces_deadline {
            // It knows of no other way.
            true => deadline::set_timeout(request.headers_mut(), limit),
            false => drop(request.extensions_mut().insert(TimeoutLimit(limit))),
        }
    }
}

impl AdmittedCall {
    /// The response that a service has made, which keeps its places until it has been sent.
    pub(super) fn hold(self, response: Response<HttpBody>) -> Response<HttpBody> {
        let headers = response.headers();
        // What is no reply, such as HTTP 405, says nothing of how long calls take.
        let reply = Protocol::of_call(headers).map(|_| Code::Ok);
        let code = grpc_status::code_of_head(headers).or(reply);
        let permit = match self.adaptive {
            Some(AdaptiveAdmission::Done(permit)) => Some(permit),
            Some(AdaptiveAdmission::AtEndOfRequest(admission)) => admission.take(),
            None => None,
        };
        if let Some(permit) = permit {
            permit.answered(code.unwrap_or(Code::Unknown));
        }
        match self.concurrency.is_empty() {
            true => response,
            false => response.map(|body| body.holding(self.concurrency)),
        }
    }
}
