//! The full catalog beside the records. Definitions are changed only while no record is there, so the latest catalog reads
//! every record of the spool, and one file is enough.

use super::{OfferError, SpoolError};
use prost::Message;
use proto::{CatalogError, apply_catalog, decode_catalog, encode_catalog, wire};
use shared_model::Catalog;
use shared_runtime::replace_file;
use std::path::{Path, PathBuf};

/// Where the file is.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("catalog")
}

/// Reads the file; an empty catalog when there is none.
pub(super) fn read(dir: &Path) -> Result<Catalog, SpoolError> {
    let path = path(dir);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Catalog::default()),
        Err(source) => return Err(SpoolError::Read { path, source }),
    };
    let message = wire::Catalog::decode(bytes.as_slice());
    let message = message.map_err(|e| CatalogError::Content(e.to_string()));
    let mut full = Catalog::default();
    let checked =
        message.and_then(|m| decode_catalog(&m)).and_then(|c| apply_catalog(&mut full, c));
    checked.map_err(|source| SpoolError::Catalog { path, source })?;
    Ok(full)
}

/// Replaces the file, synced.
pub(super) fn write(dir: &Path, message: &wire::Catalog) -> Result<(), SpoolError> {
    Ok(replace_file(&path(dir), &message.encode_to_vec(), 0o600)?)
}

/// The catalog after an offer, with base 0; `None` when the offer says nothing new.
pub(super) fn extended(known: &Catalog, offered: &Catalog) -> Result<Option<Catalog>, OfferError> {
    let generation = offered.generation;
    let whole = offered.base == 0;
    let same = offered.series == known.series && offered.sets == known.sets;
    let extends =
        offered.series.starts_with(&known.series) && offered.sets.starts_with(&known.sets);
    if generation == known.generation && generation > 0 && (!whole || same) {
        return Ok(None);
    }
    if generation <= known.generation && generation > 0 || whole && !extends {
        return Err(OfferError::Redefined { generation, known: known.generation });
    }
    let mut full = known.clone();
    let applied = apply_catalog(&mut full, offered.clone());
    applied.map_err(|source| OfferError::Catalog { generation, source })?;
    full.base = 0;
    Ok(Some(full))
}

/// Whether an offer is a whole catalog of a later generation, which may stand in the place of the known one.
pub(super) fn replaces(known: &Catalog, offered: &Catalog) -> bool {
    let is_sound = || apply_catalog(&mut Catalog::default(), offered.clone()).is_ok();
    offered.base == 0 && offered.generation > known.generation && is_sound()
}

/// The message of a catalog that passed the checks.
pub(super) fn message(catalog: &Catalog) -> Result<wire::Catalog, OfferError> {
    let generation = catalog.generation;
    encode_catalog(catalog).map_err(|source| OfferError::Catalog { generation, source })
}
