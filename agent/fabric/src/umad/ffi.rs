//! The one file of the MAD client that speaks to C: a `umad` device file by `open`, `ioctl`, `poll`, `read` and `write`.
//!
//! The calls go through the C library rather than straight to the kernel, because a fabric simulator takes them over there
//! (`umad2sim` of ibsim); for the same reason the descriptor is a plain number, which the simulator hands out above those of
//! the kernel.

#![allow(unsafe_code, reason = "system calls through the C library, which a simulator replaces")]

use std::ffi::{CString, c_int};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// `IB_USER_MAD_REGISTER_AGENT` of rdma/ib_user_mad.h: `_IOWR(0x1b, 1, struct ib_user_mad_reg_req)`.
const REGISTER_AGENT: libc::c_ulong = 0xC01C_1B01;

/// Bytes of `struct ib_user_mad_reg_req`.
pub(super) const REGISTRATION_BYTES: usize = 28;

/// An open device file.
#[derive(Debug)]
pub(super) struct DeviceFile(c_int);

impl DeviceFile {
    /// Opens it for reading and writing, without waiting for either.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let flags = libc::O_RDWR | libc::O_CLOEXEC | libc::O_NONBLOCK;
        // SAFETY: `path` is a string that ends with NUL and lives until the call returns; no mode is read without O_CREAT.
        let fd = unsafe { libc::open(path.as_ptr(), flags) };
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(fd)) }
    }

    /// Registers an agent; the kernel writes its number into the first four bytes.
    pub(super) fn register(&self, request: &mut [u8; REGISTRATION_BYTES]) -> io::Result<()> {
        // SAFETY: the request code names a structure of 28 bytes that is read and written, which is what `request` is; the
        // descriptor is open as long as `self` is.
        let result = unsafe { libc::ioctl(self.0, REGISTER_AGENT, request.as_mut_ptr()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits until there is something to read, at most so long; `false` when there is not.
    pub(super) fn wait(&self, millis: c_int) -> io::Result<bool> {
        let mut source = libc::pollfd { fd: self.0, events: libc::POLLIN, revents: 0 };
        // SAFETY: `source` is one structure, as the count says, and lives until the call returns.
        let ready = unsafe { libc::poll(&raw mut source, 1, millis) };
        if ready < 0 { Err(io::Error::last_os_error()) } else { Ok(ready > 0) }
    }

    /// Reads one message; its length.
    pub(super) fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the kernel writes at most `into.len()` bytes behind the pointer, all of them inside of `into`.
        let read = unsafe { libc::read(self.0, into.as_mut_ptr().cast(), into.len()) };
        usize::try_from(read).map_err(|_| io::Error::last_os_error())
    }

    /// Writes one message; its length.
    pub(super) fn write(&self, message: &[u8]) -> io::Result<usize> {
        // SAFETY: the kernel reads `message.len()` bytes behind the pointer, all of them inside of `message`.
        let written = unsafe { libc::write(self.0, message.as_ptr().cast(), message.len()) };
        usize::try_from(written).map_err(|_| io::Error::last_os_error())
    }
}

impl Drop for DeviceFile {
    fn drop(&mut self) {
        // SAFETY: the descriptor was opened by `open`, belongs to `self` alone, and is not used again.
        unsafe { libc::close(self.0) };
    }
}
