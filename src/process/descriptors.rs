//! File descriptors: one for each connection, each site and each file that is being sent.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. The usual soft limit of 1,024 is a courtesy to programs
/// that use select(2), which this one does not.
pub fn raise() {
    let limit = getrlimit(Resource::Nofile);
    // Refused, the lower limit simply stays.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        raise();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
