//! The collector's steady time: UTC that never goes back and that steps of the wall clock do not move.

use serde::{Deserialize, Serialize};
use shared_model::{BootTime, Timestamp};

/// Both clocks of the collector, read together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) wall: Timestamp,
    pub(crate) boot: BootTime,
}

/// Anchors steady time: within one boot of the machine it advances by boot time alone; across boots by the wall clock, but
/// never backwards.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Steady {
    boot_id: String,
    anchor: Option<(Timestamp, BootTime)>,
    latest: Timestamp,
    /// The newest reading that was taken. A state of an older release has none.
    #[serde(default)]
    last: Option<Stamp>,
}

impl Steady {
    /// The collector started under a boot of the machine.
    pub(crate) fn started(&mut self, boot_id: &str, stamp: Stamp) -> Timestamp {
        if self.boot_id != boot_id || self.anchor.is_none() {
            boot_id.clone_into(&mut self.boot_id);
            self.anchor = Some((stamp.wall.max(self.latest), stamp.boot));
        }
        self.now(stamp)
    }

    /// Steady time of a reading of the clocks.
    pub(crate) fn now(&mut self, stamp: Stamp) -> Timestamp {
        let (wall, boot) = *self.anchor.get_or_insert((stamp.wall, stamp.boot));
        self.latest = self.latest.max(wall.plus(stamp.boot.since(boot)));
        self.last = Some(stamp);
        self.latest
    }

    /// The newest reading, when it is of this boot.
    pub(crate) fn last(&self, boot_id: &str) -> Option<Stamp> {
        self.last.filter(|_| self.boot_id == boot_id)
    }

    /// Steady time minus wall clock at a reading, microseconds: 0 until the wall clock is set.
    pub(crate) fn ahead_us(&self, stamp: Stamp) -> i64 {
        let (wall, boot) = self.anchor.unwrap_or((stamp.wall, stamp.boot));
        let steady = self.latest.max(wall.plus(stamp.boot.since(boot)));
        steady.as_micros().saturating_sub(stamp.wall.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(wall: i64, boot: u64) -> Stamp {
        Stamp { wall: Timestamp::from_secs(wall), boot: BootTime::from_micros(boot * 1_000_000) }
    }

    /// Scenario: the wall clock jumps an hour forward, then back, within one boot. Guarantees: steady time follows boot time.
    #[test]
    fn wall_steps_do_not_move_it() {
        let mut steady = Steady::default();
        assert_eq!(steady.started("a", stamp(1_000, 50)), Timestamp::from_secs(1_000));
        assert_eq!(steady.now(stamp(4_605, 55)), Timestamp::from_secs(1_005));
        assert_eq!(steady.ahead_us(stamp(4_605, 55)), -3_600_000_000);
        assert_eq!(steady.now(stamp(10, 60)), Timestamp::from_secs(1_010));
        assert_eq!(steady.ahead_us(stamp(10, 60)), 1_000_000_000);
        assert_eq!((steady.last("a"), steady.last("b")), (Some(stamp(10, 60)), None));
    }

    /// Scenario: restarts within a boot, and after a reboot with a clock that lags. Guarantees: time runs on, never back.
    #[test]
    fn restarts_do_not_turn_it_back() {
        let mut steady = Steady::default();
        steady.started("a", stamp(1_000, 50));
        assert_eq!(steady.started("a", stamp(1_100, 150)), Timestamp::from_secs(1_100));
        assert_eq!(steady.started("b", stamp(1_090, 5)), Timestamp::from_secs(1_100));
        assert_eq!(steady.now(stamp(1_092, 7)), Timestamp::from_secs(1_102));
    }
}
