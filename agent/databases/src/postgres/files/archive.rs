//! The archived write-ahead log: whether a segment is missing between the oldest and the newest of a timeline.

use agent_probe::ProbeError;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Segments of 16 MiB, the default, are told by their size where they are not packed; others are numbered differently.
const SEGMENT_BYTES_DEFAULT: u64 = 16 << 20;

/// More segments than are kept between full backups of a large hospital: 32 TiB of log.
const FILES_MAX: usize = 2 << 20;

/// The most gaps that are named.
const GAPS_MAX: usize = 20;

/// What an archive holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Archive {
    /// Segments.
    pub(super) segments: u64,
    /// Segments that are left out between the first and the last of a timeline.
    pub(super) missing: u64,
    /// The first and the last name of each gap, of the first [`GAPS_MAX`].
    pub(super) gaps: Vec<String>,
}

/// Looks at the names in a folder.
pub(super) fn look(folder: &Path) -> Result<Archive, ProbeError> {
    let error = |source| ProbeError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    let mut bytes = None;
    for entry in fs::read_dir(folder).map_err(error)?.take(FILES_MAX) {
        let entry = entry.map_err(error)?;
        let name = entry.file_name();
        let Some(segment) = name.to_str().and_then(segment) else {
            continue;
        };
        if bytes.is_none() && name.len() == 24 {
            bytes = entry.metadata().ok().map(|metadata| metadata.len());
        }
        names.push(segment);
    }
    let is_possible = |bytes: &u64| bytes.is_power_of_two() && (1 << 20..=1 << 30).contains(bytes);
    Ok(count(names, bytes.filter(is_possible).unwrap_or(SEGMENT_BYTES_DEFAULT)))
}

/// Timeline, and the number's upper and lower half, of a segment's name with or without the end of a packer. Histories, labels of
/// backups and partial segments are none.
fn segment(name: &str) -> Option<(u32, u32, u32)> {
    let (digits, end) = name.split_at_checked(24)?;
    let is_packed = ["", ".gz", ".zst", ".lz4", ".bz2", ".xz"].contains(&end);
    let number = |from: usize| u32::from_str_radix(digits.get(from..from + 8)?, 16).ok();
    (is_packed && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| Some((number(0)?, number(8)?, number(16)?)))?
}

fn count(names: impl IntoIterator<Item = (u32, u32, u32)>, segment_bytes: u64) -> Archive {
    // XLogSegmentsPerXLogId of xlog_internal.h.
    let per_half = (1_u64 << 32) / segment_bytes;
    let mut timelines: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (timeline, upper, lower) in names {
        timelines.entry(timeline).or_default().push(u64::from(upper) * per_half + u64::from(lower));
    }
    let mut archive = Archive::default();
    for (timeline, numbers) in &mut timelines {
        numbers.sort_unstable();
        numbers.dedup();
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
            continue;
        };
        archive.segments += numbers.len() as u64;
        archive.missing += last - first + 1 - numbers.len() as u64;
        let name = |n: u64| format!("{timeline:08X}{:08X}{:08X}", n / per_half, n % per_half);
        for pair in numbers.windows(2) {
            let &[before, after] = pair else { continue };
            if after > before + 1 && archive.gaps.len() < GAPS_MAX {
                archive.gaps.push(match after - before - 1 {
                    1 => name(before + 1),
                    n => format!("{} … {} ({n})", name(before + 1), name(after - 1)),
                });
            }
        }
    }
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: names across the end of a half, on two timelines, packed and twice, with other files between; two left out.
    /// Guarantees: exactly those two are missing, with segments of either size.
    #[test]
    fn holes_are_counted() {
        let names = [
            "0000000100000001000000FD",
            "0000000100000001000000FE.gz",
            "0000000100000001000000FE",
            "0000000100000001000000FF",
            "000000010000000200000000",
            "000000010000000200000002",
            "000000010000000200000004.zst",
            "000000010000000200000004.00000028.backup",
            "00000002.history",
            "000000020000000200000004",
            "000000020000000200000005.partial",
            "00000002000000020000000é",
        ];
        let found = names.iter().filter_map(|name| segment(name));
        let gaps = ["000000010000000200000001", "000000010000000200000003"].map(str::to_owned);
        let expected = Archive { segments: 7, missing: 2, gaps: gaps.to_vec() };
        assert_eq!(count(found, 16 << 20), expected);
        let far = ["0000000100000001000000FE", "000000010000000200000001"];
        let gap = count(far.iter().filter_map(|n| segment(n)), 16 << 20).gaps;
        assert_eq!(gap, ["0000000100000001000000FF … 000000010000000200000000 (2)"]);
        let quarter = ["00000001000000000000003F", "000000010000000100000000"];
        assert_eq!(count(quarter.iter().filter_map(|n| segment(n)), 64 << 20).missing, 0);
        assert_eq!(count([], 16 << 20), Archive::default());
    }
}
