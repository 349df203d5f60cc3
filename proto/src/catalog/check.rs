//! What a catalog must be, and how one adds to another.

use crate::frame::FrameError;
use crate::limits::{
    MAX_CATALOG_TEXT_BYTES, MAX_INSTANCE_BYTES, MAX_JOB_BYTES, MAX_LABELS, MAX_NAME_BYTES,
    MAX_SERIES, MAX_SETS, MAX_VALUE_BYTES, RESERVED_LABELS,
};
use shared_model::{Catalog, SeriesDef, SeriesSet};
use std::collections::BTreeSet;

/// A catalog that breaks the contract. References and ids are the agent's numbers.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// Generation 0, or a base that is not below it.
    #[error("generation {generation} on base {base} is not allowed")]
    Generation {
        /// The catalog's generation.
        generation: u32,
        /// The generation it adds to.
        base: u32,
    },
    /// It adds to another generation than the one that is known.
    #[error("adds to generation {base}, but generation {known} is known")]
    Base {
        /// The generation it adds to.
        base: u32,
        /// The generation that is known.
        known: u32,
    },
    /// More series than [`MAX_SERIES`].
    #[error("{0} series are above the limit of {MAX_SERIES}")]
    TooManySeries(usize),
    /// More sets than [`MAX_SETS`].
    #[error("{0} sets are above the limit of {MAX_SETS}")]
    TooManySets(usize),
    /// More texts than [`MAX_CATALOG_TEXT_BYTES`], counted for each use.
    #[error("names, values, jobs and instances take more than {MAX_CATALOG_TEXT_BYTES} bytes")]
    TooMuchText,
    /// References must go on where the known ones end, each one more than the one before.
    #[error("series {found} where {expected} is next: references have no holes and no repeats")]
    Reference {
        /// The reference found.
        found: u32,
        /// The one expected.
        expected: u64,
    },
    /// A metric or label name that breaks the grammar or is too long.
    #[error("series {reference}: '{name}' is not a name")]
    Name {
        /// The series.
        reference: u32,
        /// The start of the name.
        name: String,
    },
    /// A label that only the collector sets.
    #[error("series {reference}: label '{name}' is set by the collector")]
    Reserved {
        /// The series.
        reference: u32,
        /// The label.
        name: String,
    },
    /// More labels than [`MAX_LABELS`].
    #[error("series {reference}: {found} labels are above the limit of {MAX_LABELS}")]
    TooManyLabels {
        /// The series.
        reference: u32,
        /// How many it has.
        found: usize,
    },
    /// Labels not in order of name, or one twice.
    #[error("series {reference}: label '{name}' is out of order or doubled")]
    LabelOrder {
        /// The series.
        reference: u32,
        /// The label.
        name: String,
    },
    /// A label value that is empty or too long.
    #[error(
        "series {reference}: value of label '{name}' has {length} bytes, expected 1 to {MAX_VALUE_BYTES}"
    )]
    Value {
        /// The series.
        reference: u32,
        /// The label.
        name: String,
        /// The value's length, bytes.
        length: usize,
    },
    /// A set id of 0, above [`MAX_SETS`], or defined before.
    #[error("set {0} is out of range or defined twice")]
    Set(u32),
    /// A job or instance that breaks the grammar.
    #[error("set {set}: {what} '{text}' is not allowed")]
    SetText {
        /// The set.
        set: u32,
        /// `job` or `instance`.
        what: &'static str,
        /// The start of the text.
        text: String,
    },
    /// A set that names a series that is not defined, or one twice.
    #[error("set {set}: series {reference} is not defined or doubled")]
    Column {
        /// The set.
        set: u32,
        /// The series.
        reference: u32,
    },
    /// The frame is damaged or too long.
    #[error("reading the catalog's frame")]
    Frame(#[source] FrameError),
    /// The content is not a `CatalogBody`, or names a symbol, kind or unit that does not exist.
    #[error("the catalog's content is not readable: {0}")]
    Content(String),
}

