//! How many calls each client has open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Open calls by the serial number of the client's certificate. Holds only clients that have one open.
#[derive(Default)]
pub(super) struct Places(Mutex<BTreeMap<String, usize>>);

/// One call's place; given back when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    serial: String,
}

impl Places {
    /// A place for one more call, unless `limit` are open.
    pub(super) fn take(places: &Arc<Self>, serial: &str, limit: usize) -> Option<Place> {
        let mut taken = places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = taken.entry(serial.to_owned()).or_default();
        if *mine >= limit {
            return None;
        }
        *mine += 1;
        Some(Place { places: Arc::clone(places), serial: serial.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = taken.get_mut(&self.serial) {
            *mine = mine.saturating_sub(1);
            if *mine == 0 {
                taken.remove(&self.serial);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: calls of two clients up to the limit, one beyond, and one ended. Guarantees: the limit is each client's own, and
    /// an ended call leaves nothing behind.
    #[test]
    fn each_client_has_its_own_limit() {
        let places = Arc::new(Places::default());
        let mut held: Vec<_> = (0..3).filter_map(|_| Places::take(&places, "0a", 3)).collect();
        assert_eq!(held.len(), 3);
        assert!(Places::take(&places, "0a", 3).is_none());
        assert!(Places::take(&places, "0b", 3).is_some());
        held.pop();
        assert!(Places::take(&places, "0a", 3).is_some());
        drop(held);
        assert!(places.0.lock().unwrap().is_empty());
    }
}
