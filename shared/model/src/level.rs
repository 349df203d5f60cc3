//! The four fault levels of the maintenance standard (§2.2 故障分级).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A fault level. `One` is the most severe and compares smallest; use [`Level::more_severe`] to choose.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Level {
    /// 一级（紧急）: database down, core business stopped, no usable standby.
    One,
    /// 二级（严重）: abnormal operation, part of the business affected.
    Two,
    /// 三级（一般）: hidden danger or a fault outside the core.
    Three,
    /// 四级（咨询）: a question. Never raised by a rule.
    Four,
}

impl Level {
    /// 1 to 4.
    pub const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
            Self::Four => 4,
        }
    }

    /// The more severe of two levels.
    #[must_use]
    pub fn more_severe(self, other: Self) -> Self {
        self.min(other)
    }

    /// Contract limit for the first human response, all levels (§2.2 响应时间): 5 minutes.
    pub const fn response_limit(self) -> Duration {
        Duration::from_secs(5 * 60)
    }

    /// Contract limit for the resolution (§2.2 处理时限): 15 min, 1 h, 2 h, 4 h.
    pub const fn resolution_limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::One => 15 * 60,
            Self::Two => 3_600,
            Self::Three => 2 * 3_600,
            Self::Four => 4 * 3_600,
        })
    }
}

/// A number that is not a level.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidLevel(pub u8);

impl fmt::Display for InvalidLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "level {} does not exist: levels are 1, 2, 3 and 4", self.0)
    }
}

impl std::error::Error for InvalidLevel {}

impl TryFrom<u8> for Level {
    type Error = InvalidLevel;

    fn try_from(number: u8) -> Result<Self, InvalidLevel> {
        match number {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            3 => Ok(Self::Three),
            4 => Ok(Self::Four),
            other => Err(InvalidLevel(other)),
        }
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.number()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}", self.number())
    }
}
