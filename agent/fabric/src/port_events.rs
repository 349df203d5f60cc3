//! What adapters report by themselves: a link that is lost or back, another subnet manager, a dead adapter. By libibverbs
//! (`ibv_get_async_event`), which is loaded when it is installed ([ADR 15](../../../docs/adr/0015-verbs-are-loaded-when-they-are-there.md)).

mod ffi;

use agent_probe::EventSource;
use ffi::{Context, Library};
use rustix::event::epoll;
use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The library as rdma-core has installed it since its first version.
const LIBRARY: &str = "libibverbs.so.1";

/// Adapters that are listened to; a server has two or four.
const ADAPTERS_MAX: usize = 32;

/// Events taken out at a time; more of them are found by the next round.
const EVENTS_MAX: usize = 1_024;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PortEventKind {
    /// The port carries traffic (`IBV_EVENT_PORT_ACTIVE`).
    Active,
    /// The link is lost (`IBV_EVENT_PORT_ERR`).
    Error,
    /// The port has another address.
    LidChange,
    /// Partitions of the port changed.
    PkeyChange,
    /// Another subnet manager is the master.
    SubnetManagerChange,
    /// The subnet manager asks everybody to register again: it was restarted.
    ClientReregister,
    /// Global identifiers of the port changed.
    GidChange,
    /// The adapter is dead until it is reset.
    DeviceFatal,
}

/// One event of an adapter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortEvent {
    /// Name of the adapter, such as `mlx5_0`.
    pub device: Arc<str>,
    /// Number of the port; `None` when it happened to the adapter.
    pub port: Option<u32>,
    /// What happened.
    pub kind: PortEventKind,
}

/// Listens to every adapter of this node.
pub struct PortEvents {
    adapters: Vec<Context>,
    /// Readable while any adapter has something to say.
    ready: OwnedFd,
}

impl PortEvents {
    /// Opens every adapter; `None` without libibverbs or without an adapter.
    ///
    /// # Errors
    /// There are adapters, and none could be opened: `/dev/infiniband/uverbs*` is not readable for this user.
    pub fn open() -> io::Result<Option<Self>> {
        Self::open_with(LIBRARY)
    }

    /// The same with another file of the library.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(library: &str) -> io::Result<Option<Self>> {
        let Some(library) = Library::load(library) else { return Ok(None) };
        let adapters = library.open_all(ADAPTERS_MAX)?;
        if adapters.is_empty() {
            return Ok(None);
        }
        let ready = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (number, adapter) in (0..).zip(&adapters) {
            let data = epoll::EventData::new_u64(number);
            epoll::add(&ready, adapter, data, epoll::EventFlags::IN)?;
        }
        Ok(Some(Self { adapters, ready }))
    }

    /// Takes out what was reported since the last time. An adapter that cannot be read any more is closed and reported dead.
    pub fn take(&mut self) -> Vec<PortEvent> {
        let mut events = Vec::new();
        let ready = &self.ready;
        self.adapters.retain_mut(|adapter| {
            let is_alive = take_from(adapter, &mut events);
            if !is_alive {
                let (device, kind) = (Arc::clone(adapter.name()), PortEventKind::DeviceFatal);
                events.push(PortEvent { device, port: None, kind });
                // Closing would take it out as well; what matters is that it wakes nobody any more.
                epoll::delete(ready, &*adapter).ok();
            }
            is_alive
        });
        events
    }
}

/// Whether the adapter could be read.
fn take_from(adapter: &mut Context, events: &mut Vec<PortEvent>) -> bool {
    for _ in 0..EVENTS_MAX {
        match adapter.next() {
            Ok(Some((event_type, element))) => {
                if let Some((kind, port)) = decode(event_type, element) {
                    events.push(PortEvent { device: Arc::clone(adapter.name()), port, kind });
                }
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
    true
}

/// `enum ibv_event_type` of infiniband/verbs.h; `None` for what concerns a queue of some other program.
fn decode(event_type: c_int, element: u32) -> Option<(PortEventKind, Option<u32>)> {
    let kind = match event_type {
        8 => return Some((PortEventKind::DeviceFatal, None)),
        9 => PortEventKind::Active,
        10 => PortEventKind::Error,
        11 => PortEventKind::LidChange,
        12 => PortEventKind::PkeyChange,
        13 => PortEventKind::SubnetManagerChange,
        17 => PortEventKind::ClientReregister,
        18 => PortEventKind::GidChange,
        _ => return None,
    };
    Some((kind, Some(element)))
}

impl AsFd for PortEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

impl EventSource for PortEvents {
    fn fd(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    fn drain(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests;
