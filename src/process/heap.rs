//! Giving memory back to the system: the one module with `unsafe` in it.
//!
//! glibc keeps what was freed for the next allocation, which after a reload may never come. Of
//! 100 MiB of cached small files nothing went back without these calls; with `give_back` alone
//! 45 MiB did, since it does not trim the end of any arena but the first; with two arenas at the
//! most 96 MiB do. Content large enough for a map of its own goes back by itself (`site::content`).

/// Arenas that threads share. More would spare them some waiting for each other, but each thread
/// has a cache of its own in front, and what lies at the end of an arena is never given back.
#[cfg(target_env = "gnu")]
const ARENAS: libc::c_int = 2;

/// Prepares the heap for giving memory back; to be called before there are threads.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "there is no safe binding of mallopt(3)")]
pub fn prepare() {
    // SAFETY: mallopt(3) only sets a parameter of later allocations. Refused, it changes nothing.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
    }
}

/// Returns the pages that hold nothing any more to the system. Takes milliseconds for a large
/// heap, during which other threads may wait for memory: not to be called by a serving thread.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "there is no safe binding of malloc_trim(3)")]
pub fn give_back() {
    // SAFETY: malloc_trim(3) has no preconditions. It may be called by any thread at any time
    // (MT-Safe), and touches nothing that is allocated.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other C libraries have no arenas.
#[cfg(not(target_env = "gnu"))]
pub fn prepare() {}

/// Other C libraries give memory back on their own terms.
#[cfg(not(target_env = "gnu"))]
pub fn give_back() {}
