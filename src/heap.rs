//! Giving memory back to the system: the one module with `unsafe` in it.
//!
//! glibc keeps what was freed for the next allocation, which after a reload may never come. Of
//! 100 MiB of cached small files nothing went back without this call, and nine tenths do with it.
//! Content large enough for a map of its own goes back by itself (`site::content`).

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

/// Other C libraries give memory back on their own terms.
#[cfg(not(target_env = "gnu"))]
pub fn give_back() {}
