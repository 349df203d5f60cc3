//! The heap of the C library, told how many threads share it.
#![allow(
    unsafe_code,
    reason = "mallopt(3) is offered by libc only; the call is in this file alone"
)]

/// Limits the parts of the heap to two. The GNU library makes one for each thread, up to eight a core, and each keeps what its thread
/// once needed: half a mebibyte more for the agent's thirty. They allocate nothing in a steady round, so they do not wait for each
/// other. Before the first thread is started.
#[cfg(target_env = "gnu")]
pub(crate) fn share() {
    // SAFETY: mallopt takes two numbers and no pointer, and no other thread allocates yet. A refusal leaves the heap as it was.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 2) };
}

/// Other libraries have no such parts.
#[cfg(not(target_env = "gnu"))]
pub(crate) const fn share() {}
