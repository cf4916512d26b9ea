//! Calls that share a connection: one task writes what they send, another hands out the answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
};

use crate::frame;

#[derive(Clone)]
pub(crate) struct Client {
    requests: mpsc::UnboundedSender<(u32, Bytes)>,
    waiting: Arc<Waiting>,
}

/// Who waits for which answer.
#[derive(Default)]
struct Waiting(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    last: u32,
    open: HashMap<u32, oneshot::Sender<Bytes>>,
}

impl Client {
    pub(crate) fn new(socket: TcpStream) -> Self {
        let ((reader, writer), waiting) = (socket.into_split(), Arc::<Waiting>::default());
        let (requests, to_send) = mpsc::unbounded_channel();
        tokio::spawn(write(writer, to_send));
        tokio::spawn(read(reader, waiting.clone()));
        Self { requests, waiting }
    }

    pub(crate) async fn call(&self, payload: Bytes) -> Bytes {
        let (id, answer) = self.waiting.open();
        self.requests.send((id, payload)).expect("a task that writes");
        answer.await.expect("a task that reads")
    }
}

impl Waiting {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> (u32, oneshot::Receiver<Bytes>) {
        let (sender, answer) = oneshot::channel();
        let mut calls = self.calls();
        calls.last = calls.last.wrapping_add(1);
        let id = calls.last;
        calls.open.insert(id, sender);
        (id, answer)
    }

    fn answer(&self, id: u32, payload: Bytes) {
        let call = self.calls().open.remove(&id);
        // Who has given up does not need it.
        drop(call.map(|call| call.send(payload)));
    }
}

async fn write(mut writer: OwnedWriteHalf, mut to_send: mpsc::UnboundedReceiver<(u32, Bytes)>) {
    let mut out = BytesMut::with_capacity(frame::BATCH);
    while let Some((id, payload)) = to_send.recv().await {
        frame::put(&mut out, id, &payload);
        while out.len() < frame::BATCH {
            let Ok((id, payload)) = to_send.try_recv() else { break };
            frame::put(&mut out, id, &payload);
        }
        if writer.write_all(&out).await.is_err() {
            return;
        }
        out.clear();
    }
}

async fn read(mut reader: OwnedReadHalf, waiting: Arc<Waiting>) {
    let mut read = BytesMut::with_capacity(frame::BATCH);
    while reader.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {
        while let Some((id, payload)) = frame::take(&mut read) {
            waiting.answer(id, payload);
        }
    }
}
