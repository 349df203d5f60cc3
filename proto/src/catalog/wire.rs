//! Catalog to message and back.

use super::check::{CatalogError, catalog_text_bytes};
use crate::frame::{FrameError, FrameReader, FrameWriter};
use crate::limits::{
    MAX_CATALOG_TEXT_BYTES, MAX_LABELS, MAX_MESSAGE_BYTES, MAX_RAW_BYTES, MAX_SERIES, MAX_SETS,
    MAX_SYMBOLS,
};
use crate::wire;
use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use shared_model::{Catalog, Kind, SeriesDef, SeriesSet, Unit};
use std::collections::BTreeMap;

/// Room a message needs beside the frame, bytes.
const ENVELOPE_BYTES: usize = 64;

/// The message of a catalog. The catalog should have passed [`super::apply_catalog`]; only its size is checked here.
pub fn encode_catalog(catalog: &Catalog) -> Result<wire::Catalog, CatalogError> {
    if catalog_text_bytes(catalog) > MAX_CATALOG_TEXT_BYTES {
        return Err(CatalogError::TooMuchText);
    }
    let mut symbols = Symbols::default();
    let series = catalog.series.iter().map(|def| series_to_wire(def, &mut symbols));
    let series = series.collect();
    let sets = catalog.sets.iter().map(|set| set_to_wire(set, &mut symbols));
    let sets = sets.collect();
    let body = wire::CatalogBody {
        symbols: symbols.texts.into_iter().map(str::to_owned).collect(),
        series,
        sets,
    };
    let raw = body.encode_to_vec();
    let too_long =
        |length: usize| CatalogError::Frame(FrameError::TooLong { raw_len: length as u64 });
    if raw.len() > MAX_RAW_BYTES {
        return Err(too_long(raw.len()));
    }
    let mut frame =
        FrameWriter::new().ok_or(CatalogError::Content("no memory to compress".into()))?;
    let (zbody, crc32c) = frame.compress(&raw).map_err(CatalogError::Frame)?;
    if zbody.len() > MAX_MESSAGE_BYTES - ENVELOPE_BYTES {
        return Err(too_long(zbody.len()));
    }
    Ok(wire::Catalog {
        generation: catalog.generation,
        base_generation: catalog.base,
        crc32c,
        raw_len: raw.len() as u32,
        zbody,
    })
}

/// The catalog in a message. Its definitions are not checked yet: [`super::apply_catalog`] does that against what is known.
pub fn decode_catalog(message: &wire::Catalog) -> Result<Catalog, CatalogError> {
    let mut frame =
        FrameReader::new().ok_or(CatalogError::Content("no memory to decompress".into()))?;
    let raw = frame
        .decompress(&message.zbody, message.raw_len, message.crc32c)
        .map_err(CatalogError::Frame)?;
    count_items(raw)?;
    let body = wire::CatalogBody::decode(raw).map_err(|e| CatalogError::Content(e.to_string()))?;
    let mut texts = Texts { symbols: &body.symbols, left: MAX_CATALOG_TEXT_BYTES };
    let series = body.series.iter().map(|def| series_from_wire(def, &mut texts));
    let series = series.collect::<Result<_, _>>()?;
    let sets = body.sets.iter().map(|set| set_from_wire(set, &mut texts));
    Ok(Catalog {
        generation: message.generation,
        base: message.base_generation,
        series,
        sets: sets.collect::<Result<_, _>>()?,
    })
}

/// Counts the items before they are decoded: an empty one takes two bytes here and twenty times that in memory.
fn count_items(mut raw: &[u8]) -> Result<(), CatalogError> {
    let unreadable = |e: prost::DecodeError| CatalogError::Content(e.to_string());
    let (mut symbols, mut series, mut sets) = (0, 0, 0);
    while !raw.is_empty() {
        let (tag, wire_type) = decode_key(&mut raw).map_err(unreadable)?;
        match tag {
            1 => symbols += 1,
            2 => series += 1,
            3 => sets += 1,
            _ => {}
        }
        skip_field(wire_type, tag, &mut raw, DecodeContext::default()).map_err(unreadable)?;
    }
    if symbols > MAX_SYMBOLS {
        return Err(CatalogError::Content(format!(
            "{symbols} symbols are above the limit of {MAX_SYMBOLS}"
        )));
    }
    if series > MAX_SERIES {
        return Err(CatalogError::TooManySeries(series));
    }
    if sets > MAX_SETS {
        return Err(CatalogError::TooManySets(sets));
    }
    Ok(())
}

