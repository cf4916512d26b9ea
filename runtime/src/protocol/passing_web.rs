//! A response of gRPC-Web, read as it passes.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::HeaderMap;
use tonic::Status;

use super::{
    compression,
    content_type::Protocol,
    grpc_web::{TrailersInBody, without_trailers},
    headers::GRPC_ENCODING,
};
use crate::call::body::{PrefetchedBody, RecvBody};

/// Takes the trailers out of a body that passes in chunks.
pub(crate) struct PassingWebBody {
    passed: PassedChunks,
    reader: PrefetchedBody<TrailersInBody>,
    /// Why it is not read any further.
    failure: Option<Status>,
}

impl PassingWebBody {
    /// The body in `format` of a response with these `headers`.
    pub(crate) fn new(format: Protocol, headers: &HeaderMap) -> Self {
        let passed = PassedChunks::default();
        let encoding = headers.get(GRPC_ENCODING).and_then(|name| name.to_str().ok());
        let encoding = encoding.and_then(compression::by_name);
        let reader = without_trailers(format, PrefetchedBody::Stream(passed.clone()), encoding);
        Self { passed, reader, failure: None }
    }

    /// Takes the next chunk in. `on_data` gets the messages in it.
    pub(crate) fn push(&mut self, chunk: &Bytes, on_data: impl FnMut(&[u8])) {
        if self.failure.is_none() {
            self.passed.lock().chunks.push_back(chunk.clone());
            self.read(on_data);
        }
    }

    /// The trailers, after the last chunk. None if there are none.
    pub(crate) fn end(mut self, on_data: impl FnMut(&[u8])) -> Result<Option<HeaderMap>, Status> {
        self.passed.lock().has_ended = true;
        self.read(on_data);
        match (self.failure, self.reader) {
            (Some(status), _) => Err(status),
            (None, PrefetchedBody::Stream(mut reader)) => {
                let trailers = reader.poll_trailers(&mut Context::from_waker(Waker::noop()));
                if let Poll::Ready(trailers) = trailers { trailers } else { Ok(None) }
            }
            (None, PrefetchedBody::Whole(_, trailers)) => trailers,
        }
    }

    fn read(&mut self, mut on_data: impl FnMut(&[u8])) {
        let PrefetchedBody::Stream(reader) = &mut self.reader else { return };
        // More is read when it passes.
        let cx = &mut Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(read)) = reader.poll_data(cx) {
            match read {
                Ok(data) => on_data(&data),
                Err(status) => {
                    self.failure = Some(status);
                    return;
                }
            }
        }
    }
}

impl fmt::Debug for PassingWebBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassingWebBody").finish_non_exhaustive()
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

#[cfg(all(test, feature = "gzip"))]
mod tests {
    use bytes::{BufMut as _, BytesMut};
    use http::HeaderValue;
    use tonic::codec::CompressionEncoding;

    use super::*;
    use crate::protocol::grpc_web::to_base64;

    #[test]
    fn compressed_trailers_are_read_however_they_are_cut() {
        let mut block = BytesMut::new();
        let trailers = b"grpc-status: 5\r\ngrpc-message: gone\r\n";
        compression::compress(CompressionEncoding::Gzip, trailers, &mut block).unwrap();
        let message = [0, 0, 0, 0, 1, b'a'];
        let mut frame = BytesMut::new();
        frame.put_u8(0x81);
        frame.put_u32(block.len() as u32);
        frame.extend_from_slice(&block);
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_ENCODING, HeaderValue::from_static("gzip"));
        let text = [to_base64(&message), to_base64(&frame)].concat();
        let bytes = [&message, &frame[..]].concat();
        for (format, body) in [(Protocol::GrpcWeb, bytes), (Protocol::GrpcWebText, text)] {
            for size in 1..=body.len() {
                let mut read = Vec::new();
                let mut passing = PassingWebBody::new(format, &headers);
                for chunk in body.chunks(size) {
                    let chunk = Bytes::copy_from_slice(chunk);
                    passing.push(&chunk, |data| read.extend_from_slice(data));
                }
                let end = passing.end(|data| read.extend_from_slice(data)).unwrap().unwrap();
                assert_eq!(read, message, "{format:?}, chunks of {size}");
                assert_eq!(end["grpc-status"], "5", "{format:?}, chunks of {size}");
            }
        }
    }
}
