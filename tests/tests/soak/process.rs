//! What this process holds.

/// How many files it has open, where the system tells; else none.
pub(crate) fn files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
