//! The one file of the port events that speaks to C: six functions of libibverbs, found when the program runs.
//!
//! Layouts are those of infiniband/verbs.h under the symbol version IBVERBS_1.1, which rdma-core has kept since 2006; a test
//! compiles a library against the installed header and reads through this file.

#![allow(unsafe_code, reason = "libibverbs is a C library")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Where `struct ibv_context` holds `async_fd`: behind a pointer, 32 pointers to functions, and `cmd_fd`. On machines with
/// pointers of 8 bytes; others are not built for.
const ASYNC_FD_AT: usize = 8 + 32 * 8 + 4;

/// `struct ibv_async_event`: a union of pointers and a port's number, then the type.
#[repr(C)]
struct AsyncEvent {
    element: u64,
    event_type: c_int,
}

type GetDeviceList = unsafe extern "C" fn(*mut c_int) -> *mut *mut c_void;
type FreeDeviceList = unsafe extern "C" fn(*mut *mut c_void);
type GetDeviceName = unsafe extern "C" fn(*mut c_void) -> *const c_char;
type OpenDevice = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
type CloseDevice = unsafe extern "C" fn(*mut c_void) -> c_int;
type GetAsyncEvent = unsafe extern "C" fn(*mut c_void, *mut AsyncEvent) -> c_int;
type AckAsyncEvent = unsafe extern "C" fn(*mut AsyncEvent);

/// The library. Never unloaded: its drivers for adapters are not made for that.
#[derive(Clone, Copy)]
pub(super) struct Library {
    get_device_list: GetDeviceList,
    free_device_list: FreeDeviceList,
    get_device_name: GetDeviceName,
    open_device: OpenDevice,
    close_device: CloseDevice,
    get_async_event: GetAsyncEvent,
    ack_async_event: AckAsyncEvent,
}

impl Library {
    /// Loads it; `None` where it is not installed, or is another library of that name.
    pub(super) fn load(name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: `name` ends with NUL and lives until the call returns. Loading runs the library's constructors, which is
        // what whoever installed rdma-core expects of every program that uses it.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            return None;
        }
        let symbol = |name: &CStr| {
            // SAFETY: `handle` is a loaded library and `name` a string that ends with NUL.
            let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
            (!found.is_null()).then_some(found)
        };
        let (list, free, name) = (
            symbol(c"ibv_get_device_list")?,
            symbol(c"ibv_free_device_list")?,
            symbol(c"ibv_get_device_name")?,
        );
        let (open, close) = (symbol(c"ibv_open_device")?, symbol(c"ibv_close_device")?);
        let (get, ack) = (symbol(c"ibv_get_async_event")?, symbol(c"ibv_ack_async_event")?);
        // SAFETY: each symbol is the function of that name in infiniband/verbs.h, whose signature the type repeats, and the
        // library stays loaded.
        unsafe {
            Some(Self {
                get_device_list: std::mem::transmute::<*mut c_void, GetDeviceList>(list),
                free_device_list: std::mem::transmute::<*mut c_void, FreeDeviceList>(free),
                get_device_name: std::mem::transmute::<*mut c_void, GetDeviceName>(name),
                open_device: std::mem::transmute::<*mut c_void, OpenDevice>(open),
                close_device: std::mem::transmute::<*mut c_void, CloseDevice>(close),
                get_async_event: std::mem::transmute::<*mut c_void, GetAsyncEvent>(get),
                ack_async_event: std::mem::transmute::<*mut c_void, AckAsyncEvent>(ack),
            })
        }
    }

    /// Opens at most `most` adapters. Those that cannot be opened are left out; the first reason is told when none could.
    pub(super) fn open_all(self, most: usize) -> io::Result<Vec<Context>> {
        let mut count = 0;
        // SAFETY: `count` is written by the call only. NULL says that there is no InfiniBand here.
        let list = unsafe { (self.get_device_list)(&raw mut count) };
        if list.is_null() {
            return Ok(Vec::new());
        }
        let count = usize::try_from(count).unwrap_or(0).min(most);
        let (mut contexts, mut refused) = (Vec::new(), None);
        for at in 0..count {
            // SAFETY: the list has at least `count` entries, each an adapter, until it is freed below.
            let device = unsafe { *list.add(at) };
            match self.open(device) {
                Ok(context) => contexts.push(context),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        // SAFETY: the list came from `get_device_list` and is not used again; what was opened stays open.
        unsafe { (self.free_device_list)(list) };
        match refused {
            Some(error) if contexts.is_empty() => Err(error),
            _ => Ok(contexts),
        }
    }

    fn open(self, device: *mut c_void) -> io::Result<Context> {
        // SAFETY: `device` is an entry of a list that was not freed yet.
        let name = unsafe { (self.get_device_name)(device) };
        if name.is_null() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: the name is a string that ends with NUL and belongs to the device.
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
        // SAFETY: as above.
        let context = unsafe { (self.open_device)(device) };
        if context.is_null() {
            return Err(io::Error::last_os_error());
        }
        let context = Context { library: self, context, name: name.into() };
        let fd = context.async_fd();
        // SAFETY: the descriptor is open as long as the context; the call takes a number and gives one.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
        // SAFETY: as above.
        let set = unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) };
        if flags < 0 || set < 0 { Err(io::Error::last_os_error()) } else { Ok(context) }
    }
}

/// An opened adapter.
pub(super) struct Context {
    library: Library,
    context: *mut c_void,
    name: Arc<str>,
}

// SAFETY: libibverbs lets any thread use a context, and there is no second owner of this one.
unsafe impl Send for Context {}

impl Context {
    /// Name of the adapter, such as `mlx5_0`.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn async_fd(&self) -> c_int {
        // SAFETY: the context is a `struct ibv_context`, which has an `int` at this place, aligned to four bytes.
        unsafe { self.context.cast::<u8>().add(ASYNC_FD_AT).cast::<c_int>().read() }
    }

    /// The next event: its type and what stands for the port in it; `None` when there is none.
    pub(super) fn next(&mut self) -> io::Result<Option<(c_int, u32)>> {
        let mut event = AsyncEvent { element: 0, event_type: -1 };
        // SAFETY: the context is open, and `event` has the layout of `struct ibv_async_event`.
        if unsafe { (self.library.get_async_event)(self.context, &raw mut event) } != 0 {
            let error = io::Error::last_os_error();
            let none = [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
            return if none.contains(&error.kind()) { Ok(None) } else { Err(error) };
        }
        let (event_type, [a, b, c, d, ..]) = (event.event_type, event.element.to_ne_bytes());
        // SAFETY: the event came from `get_async_event` and is acknowledged once, as closing the adapter demands.
        unsafe { (self.library.ack_async_event)(&raw mut event) };
        Ok(Some((event_type, u32::from_ne_bytes([a, b, c, d]))))
    }
}

impl AsFd for Context {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor stays open until the context is closed, which `self` outlives.
        unsafe { BorrowedFd::borrow_raw(self.async_fd()) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context was opened by `open_device` and is not used again.
        unsafe { (self.library.close_device)(self.context) };
    }
}
