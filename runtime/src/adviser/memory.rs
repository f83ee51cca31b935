//! How much memory there is for this process.

use std::fs;

/// The machine's memory, or what the process's group may have of it; in bytes. `None` where that is not told.
pub(super) fn of_machine() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let of_group = |path: &&str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    machine.into_iter().chain(groups.iter().filter_map(of_group)).min()
}

/// `MemTotal:  16384 kB`
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read_and_what_it_does_not_is_unknown() {
        assert_eq!(total("MemFree: 1 kB\nMemTotal:       16384 kB\n"), Some(16 << 20));
        assert_eq!(total("MemTotal: many kB"), None);
        assert_eq!(total(""), None);
    }
}