/// The symbols of a message, and how many bytes of them may still be copied into definitions.
struct Texts<'a> {
    symbols: &'a [String],
    left: usize,
}

impl Texts<'_> {
    fn get(&mut self, index: u32) -> Result<Box<str>, CatalogError> {
        let text = self.symbols.get(index as usize);
        let text =
            text.ok_or_else(|| CatalogError::Content(format!("symbol {index} is missing")))?;
        self.left = self.left.checked_sub(text.len()).ok_or(CatalogError::TooMuchText)?;
        Ok(text.as_str().into())
    }
}

/// Texts by the order of their first use.
#[derive(Default)]
struct Symbols<'a> {
    indices: BTreeMap<&'a str, u32>,
    texts: Vec<&'a str>,
}

impl<'a> Symbols<'a> {
    fn index(&mut self, text: &'a str) -> u32 {
        *self.indices.entry(text).or_insert_with(|| {
            self.texts.push(text);
            self.texts.len() as u32 - 1
        })
    }
}

fn series_to_wire<'a>(def: &'a SeriesDef, symbols: &mut Symbols<'a>) -> wire::SeriesDef {
    let kind = match def.kind {
        Kind::Counter => wire::Kind::Counter,
        Kind::Gauge => wire::Kind::Gauge,
        Kind::Info => wire::Kind::Info,
    };
    let unit = match def.unit {
        Unit::None => wire::Unit::None,
        Unit::Seconds => wire::Unit::Seconds,
        Unit::Bytes => wire::Unit::Bytes,
        Unit::BytesPerSecond => wire::Unit::BytesPerSecond,
        Unit::Ratio => wire::Unit::Ratio,
    };
    let name_symbol = symbols.index(&def.name);
    let texts = def.labels.iter().flat_map(|(name, value)| [name, value]);
    let label_symbols = texts.map(|text| symbols.index(text)).collect();
    wire::SeriesDef {
        reference: def.reference,
        kind: kind.into(),
        unit: unit.into(),
        name_symbol,
        label_symbols,
    }
}

fn set_to_wire<'a>(set: &'a SeriesSet, symbols: &mut Symbols<'a>) -> wire::SeriesSet {
    wire::SeriesSet {
        id: set.id,
        job_symbol: symbols.index(&set.job),
        instance_symbol: symbols.index(&set.instance),
        references: set.references.clone(),
    }
}

fn series_from_wire(
    def: &wire::SeriesDef,
    texts: &mut Texts<'_>,
) -> Result<SeriesDef, CatalogError> {
    let unknown = |what, n| {
        CatalogError::Content(format!("series {}: {what} {n} is not known", def.reference))
    };
    let kind = match def.kind() {
        wire::Kind::Counter => Kind::Counter,
        wire::Kind::Gauge => Kind::Gauge,
        wire::Kind::Info => Kind::Info,
        wire::Kind::Unspecified => return Err(unknown("kind", def.kind)),
    };
    let unit = match def.unit() {
        wire::Unit::None => Unit::None,
        wire::Unit::Seconds => Unit::Seconds,
        wire::Unit::Bytes => Unit::Bytes,
        wire::Unit::BytesPerSecond => Unit::BytesPerSecond,
        wire::Unit::Ratio => Unit::Ratio,
        wire::Unit::Unspecified => return Err(unknown("unit", def.unit)),
    };
    let (pairs, odd) = def.label_symbols.as_chunks::<2>();
    if !odd.is_empty() {
        let problem = format!("series {}: a label without value", def.reference);
        return Err(CatalogError::Content(problem));
    }
    if pairs.len() > MAX_LABELS {
        let (reference, found) = (def.reference, pairs.len());
        return Err(CatalogError::TooManyLabels { reference, found });
    }
    let name = texts.get(def.name_symbol)?;
    let labels = pairs.iter().map(|&[n, v]| Ok((texts.get(n)?, texts.get(v)?)));
    Ok(SeriesDef {
        reference: def.reference,
        name,
        kind,
        unit,
        labels: labels.collect::<Result<_, CatalogError>>()?,
    })
}

fn set_from_wire(set: &wire::SeriesSet, texts: &mut Texts<'_>) -> Result<SeriesSet, CatalogError> {
    Ok(SeriesSet {
        id: set.id,
        job: texts.get(set.job_symbol)?,
        instance: texts.get(set.instance_symbol)?,
        references: set.references.clone(),
    })
}
