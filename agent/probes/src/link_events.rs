//! Tells that the kernel changed a network link, an IPoIB or RoCE one among them, without being asked each second.
//!
//! What exactly changed is not read out of the messages: the probe that is woken reads its own sources, which say so
//! exactly, and a message that was lost for want of room costs nothing.

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// `RTMGRP_LINK` of linux/rtnetlink.h.
const LINK_GROUP: u32 = 1;

/// Messages taken out at a time; more of them are found by the next round.
const MESSAGES_MAX: usize = 1_024;

/// A socket that is readable once a link changed.
#[derive(Debug)]
pub(crate) struct LinkEvents {
    socket: OwnedFd,
}

impl LinkEvents {
    /// `None` where the kernel does not give such a socket: the probe is read at its ticks alone.
    pub(crate) fn open() -> Option<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let family = AddressFamily::NETLINK;
        // No protocol is NETLINK_ROUTE, number 0.
        let socket = socket_with(family, SocketType::RAW, flags, None).ok()?;
        bind(&socket, &SocketAddrNetlink::new(0, LINK_GROUP)).ok()?;
        Some(Self { socket })
    }

    /// Takes out what has come, so that the socket is readable again only once more comes.
    pub(crate) fn drain(&self) {
        let mut start = [0; 16];
        for _ in 0..MESSAGES_MAX {
            match recv(&self.socket, &mut start, RecvFlags::empty()) {
                // ENOBUFS says that messages were lost, once.
                Ok(_) | Err(Errno::INTR | Errno::NOBUFS) => {}
                Err(_) => return,
            }
        }
    }
}

impl AsFd for LinkEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::process::Command;

    fn is_readable(events: &LinkEvents, secs: i64) -> bool {
        let mut sources = [PollFd::new(events, PollFlags::IN)];
        let timeout = Timespec { tv_sec: secs, tv_nsec: 0 };
        poll(&mut sources, Some(&timeout)).expect("a look at the socket") > 0
    }

    /// Scenario: a link is made, seen, and taken away, in this machine's own kernel. Guarantees: each wakes, and what was
    /// taken out does not wake again.
    #[test]
    fn a_changed_link_wakes() {
        let name = format!("wr{}", std::process::id() % 1_000_000);
        let ip = |args: &[&str]| Command::new("ip").args(args).status().is_ok_and(|s| s.success());
        let events = LinkEvents::open().expect("a socket");
        if !ip(&["link", "add", &name, "type", "veth"]) {
            println!("skipped: this machine does not let us make a link");
            return;
        }
        assert!(is_readable(&events, 10), "a link was made");
        events.drain();
        while is_readable(&events, 1) {
            events.drain();
        }
        assert!(ip(&["link", "del", &name]), "take the link away");
        assert!(is_readable(&events, 10), "a link was taken away");
    }
}
