//! ICMP echo over an unprivileged datagram socket (icmp(7); the group of this process must lie in `net.ipv4.ping_group_range`).
//!
//! The kernel fills in identifier and checksum, and hands back only answers to this socket's own questions.

use crate::reach::{Reach, of_error};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with};
use shared_model::Clock;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::net::UdpSocket;

/// Questions within the patience: a packet or two may be lost on a network that works.
const TRIES: u16 = 3;

/// Header of eight bytes (RFC 792, RFC 4443) and what tells our questions apart.
const MESSAGE_BYTES: usize = 16;

/// Longer than any answer to such a question.
const ANSWER_BYTES: usize = 64;

/// Asks up to [`TRIES`] times, each for the same part of `patience`.
pub(crate) async fn reach(address: IpAddr, patience: Duration, clock: &dyn Clock) -> Reach {
    let socket = match open(address) {
        Ok(socket) => socket,
        Err(error) => return of_error(&error, address),
    };
    let mut last = Reach::NotReached;
    let mut asked_at = Vec::new();
    for number in 1..=TRIES {
        asked_at.push(clock.boot());
        let asked =
            tokio::time::timeout(patience / u32::from(TRIES), ask(&socket, address, number)).await;
        match asked {
            // It may be the answer to a question before: each has its own time.
            Ok(Ok(answered)) => {
                let begun = asked_at.get(usize::from(answered) - 1);
                return Reach::Reached(begun.map_or(patience, |at| clock.boot().since(*at)));
            }
            Ok(Err(error)) => last = of_error(&error, address),
            Err(_) => last = Reach::NotReached,
        }
    }
    last
}

/// Whether this process may ask at all.
///
/// # Errors
/// What the kernel said: `PermissionDenied` where the group of this process is not in `net.ipv4.ping_group_range`.
pub fn may_echo() -> io::Result<()> {
    raw(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)).map(drop)
}

fn raw(address: IpAddr) -> io::Result<OwnedFd> {
    let (family, protocol) = match address {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::DGRAM, flags, Some(protocol))?;
    connect(&socket, &SocketAddr::new(address, 0))?;
    Ok(socket)
}

/// The socket behaves as one of UDP that is connected, whatever its protocol is.
fn open(address: IpAddr) -> io::Result<UdpSocket> {
    UdpSocket::from_std(std::net::UdpSocket::from(raw(address)?))
}

/// Asks, and waits for an answer to this question or one before; which it is.
async fn ask(socket: &UdpSocket, address: IpAddr, number: u16) -> io::Result<u16> {
    socket.send(&question(address, number)).await?;
    loop {
        let mut answer = [0; ANSWER_BYTES];
        let length = socket.recv(&mut answer).await?;
        let answer = answer.get(..length).unwrap_or_default();
        if let Some(answered) = (1..=number).find(|asked| is_answer(address, answer, *asked)) {
            return Ok(answered);
        }
    }
}

fn question(address: IpAddr, number: u16) -> [u8; MESSAGE_BYTES] {
    const ECHO_REQUEST: u8 = 8;
    const ECHO_REQUEST_V6: u8 = 128;
    let mut message = [0; MESSAGE_BYTES];
    message[0] = if address.is_ipv4() { ECHO_REQUEST } else { ECHO_REQUEST_V6 };
    message[6..8].copy_from_slice(&number.to_be_bytes());
    message[8..].copy_from_slice(b"wardrnd\0");
    message
}

fn is_answer(address: IpAddr, message: &[u8], number: u16) -> bool {
    const ECHO_REPLY: u8 = 0;
    const ECHO_REPLY_V6: u8 = 129;
    let kind = if address.is_ipv4() { ECHO_REPLY } else { ECHO_REPLY_V6 };
    let asked = question(address, number);
    message.len() >= MESSAGE_BYTES
        && message.first() == Some(&kind)
        && message.get(6..MESSAGE_BYTES) == asked.get(6..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// Scenario: the answers of both versions, each changed in one place, cut short, and to another question. Guarantees: only the
    /// whole answer to this question counts.
    #[test]
    fn only_our_answer_counts() {
        for (address, kind) in
            [(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), (IpAddr::V6(Ipv6Addr::LOCALHOST), 129)]
        {
            let mut answer = question(address, 2);
            answer[0] = kind;
            answer[4] = 7;
            assert!(is_answer(address, &answer, 2));
            assert!(!is_answer(address, &answer, 1));
            assert!(!is_answer(address, &question(address, 2), 2));
            for length in 0..MESSAGE_BYTES {
                assert!(!is_answer(address, &answer[..length], 2));
            }
        }
    }

    proptest! {
        /// Scenario: any bytes. Guarantees: no panic, and no answer but by the very bytes of one.
        #[test]
        fn garbage_is_no_answer(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
            let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let is_ours = bytes.len() >= MESSAGE_BYTES && bytes[6..16] == question(address, 1)[6..];
            prop_assert!(!is_answer(address, &bytes, 1) || is_ours);
        }
    }
}