/// Checks `delta` against what is known and adds it. On an error `full` is as before.
///
/// A full catalog (`base` 0) takes the place of what is known. References of a full catalog are 1, 2, 3, …; a delta
/// goes on where the known ones end.
pub fn apply_catalog(full: &mut Catalog, delta: Catalog) -> Result<(), CatalogError> {
    let (generation, base) = (delta.generation, delta.base);
    if generation <= base {
        return Err(CatalogError::Generation { generation, base });
    }
    if base == 0 {
        check(&Catalog::default(), &delta)?;
        *full = delta;
        return Ok(());
    }
    if base != full.generation {
        return Err(CatalogError::Base { base, known: full.generation });
    }
    check(full, &delta)?;
    full.generation = generation;
    full.series.extend(delta.series);
    full.sets.extend(delta.sets);
    Ok(())
}

fn check(known: &Catalog, delta: &Catalog) -> Result<(), CatalogError> {
    let series = known.series.len() + delta.series.len();
    if series > MAX_SERIES {
        return Err(CatalogError::TooManySeries(series));
    }
    let sets = known.sets.len() + delta.sets.len();
    if sets > MAX_SETS {
        return Err(CatalogError::TooManySets(sets));
    }
    if catalog_text_bytes(known) + catalog_text_bytes(delta) > MAX_CATALOG_TEXT_BYTES {
        return Err(CatalogError::TooMuchText);
    }
    for (expected, def) in (known.series.len() as u64 + 1..).zip(&delta.series) {
        check_series(def, expected)?;
    }
    let mut ids: BTreeSet<u32> = known.sets.iter().map(|s| s.id).collect();
    for set in &delta.sets {
        let in_range = (1..=MAX_SETS).contains(&(set.id as usize));
        if !in_range || !ids.insert(set.id) {
            return Err(CatalogError::Set(set.id));
        }
        check_set(set, series)?;
    }
    Ok(())
}

/// Bytes of all texts, counted for each use.
pub fn catalog_text_bytes(catalog: &Catalog) -> usize {
    let labels = |def: &SeriesDef| def.labels.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
    let series = catalog.series.iter().map(|def| def.name.len() + labels(def));
    let sets = catalog.sets.iter().map(|set| set.job.len() + set.instance.len());
    series.chain(sets).sum()
}

fn check_series(def: &SeriesDef, expected: u64) -> Result<(), CatalogError> {
    let reference = def.reference;
    if u64::from(reference) != expected {
        return Err(CatalogError::Reference { found: reference, expected });
    }
    if !is_name(&def.name, ":_") {
        return Err(CatalogError::Name { reference, name: start(&def.name) });
    }
    if def.labels.len() > MAX_LABELS {
        return Err(CatalogError::TooManyLabels { reference, found: def.labels.len() });
    }
    let mut before = "";
    for (name, value) in &def.labels {
        // Names that start with two underscores belong to Prometheus itself.
        if !is_name(name, "_") || name.starts_with("__") {
            return Err(CatalogError::Name { reference, name: start(name) });
        }
        if RESERVED_LABELS.contains(&&**name) {
            return Err(CatalogError::Reserved { reference, name: start(name) });
        }
        if **name <= *before {
            return Err(CatalogError::LabelOrder { reference, name: start(name) });
        }
        if value.is_empty() || value.len() > MAX_VALUE_BYTES {
            let (name, length) = (start(name), value.len());
            return Err(CatalogError::Value { reference, name, length });
        }
        before = name;
    }
    Ok(())
}

fn check_set(set: &SeriesSet, series: usize) -> Result<(), CatalogError> {
    let wrong = |what, text: &str| CatalogError::SetText { set: set.id, what, text: start(text) };
    let job_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if set.job.is_empty() || set.job.len() > MAX_JOB_BYTES || !set.job.bytes().all(job_byte) {
        return Err(wrong("job", &set.job));
    }
    let instance = &set.instance;
    if instance.len() > MAX_INSTANCE_BYTES || !instance.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(wrong("instance", instance));
    }
    let mut seen = BTreeSet::new();
    for &reference in &set.references {
        let defined = (1..=series).contains(&(reference as usize));
        if !defined || !seen.insert(reference) {
            return Err(CatalogError::Column { set: set.id, reference });
        }
    }
    Ok(())
}

/// Prometheus' grammar: letters, digits and `also`, not starting with a digit.
fn is_name(name: &str, also: &str) -> bool {
    let first = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    let allowed = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
    first && name.len() <= MAX_NAME_BYTES && name.chars().all(allowed)
}

/// As much of a text as an error message should repeat.
fn start(text: &str) -> String {
    text.chars().take(64).collect()
}
