//! The service `grpc.health.v1.Health`.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

use super::{
    generated::{
        Health, HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
        health_check_response::ServingStatus,
    },
    reporter::HealthReporter,
    statuses::{HealthStatus, Statuses},
};
use crate::call::streaming::Streaming;

/// How many services `List` returns at most, as [the
/// proto](https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto) says.
const MAX_LISTED: usize = 100;

/// Answers with what is reported.
pub(super) struct HealthService {
    pub(super) reporter: HealthReporter,
    /// Whether the server drains its connections itself.
    pub(super) drains: Arc<AtomicBool>,
}

impl Health for HealthService {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match self.reporter.status(&request.get_ref().service) {
            Some(status) => Ok(Response::new(response(on_wire(status)))),
            None => Err(Status::not_found("the health of this service is not known")),
        }
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Streaming<HealthCheckResponse>>, Status> {
        // Many clients watch again at once when they have learned anything: they would do so until the server
        // drains, which ends the watch as well.
        let ends_with_drain =
            self.drains.load(Ordering::Relaxed) && self.reporter.current().is_shut_down;
        Ok(Response::new(Streaming::new(Watch {
            service: request.into_inner().service,
            updates: WatchStream::new(self.reporter.subscribe()),
            reported: None,
            ends_at_shutdown: !ends_with_drain,
            is_last: false,
        })))
    }

    async fn list(
        &self,
        _: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        let statuses = self.reporter.current();
        if statuses.len() > MAX_LISTED {
            return Err(Status::resource_exhausted(format!(
                "there are {} services, and at most {MAX_LISTED} are listed",
                statuses.len()
            )));
        }
        let statuses =
            statuses.all().map(|(name, status)| (name.to_owned(), response(on_wire(status))));
        Ok(Response::new(HealthListResponse { statuses: statuses.collect() }))
    }
}

/// The status of one service, again whenever it has changed. As messages are made when there is room for them,
/// a slow client gets the newest status and none in between.
struct Watch {
    service: String,
    updates: WatchStream<Arc<Statuses>>,
    reported: Option<ServingStatus>,
    /// Otherwise, it goes on until the drain.
    ends_at_shutdown: bool,
    /// Whether nothing comes after what was reported, because shutdown has begun.
    is_last: bool,
}

impl Stream for Watch {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.is_last {
            let Some(statuses) = ready!(Pin::new(&mut self.updates).poll_next(cx)) else { break };
            self.is_last = self.ends_at_shutdown && statuses.is_shut_down;
            let status = statuses.get(&self.service).map_or(ServingStatus::ServiceUnknown, on_wire);
            // It may be another service that has changed.
            if self.reported.replace(status) != Some(status) {
                return Poll::Ready(Some(Ok(response(status))));
            }
        }
        Poll::Ready(None)
    }
}

fn on_wire(status: HealthStatus) -> ServingStatus {
    match status {
        HealthStatus::Serving => ServingStatus::Serving,
        HealthStatus::NotServing => ServingStatus::NotServing,
        HealthStatus::Unknown => ServingStatus::Unknown,
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
