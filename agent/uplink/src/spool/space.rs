//! How much of the disk the spool may take.

use std::path::Path;

/// What the spool may take. The tightest of the three holds; the segment that is being written is always kept, so that
/// at the least one segment (at most 8 MiB) is used.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SpoolLimits {
    /// Bytes of all segments.
    pub max_bytes: u64,
    /// Largest share of the file system.
    pub max_share_ratio: f64,
    /// Share of the file system that stays free for others.
    pub min_free_ratio: f64,
}

impl Default for SpoolLimits {
    /// 512 MiB (72 h of 800 busy series at 1 s), 5 % of the file system, 10 % kept free: the standard that the agent
    /// watches over asks for free space on the database's own disk.
    fn default() -> Self {
        Self { max_bytes: 512 << 20, max_share_ratio: 0.05, min_free_ratio: 0.10 }
    }
}

/// A file system's size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Bytes in all.
    pub total_bytes: u64,
    /// Bytes that ordinary users can still write.
    pub available_bytes: u64,
}

/// Bytes the spool may have now. `None` for the space means that it could not be read: then only the fixed limit holds.
pub(super) fn allowed_bytes(limits: SpoolLimits, space: Option<Space>, used_bytes: u64) -> u64 {
    let Some(space) = space else {
        return limits.max_bytes;
    };
    let share = (space.total_bytes as f64 * limits.max_share_ratio) as u64;
    let floor = (space.total_bytes as f64 * limits.min_free_ratio) as u64;
    let by_free = (used_bytes + space.available_bytes).saturating_sub(floor);
    limits.max_bytes.min(share).min(by_free)
}

/// Asks the kernel (statvfs: `f_blocks`, `f_bavail` times `f_frsize`).
pub(crate) fn space_of(path: &Path) -> Option<Space> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(Space {
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        available_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: file systems large, small, nearly full, full and unreadable.
    /// Guarantees: the tightest limit holds, at the edge and on both sides of it.
    #[test]
    fn the_tightest_limit_holds() {
        const MIB: u64 = 1 << 20;
        let limits = SpoolLimits::default();
        let space = |total, available| {
            Some(Space { total_bytes: total * MIB, available_bytes: available * MIB })
        };
        for (space, used, expected) in [
            (None, 0, 512),
            (space(1_000_000, 500_000), 0, 512),
            (space(2_000, 1_000), 0, 100),
            (space(10_240, 1_024), 0, 0),
            (space(10_240, 1_025), 0, 1),
            (space(10_240, 1_023), 7, 6),
            (space(10_240, 0), 7, 0),
        ] {
            let got = allowed_bytes(limits, space, used * MIB);
            assert_eq!(got, expected * MIB, "{space:?} used {used}");
        }
    }
}
