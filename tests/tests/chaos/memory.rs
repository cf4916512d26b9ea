//! How much memory this process has.

/// The resident memory in MiB, where the system tells; else nothing.
pub(crate) fn resident() -> usize {
    resident_kib() / 1024
}

/// The resident memory in KiB.
pub(crate) fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kib.unwrap_or(0)
}
