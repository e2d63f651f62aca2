//! How much memory this process may use, by its control group.

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups of version 2 are mounted.
const CGROUPS: &str = "/sys/fs/cgroup";

/// The lowest `memory.max` of this process's control group and those above it, in bytes; `None`
/// if there is no limit.
#[must_use]
pub fn limit() -> Option<u64> {
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_of(Path::new(CGROUPS), &membership)
}

fn limit_of(mount: &Path, membership: &str) -> Option<u64> {
    // Version 2 has one line, `0::/path` (cgroups(7)).
    let path = membership.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let own: PathBuf = mount.join(path);
    own.ancestors()
        .take_while(|group| group.starts_with(mount))
        .filter_map(|group| fs::read_to_string(group.join("memory.max")).ok())
        .filter_map(|text| text.trim().parse().ok())
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_limit_above_counts() {
        let mount = tempfile::tempdir().unwrap();
        let inner = mount.path().join("system.slice/shost.service");
        fs::create_dir_all(&inner).unwrap();
        let limit = || limit_of(mount.path(), "0::/system.slice/shost.service\n");
        assert_eq!(limit(), None);
        fs::write(inner.join("memory.max"), "max\n").unwrap();
        assert_eq!(limit(), None);
        fs::write(mount.path().join("system.slice/memory.max"), "1000\n").unwrap();
        assert_eq!(limit(), Some(1000));
        fs::write(inner.join("memory.max"), "500\n").unwrap();
        assert_eq!(limit(), Some(500));
        assert_eq!(limit_of(mount.path(), "1:memory:/x\n"), None);
    }
}
