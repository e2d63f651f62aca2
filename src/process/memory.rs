//! How much memory this process may use: by its limits and by what the machine has.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

/// The mount point of control groups.
const CGROUPS: &str = "/sys/fs/cgroup";

/// The lowest limit in bytes that this process has been set: by its control group and those above
/// it, or by `setrlimit` on its data or address space; `None` if there is none.
#[must_use]
pub fn limit() -> Option<u64> {
    let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = [Resource::Data, Resource::As].map(|resource| getrlimit(resource).current);
    limits.into_iter().flatten().chain(limit_of(Path::new(CGROUPS), &membership)).min()
}

/// [`limit`], or all the memory of the machine where there is none.
#[must_use]
pub fn available() -> Option<u64> {
    let machine = rustix::system::sysinfo();
    let machine = machine.totalram.checked_mul(machine.mem_unit.into())?;
    Some(limit().map_or(machine, |limit| limit.min(machine)))
}

/// A line is `number:controllers:/path` (cgroups(7)). Version 2 names no controllers; the memory
/// controller of version 1 has a hierarchy of its own, in which no limit is a huge one.
fn limit_of(mount: &Path, membership: &str) -> Option<u64> {
    let limits = membership.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?.strip_prefix('/')?);
        if controllers.is_empty() {
            return lowest(mount, path, "memory.max");
        }
        let memory = controllers.split(',').any(|controller| controller == "memory");
        let limit = lowest(&mount.join("memory"), path, "memory.limit_in_bytes");
        limit.filter(|limit| memory && *limit < NO_LIMIT)
    });
    limits.min()
}

/// No limit, as version 1 has it: the greatest number of whole pages in 63 bits.
const NO_LIMIT: u64 = 1 << 62;

/// The lowest number in the files `name` of the group `path` and those above it.
fn lowest(mount: &Path, path: &str, name: &str) -> Option<u64> {
    let own: PathBuf = mount.join(path);
    own.ancestors()
        .take_while(|group| group.starts_with(mount))
        .filter_map(|group| fs::read_to_string(group.join(name)).ok())
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
        let old = mount.path().join("memory/machine");
        fs::create_dir_all(&old).unwrap();
        let limit = |membership| limit_of(mount.path(), membership);
        fs::write(old.join("memory.limit_in_bytes"), "9223372036854771712\n").unwrap();
        assert_eq!(limit("4:memory:/machine/shost\n0::/\n"), None);
        fs::write(old.join("memory.limit_in_bytes"), "700\n").unwrap();
        assert_eq!(limit("8:pids:/machine\n4:cpu,memory:/machine/shost\n0::/\n"), Some(700));
        assert_eq!(limit("4:cpu:/machine\n"), None);
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
