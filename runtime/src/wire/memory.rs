//! What a program may tell its allocator about messages.

use std::hint::black_box;

use super::frame::DEFAULT_DECODING_LIMIT;

/// Has glibc's allocator keep the memory of messages of up to 4 MiB for the next ones.
///
/// A program calls it once, at its start, when it sends or receives messages of 64 KiB and more all
/// the time; nothing here does so by itself, for it is about the whole process. At first glibc takes
/// blocks of 128 KiB and more from the kernel, one by one, and gives the memory back as soon as as
/// much is free at the end of a heap: with messages of about that size, most of a call is page
/// faults. `docs/performance.md` has the gain. The price is memory that the process keeps when it
/// needs it no more: up to 8 MiB for each arena of the allocator.
///
/// glibc does the same by itself once a block of such a size was freed (`M_MMAP_THRESHOLD` in
/// [mallopt(3)](https://man7.org/linux/man-pages/man3/mallopt.3.html)). This allocates one of 4 MiB
/// and frees it, without writing to it. Other allocators take no notice, and where a program has
/// set the threshold itself, or `MALLOC_MMAP_THRESHOLD_` in its environment, nothing changes.
///
/// ```
/// rust_scaffold::raise_mmap_threshold();
/// ```
pub fn raise_mmap_threshold() {
    drop(black_box(Vec::<u8>::with_capacity(DEFAULT_DECODING_LIMIT)));
}
