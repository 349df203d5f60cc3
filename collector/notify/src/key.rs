//! Idempotency keys and fingerprints: names that a receiver may keep for ever.

use crate::profile::Origin;
use collector_domain::Incident;
use sha2::{Digest, Sha256};
use shared_model::Timestamp;
use std::sync::Arc;

/// Bytes of the digest that a key shows: a collision within one receiver is out of reach at 128 bits.
const KEY_BYTES: usize = 16;
/// Bytes of a fingerprint: as long as Alertmanager's.
const FINGERPRINT_BYTES: usize = 8;

/// The key of one transition for one receiver: the same over any crash, replay and repetition. The instant of opening keeps
/// the numbers of a collector that was set up anew apart from those of its predecessor.
pub(crate) fn idempotency_key(
    origin: &Origin,
    incident: &Incident,
    number: u32,
    receiver: &str,
) -> Arc<str> {
    let (id, number, opened) = (incident.id.0, number.to_le_bytes(), opened(incident));
    let digest = digest(
        "wardround notification v1",
        origin,
        &[&id.to_le_bytes(), &opened.as_micros().to_le_bytes(), &number, receiver.as_bytes()],
    );
    hex(&digest, KEY_BYTES).into()
}

/// The fingerprint of an incident: the same in all its messages, whatever its level becomes.
pub(crate) fn fingerprint(origin: &Origin, incident: &Incident) -> String {
    let (id, opened) = (incident.id.0.to_le_bytes(), opened(incident).as_micros().to_le_bytes());
    hex(&digest("wardround incident v1", origin, &[&id, &opened]), FINGERPRINT_BYTES)
}

fn opened(incident: &Incident) -> Timestamp {
    incident.levels.first().map_or(incident.clocks.detected, |first| first.at)
}

/// Each part is preceded by its length, so that no two lists of parts give the same bytes.
fn digest(domain: &str, origin: &Origin, parts: &[&[u8]]) -> [u8; 32] {
    let Origin { provider, hospital, appliance } = origin;
    let words = [domain, provider, hospital, appliance].map(str::as_bytes);
    let mut hash = Sha256::new();
    for part in words.iter().chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn hex(digest: &[u8; 32], bytes: usize) -> String {
    data_encoding::HEXLOWER.encode(digest.get(..bytes).unwrap_or(digest))
}
