//! The length of the payload and the identifier of the call, 32 bits each; and the payload.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

const HEAD: usize = 8;
/// What a read or a write takes at a time.
pub(crate) const BATCH: usize = 64 * 1024;

pub(crate) fn put(out: &mut BytesMut, id: u32, payload: &[u8]) {
    out.reserve(HEAD + payload.len());
    out.put_u32(payload.len() as u32);
    out.put_u32(id);
    out.put_slice(payload);
}

/// The first frame of what has been read, or else room for the rest of it.
pub(crate) fn take(read: &mut BytesMut) -> Option<(u32, Bytes)> {
    let head = read.get(..HEAD).and_then(|head| Some((head.get(..4)?, head.get(4..)?)));
    let Some((mut length, mut id)) = head else {
        read.reserve(BATCH);
        return None;
    };
    let (length, id) = (length.get_u32() as usize, id.get_u32());
    if read.len() < HEAD + length {
        read.reserve((HEAD + length - read.len()).max(BATCH));
        return None;
    }
    read.advance(HEAD);
    Some((id, read.split_to(length).freeze()))
}
