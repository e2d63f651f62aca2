//! How much the process and one client may hold, by the descriptors and the memory there are.

use std::fmt;

use crate::process::memory::Size;

/// Bytes of memory that are counted for a connection. One that idles over TLS holds 5 KiB of the
/// server's and some of the kernel's; connections may take half of what there is.
const CONNECTION_BYTES: u64 = 32 * 1024;

/// Connections of one client, at most half of all that there may be. Far above what a household, an
/// office behind one address or a load generator opens, and a proxy in front of everybody needs
/// this many only for a busy site.
const CLIENT_CONNECTIONS: usize = 16 * 1024;

/// Descriptors that are not for connections: files on their way out, sites, logs, reloads. One
/// part in so many of all, and [some](PROCESS_DESCRIPTORS) at the least.
const OTHER_DESCRIPTORS_PART: u64 = 4;

/// Descriptors of the process itself: sites, listeners, logs, orders and reloads, and one for each
/// thread that reads files.
const PROCESS_DESCRIPTORS: u64 = 128;

/// Files that may be open to be sent from, at the least, as one part in so many descriptors: on a
/// machine that has few.
const FILES_PART: u64 = 16;

/// Part of the memory that waiting answers may hold as content: theirs may no longer be in the
/// cache.
const CONTENT_PART: u64 = 8;

/// Bytes of such content, at the most. What is let go of beyond that is read again from memory of
/// the system's, as long as it has some.
const CONTENT_BYTES: u64 = 64 * 1024 * 1024;

/// Part of the memory that heads and waiting answers beside their content may take.
const HEADS_PART: u64 = 8;

/// Bytes of them, at the most: a quarter of a million answers that wait.
const HEADS_BYTES: u64 = 256 * 1024 * 1024;

/// Bytes that a waiting answer takes beside its content and the text for the log, at the most.
pub const ANSWER_BYTES: usize = 1024;

/// Bytes that are counted for an answer in the making, which has the whole head: a hundred fields
/// that a client need not send twice take 12 KiB.
pub const AWAITED_BYTES: usize = 16 * 1024;

/// Bytes of heads that every client may have, whatever the others have: those of a few answers in
/// the making. With as many clients as there may be connections that is their memory once more.
pub(super) const SMALL_HEADS: usize = 4 * AWAITED_BYTES;

/// The descriptors and the memory of a process; `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Means {
    /// Descriptors that it may have open.
    pub descriptors: Option<u64>,
    /// Memory that it may take, in bytes.
    pub memory: Option<u64>,
}

/// The bounds of what is held, of each kind in all and by one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at the same time.
    pub connections: usize,
    /// Connections of one client.
    pub client_connections: usize,
    /// Open files that content is sent from.
    pub files: usize,
    /// Such files of one client.
    pub client_files: usize,
    /// Bytes of content that waiting answers hold.
    pub content: usize,
    /// Such bytes of one client.
    pub client_content: usize,
    /// Bytes of heads, and of what belongs to a waiting answer beside its content.
    pub heads: usize,
    /// Such bytes of one client.
    pub client_heads: usize,
}

impl Bounds {
    /// No bounds at all.
    pub const NONE: Self = Self {
        connections: usize::MAX,
        client_connections: usize::MAX,
        files: usize::MAX,
        client_files: usize::MAX,
        content: usize::MAX,
        client_content: usize::MAX,
        heads: usize::MAX,
        client_heads: usize::MAX,
    };

    /// The bounds of a process with these means. One client gets half of it.
    #[must_use]
    pub fn of(means: Means) -> Self {
        let Means { descriptors, memory } = means;
        let others = descriptors.map(|all| (all / OTHER_DESCRIPTORS_PART).max(PROCESS_DESCRIPTORS));
        let open = descriptors.zip(others).map(|(all, others)| all.saturating_sub(others));
        let held = memory.map(|memory| memory / 2 / CONNECTION_BYTES);
        let connections = count(open.into_iter().chain(held).min()).max(2);
        let files = descriptors
            .zip(others)
            .map(|(all, others)| others.saturating_sub(PROCESS_DESCRIPTORS).max(all / FILES_PART));
        let files = count(files).max(2);
        let part = |part: u64, most: u64| memory.map_or(most, |memory| (memory / part).min(most));
        let content = count(Some(part(CONTENT_PART, CONTENT_BYTES)));
        let heads = count(Some(part(HEADS_PART, HEADS_BYTES)));
        Self {
            connections,
            client_connections: (connections / 2).min(CLIENT_CONNECTIONS),
            files,
            client_files: files / 2,
            content,
            client_content: content / 2,
            heads,
            client_heads: heads / 2,
        }
    }
}

fn count(number: Option<u64>) -> usize {
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(usize::MAX)
}

impl fmt::Display for Bounds {
    /// `768 connections, 128 files, 32M content, 32M heads; one client: 384, 64, 16M, 16M`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |bytes: usize| Size(bytes as u64);
        let Self { connections, files, content, heads, .. } = *self;
        let (content, heads) = (size(content), size(heads));
        write!(formatter, "{connections} connections, {files} files, ")?;
        write!(formatter, "{content} content, {heads} heads; one client: ")?;
        let (content, heads) = (size(self.client_content), size(self.client_heads));
        write!(formatter, "{}, {}, {content}, {heads}", self.client_connections, self.client_files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn connections_and_files_follow_the_scarcer_means() {
        // Descriptors, memory; connections, those of one client; files, those of one client.
        let table = [
            (None, None, (usize::MAX, CLIENT_CONNECTIONS, usize::MAX, usize::MAX / 2)),
            (Some(64), None, (2, 1, 4, 2)),
            (Some(256), None, (128, 64, 16, 8)),
            (Some(1024), None, (768, 384, 128, 64)),
            (Some(20_000), None, (15_000, 7_500, 4872, 2436)),
            (Some(1 << 20), None, (786_432, CLIENT_CONNECTIONS, 262_016, 131_008)),
            (Some(20_000), Some(256 * MIB), (4096, 2048, 4872, 2436)),
            (Some(1024), Some(256 * MIB), (768, 384, 128, 64)),
            (None, Some(MIB / 16), (2, 1, usize::MAX, usize::MAX / 2)),
        ];
        for (descriptors, memory, expected) in table {
            let bounds = Bounds::of(Means { descriptors, memory });
            let found = (bounds.connections, bounds.client_connections);
            let found = (found.0, found.1, bounds.files, bounds.client_files);
            assert_eq!(found, expected, "{descriptors:?} {memory:?}");
        }
    }

    #[test]
    fn content_and_heads_are_parts_of_the_memory() {
        let mib = |count: u64| usize::try_from(count * MIB).unwrap();
        let table = [(Some(128), 16, 16), (Some(256), 32, 32), (Some(24 << 10), 64, 256)];
        for (memory, content, heads) in table.into_iter().chain([(None, 64, 256)]) {
            let memory = memory.map(|memory| memory * MIB);
            let bounds = Bounds::of(Means { descriptors: None, memory });
            assert_eq!((bounds.content, bounds.heads), (mib(content), mib(heads)), "{memory:?}");
            assert_eq!(bounds.client_content * 2, bounds.content);
            assert_eq!(bounds.client_heads * 2, bounds.heads);
        }
    }

    #[test]
    fn bounds_are_told_with_their_units() {
        let means = Means { descriptors: Some(1024), memory: Some(256 * MIB) };
        let expected = "768 connections, 128 files, 32M content, 32M heads; \
                        one client: 384, 64, 16M, 16M";
        assert_eq!(Bounds::of(means).to_string(), expected);
    }
}
