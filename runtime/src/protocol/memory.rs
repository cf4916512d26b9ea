//! Tunes the allocator for large messages.

use std::hint::black_box;

use crate::protocol::length_prefixed::DEFAULT_DECODING_LIMIT;

/// Raises the threshold above which glibc's `malloc` uses `mmap`, so that the memory of messages of up to
/// 4 MiB is reused.
///
/// Call it once at program start if the program constantly sends or receives messages of 64 KiB and more.
/// The library never calls it, because it affects the whole process. By default, glibc maps each block of
/// 128 KiB or more separately, and returns memory to the kernel as soon as that much is free at the top
/// of the heap. With messages of about that size, page faults then dominate the cost of a call.
/// `docs/performance.md` shows the gain. The price is memory that the process does not return to the
/// kernel: up to 8 MiB for each of the allocator's arenas.
///
/// glibc raises the threshold by itself when a block of such a size is freed (`M_MMAP_THRESHOLD` in
/// [mallopt(3)](https://man7.org/linux/man-pages/man3/mallopt.3.html)). This function allocates and frees
/// 4 MiB without touching them. It has no effect with other allocators, or if the program has set the
/// threshold itself or by `MALLOC_MMAP_THRESHOLD_` in its environment.
///
/// ```
/// rust_scaffold::raise_mmap_threshold();
/// ```
pub fn raise_mmap_threshold() {
    drop(black_box(Vec::<u8>::with_capacity(DEFAULT_DECODING_LIMIT)));
}
