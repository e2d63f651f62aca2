//! How much memory this process may use, by its control group and by what the machine has.

use std::fmt;
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

/// [`limit`], or all the memory of the machine where there is none.
#[must_use]
pub fn available() -> Option<u64> {
    let machine = rustix::system::sysinfo();
    let machine = machine.totalram.checked_mul(machine.mem_unit.into())?;
    Some(limit().map_or(machine, |limit| limit.min(machine)))
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

/// A number of bytes, as people write it: with K, M or G, which are powers of 1,024.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u32, char); 3] = [(30, 'G'), (20, 'M'), (10, 'K')];
        let Some((shift, unit)) = UNITS.into_iter().find(|(shift, _)| self.0 >> shift > 0) else {
            return self.0.fmt(formatter);
        };
        let (whole, rest) = (self.0 >> shift, self.0 & ((1 << shift) - 1));
        let tenths = (rest * 10) >> shift;
        match tenths {
            0 => write!(formatter, "{whole}{unit}"),
            _ => write!(formatter, "{whole}.{tenths}{unit}"),
        }
    }
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

    #[test]
    fn sizes_are_written_as_people_do() {
        let table = [
            (0, "0"),
            (1023, "1023"),
            (1024, "1K"),
            (1536, "1.5K"),
            (256 << 20, "256M"),
            ((256 << 20) + (1 << 19), "256.5M"),
            (3 << 30, "3G"),
            (u64::MAX, "17179869183.9G"),
        ];
        for (bytes, expected) in table {
            assert_eq!(Size(bytes).to_string(), expected);
        }
    }
}
