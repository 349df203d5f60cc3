//! Catalogs: checked, on the wire, and their digest.

mod check;
mod digest;
#[cfg(test)]
mod tests;
mod wire;

pub use check::{CatalogError, apply_catalog, catalog_text_bytes};
pub use digest::{CatalogDigest, catalog_digest};
pub use wire::{decode_catalog, encode_catalog};
