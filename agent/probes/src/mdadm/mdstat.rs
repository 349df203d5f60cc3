//! The text of `/proc/mdstat` (`md_seq_show` in drivers/md/md.c).
//!
//! An array is a line at the margin and lines that are indented: one with its blocks, perhaps one of its bitmap, and one of
//! a rebuild while it runs.

use crate::field;
use crate::tally::Tally;

/// Far more arrays than a kernel has minor numbers in use for; a garbage file cannot make us keep more.
const MAX_ARRAYS: usize = 512;

/// How many disks a level can lose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Level {
    /// raid0, linear: none.
    Striped,
    /// raid1: all but one.
    Mirrored,
    /// raid4, raid5.
    OneParity,
    /// raid6.
    TwoParities,
    /// raid10, where it depends on which, and whatever else there is.
    Other,
}

/// One array.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) device: Box<str>,
    /// As node_exporter names it.
    pub(super) state: &'static str,
    pub(super) level: Level,
    /// Holds the description of other arrays, no data of its own.
    pub(super) is_container: bool,
    pub(super) active: u64,
    pub(super) failed: u64,
    pub(super) spare: u64,
    pub(super) required: u64,
    pub(super) blocks: u64,
    pub(super) synced: u64,
}

/// All arrays. What is not understood is told to `tally` with its line.
pub(super) fn parse(text: &[u8], tally: &mut Tally) -> Vec<Array> {
    let lines: Vec<_> = field::lines(text).collect();
    let mut arrays = Vec::new();
    for (at, (number, line)) in lines.iter().enumerate() {
        let is_heading = !line.starts_with(b" ")
            && !line.starts_with(b"\t")
            && !line.starts_with(b"Personalities")
            && !line.starts_with(b"unused");
        if !is_heading {
            continue;
        }
        let behind = lines.get(at + 1..).unwrap_or_default();
        let indented: Vec<_> =
            behind.iter().map(|(_, line)| *line).take_while(|l| l.starts_with(b" ")).collect();
        match array(line, &indented) {
            Some(array) if arrays.len() < MAX_ARRAYS => arrays.push(array),
            Some(_) => tally.bad_line(*number, "at most 512 arrays"),
            None => tally.bad_line(*number, "an array with its blocks and disks"),
        }
    }
    arrays
}

fn array(heading: &[u8], indented: &[&[u8]]) -> Option<Array> {
    let mut words = field::words(heading);
    let device = field::text(words.next()?)?;
    if words.next()? != b":" {
        return None;
    }
    let is_active = match words.next()? {
        b"active" => true,
        b"inactive" => false,
        _ => return None,
    };
    let rest: Vec<_> = words.filter(|word| !word.starts_with(b"(")).collect();
    let blocks_line = indented.first()?;
    let blocks = field::number(field::words(blocks_line).next()?)?;
    let level = rest.iter().find_map(|word| level(word)).unwrap_or(Level::Other);
    let disks = rest.iter().filter(|word| word.contains(&b'[')).count() as u64;
    let marked = |mark: &[u8]| rest.iter().filter(|word| has(word, mark)).count() as u64;
    let external = field::words(blocks_line).find_map(|word| word.strip_prefix(b"external:"));
    let (required, active) = match level {
        Level::Striped => (disks, disks),
        _ if !is_active => (0, 0),
        _ => counts(blocks_line)?,
    };
    let (state, synced) = progress(indented, is_active, blocks)?;
    Some(Array {
        device: device.into(),
        state,
        level,
        is_container: external.is_some_and(|of| !of.starts_with(b"/")),
        active,
        failed: marked(b"(F)"),
        spare: marked(b"(S)"),
        required,
        blocks,
        synced,
    })
}

fn level(word: &[u8]) -> Option<Level> {
    match word {
        b"raid0" | b"linear" => Some(Level::Striped),
        b"raid1" => Some(Level::Mirrored),
        b"raid4" | b"raid5" => Some(Level::OneParity),
        b"raid6" => Some(Level::TwoParities),
        b"raid10" | b"multipath" | b"faulty" => Some(Level::Other),
        _ => None,
    }
}

/// `[4/3] [U_UU]`: required and active.
fn counts(blocks_line: &[u8]) -> Option<(u64, u64)> {
    field::words(blocks_line).find_map(|word| {
        let inner = word.strip_prefix(b"[")?.strip_suffix(b"]")?;
        let slash = inner.iter().position(|b| *b == b'/')?;
        Some((field::number(inner.get(..slash)?)?, field::number(inner.get(slash + 1..)?)?))
    })
}

fn has(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|part| part == what)
}

/// State and blocks in sync, out of the line of a rebuild when there is one.
fn progress(indented: &[&[u8]], is_active: bool, blocks: u64) -> Option<(&'static str, u64)> {
    for line in indented.iter().skip(1).filter(|line| !has(line, b"bitmap")) {
        let state = [
            (&b"recovery"[..], "recovering"),
            (&b"resync"[..], "resync"),
            (&b"check"[..], "check"),
        ]
        .iter()
        .find_map(|(what, state)| has(line, what).then_some(*state));
        let Some(state) = state else { continue };
        if has(line, b"PENDING") || has(line, b"DELAYED") {
            return Some((state, 0));
        }
        let synced = field::words(line).find_map(|word| {
            let inner = word.strip_prefix(b"(")?.strip_suffix(b")")?;
            let slash = inner.iter().position(|b| *b == b'/')?;
            field::number(inner.get(..slash)?)
        })?;
        return Some((state, synced));
    }
    Some((if is_active { "active" } else { "inactive" }, blocks))
}
