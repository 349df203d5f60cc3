//! The one call that no crate of the workspace offers safely: `adjtimex(2)` with nothing to set.
#![allow(
    unsafe_code,
    reason = "adjtimex(2) is offered by libc only; the call is in this file alone"
)]

use std::io;
use std::mem::MaybeUninit;

/// What the kernel answered, in its own units.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The kernel does not call its clock unsynchronised.
    pub(super) is_synchronised: bool,
    /// `offset` counts nanoseconds rather than microseconds.
    pub(super) is_nanoseconds: bool,
    /// Distance from the reference.
    pub(super) offset: i64,
    /// Microseconds.
    pub(super) max_error_micros: i64,
    /// Microseconds.
    pub(super) estimated_error_micros: i64,
    /// Parts per million, times 2^16.
    pub(super) frequency: i64,
    /// `STA_*` of <linux/timex.h>.
    pub(super) status: i32,
    pub(super) time_constant: i64,
    /// Microseconds.
    pub(super) tick_micros: i64,
    pub(super) tai_offset_seconds: i32,
}

impl Reading {
    /// How many of the unit of `offset` make a second.
    pub(super) fn per_second(&self) -> f64 {
        if self.is_nanoseconds { 1e9 } else { 1e6 }
    }
}

/// Reads the kernel's clock discipline. Nothing is set, so that no right is needed.
pub(super) fn read() -> io::Result<Reading> {
    let mut buffer = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: the buffer is a whole zeroed `timex`, valid for writes and alive during the call; `modes` is 0, so that the
    // kernel only fills it.
    let state = unsafe { libc::adjtimex(buffer.as_mut_ptr()) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: every field of `timex` is a number, for which zeroed bytes are a value.
    let timex = unsafe { buffer.assume_init() };
    Ok(Reading {
        is_synchronised: state != libc::TIME_ERROR,
        is_nanoseconds: timex.status & libc::STA_NANO != 0,
        offset: timex.offset,
        max_error_micros: timex.maxerror,
        estimated_error_micros: timex.esterror,
        frequency: timex.freq,
        status: timex.status,
        time_constant: timex.constant,
        tick_micros: timex.tick,
        tai_offset_seconds: timex.tai,
    })
}
