//! A response of gRPC-Web that another library has written, read as it passes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use tonic::Status;

use super::{
    content_type::Protocol,
    grpc_web::{TrailersInBody, without_trailers},
};
use crate::call::{
    body::{PrefetchedBody, RecvBody},
    observer::BoxObserver,
};

/// Takes the trailers out of a body that passes in chunks.
pub(super) struct PassingWebBody {
    passed: PassedChunks,
    reader: PrefetchedBody<TrailersInBody>,
    /// Why it is not read any further.
    failure: Option<Status>,
}

impl PassingWebBody {
    pub(super) fn new(format: Protocol) -> Self {
        let passed = PassedChunks::default();
        // Compressed trailers are not looked into.
        let reader = without_trailers(format, PrefetchedBody::Stream(passed.clone()), None);
        Self { passed, reader, failure: None }
    }

    /// Shows `observer` the messages in a chunk.
    pub(super) fn push(&mut self, chunk: &Bytes, observer: &mut BoxObserver) {
        if self.failure.is_none() {
            self.passed.lock().chunks.push_back(chunk.clone());
            self.read(observer);
        }
    }

    /// The trailers, after the last chunk.
    pub(super) fn end(mut self, observer: &mut BoxObserver) -> Result<Option<HeaderMap>, Status> {
        self.passed.lock().has_ended = true;
        self.read(observer);
        match (self.failure, self.reader) {
            (Some(status), _) => Err(status),
            (None, PrefetchedBody::Stream(mut reader)) => {
                let trailers = reader.poll_trailers(&mut Context::from_waker(Waker::noop()));
                if let Poll::Ready(trailers) = trailers { trailers } else { Ok(None) }
            }
            (None, PrefetchedBody::Whole(_, trailers)) => trailers,
        }
    }

    fn read(&mut self, observer: &mut BoxObserver) {
        let PrefetchedBody::Stream(reader) = &mut self.reader else { return };
        // More is read when it passes.
        let cx = &mut Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(read)) = reader.poll_data(cx) {
            match read {
                Ok(data) => observer.on_data(&data),
                Err(status) => {
                    self.failure = Some(status);
                    return;
                }
            }
        }
    }
}

/// What has passed and was not read yet. Shared by one body and its reader, on one thread at a time.
#[derive(Clone, Default)]
struct PassedChunks(Arc<Mutex<PassedState>>);

#[derive(Default)]
struct PassedState {
    chunks: VecDeque<Bytes>,
    has_ended: bool,
}

impl PassedChunks {
    fn lock(&self) -> MutexGuard<'_, PassedState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecvBody for PassedChunks {
    fn poll_data(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        let mut passed = self.lock();
        match passed.chunks.pop_front() {
            Some(chunk) => Poll::Ready(Some(Ok(chunk))),
            None if passed.has_ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn poll_trailers(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, Status>> {
        Poll::Ready(Ok(None))
    }

    fn is_end_stream(&self) -> bool {
        let passed = self.lock();
        passed.has_ended && passed.chunks.is_empty()
    }
}
