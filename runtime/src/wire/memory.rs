//! What the messages leave to the allocator.

use std::{hint::black_box, sync::Once};

use super::frame::DEFAULT_DECODING_LIMIT;

/// Has glibc's allocator keep the memory of large messages for the next ones.
///
/// At first it returns memory to the kernel as soon as 128 KiB are free at the end of a heap: with
/// messages of about that size, most of a call is page faults. Once a block of a larger size was
/// freed, it keeps up to twice that size (`M_MMAP_THRESHOLD` in
/// [mallopt(3)](https://man7.org/linux/man-pages/man3/mallopt.3.html)). This frees such a block, of
/// the size of the largest message, before the first message instead of behind it. Nothing is
/// written to it; other allocators take no notice.
pub(crate) fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(black_box(Vec::<u8>::with_capacity(DEFAULT_DECODING_LIMIT))));
}
