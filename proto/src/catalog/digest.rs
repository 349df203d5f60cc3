//! A catalog's digest: equal on both sides when both know the same definitions.

use sha2::{Digest, Sha256};
use shared_model::{Catalog, Kind, Unit};

/// First 16 bytes of the SHA-256 of a full catalog's canonical form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CatalogDigest(pub [u8; 16]);

/// The digest of a full catalog. It depends on the definitions only, not on their order nor on the generations they
/// came in.
pub fn catalog_digest(full: &Catalog) -> CatalogDigest {
    let mut hash = Sha256::new();
    let mut series: Vec<_> = full.series.iter().collect();
    series.sort_by_key(|s| s.reference);
    number(&mut hash, series.len());
    for def in series {
        hash.update(def.reference.to_le_bytes());
        hash.update([kind_code(def.kind), unit_code(def.unit)]);
        text(&mut hash, &def.name);
        number(&mut hash, def.labels.len());
        for (name, value) in &def.labels {
            text(&mut hash, name);
            text(&mut hash, value);
        }
    }
    let mut sets: Vec<_> = full.sets.iter().collect();
    sets.sort_by_key(|s| s.id);
    number(&mut hash, sets.len());
    for set in sets {
        hash.update(set.id.to_le_bytes());
        text(&mut hash, &set.job);
        text(&mut hash, &set.instance);
        number(&mut hash, set.references.len());
        for reference in &set.references {
            hash.update(reference.to_le_bytes());
        }
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    CatalogDigest(digest)
}

fn number(hash: &mut Sha256, n: usize) {
    hash.update((n as u64).to_le_bytes());
}

fn text(hash: &mut Sha256, text: &str) {
    number(hash, text.len());
    hash.update(text);
}

fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Counter => 1,
        Kind::Gauge => 2,
        Kind::Info => 3,
    }
}

fn unit_code(unit: Unit) -> u8 {
    match unit {
        Unit::None => 1,
        Unit::Seconds => 2,
        Unit::Bytes => 3,
        Unit::BytesPerSecond => 4,
        Unit::Ratio => 5,
    }
}
