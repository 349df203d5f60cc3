//! What one source address may hold and cost: connections, handshakes under way, and handshakes a second. So that a
//! machine that floods the port with half-open connections keeps only itself out.

use crate::bucket::Bucket;
use shared_model::BootTime;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Handshakes under way of one address; further ones wait, and are refused with the time limit of a handshake. A node
/// needs one, and a hundred nodes behind one address take turns within milliseconds.
const HANDSHAKES: usize = 16;

/// Handshakes a second of one address once as many as it may hold connections came at once: a hundredth of a core.
const HANDSHAKES_PER_S: f64 = 50.0;

/// Addresses that are remembered; those without a connection and without debt are forgotten first.
const REMEMBERED: usize = 1024;

/// All addresses.
#[derive(Clone)]
pub(crate) struct Addresses(Arc<Inner>);

struct Inner {
    connections_max: usize,
    known: Mutex<HashMap<IpAddr, Known>>,
}

struct Known {
    connections: usize,
    handshakes: Arc<Semaphore>,
    rate: Bucket,
}

/// A connection's place; free again when dropped.
pub(crate) struct Place {
    addresses: Addresses,
    ip: IpAddr,
    /// Where handshakes of this address wait for each other.
    pub(crate) handshakes: Arc<Semaphore>,
}

/// Why a connection got no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Full {
    /// Too many connections are open.
    Connections(usize),
    /// Too many came in a short time.
    Rate,
}

impl Addresses {
    /// Each may hold `connections_max` connections.
    pub(crate) fn new(connections_max: usize) -> Self {
        Self(Arc::new(Inner { connections_max, known: Mutex::default() }))
    }

    /// A place for one more connection of `ip`.
    pub(crate) fn place(&self, ip: IpAddr, now: BootTime) -> Result<Place, Full> {
        let most = self.0.connections_max;
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED && !known.contains_key(&ip) {
            known.retain(|_, k| k.connections > 0 || !k.rate.is_full(now));
        }
        let entry = known.entry(ip).or_insert_with(|| Known {
            connections: 0,
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
            rate: Bucket::new(HANDSHAKES_PER_S, most as f64),
        });
        if entry.connections >= most {
            return Err(Full::Connections(most));
        }
        entry.rate.take(1.0, 0.0, now).map_err(|_| Full::Rate)?;
        entry.connections += 1;
        let handshakes = Arc::clone(&entry.handshakes);
        Ok(Place { addresses: self.clone(), ip, handshakes })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut known = self.addresses.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.get_mut(&self.ip) {
            entry.connections -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: one address takes all its places, another one comes, some are given back, and the first comes again and
    /// again. Guarantees: only the first is refused, by number and then by rate; a second later its rate lets it in again.
    #[test]
    fn an_address_keeps_only_itself_out() {
        let addresses = Addresses::new(3);
        let (hostile, node) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let at = |secs: u64| BootTime::from_micros(secs * 1_000_000);
        let mut places: Vec<_> = (0..3).map(|_| addresses.place(hostile, at(0)).unwrap()).collect();
        assert_eq!(addresses.place(hostile, at(0)).err(), Some(Full::Connections(3)));
        assert!(addresses.place(node, at(0)).is_ok());
        places.clear();
        assert_eq!(addresses.place(hostile, at(0)).err(), Some(Full::Rate));
        assert!(addresses.place(hostile, at(1)).is_ok());
    }
}
