//! What an incident of a database service stands for (mission §2.8.1), most severe first.

use collector_domain::Text;
use serde::{Deserialize, Serialize};
use shared_model::{Clause, Level};

/// The classifications of a database service. The order is the order of severity: a smaller one is worse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Database down, core business stopped, no usable standby: level 1.
    DbDown,
    /// Database down without a usable standby, but some core service still answers: level 2.
    DbDownCoreRunning,
    /// The primary is down and a standby is usable or has taken over: level 2.
    DbDownStandbyUsable,
    /// The primary failed for one witness only: level 2.
    DbSuspect,
    /// A core service is down while the database answers: level 2.
    CoreServiceDown,
    /// A standby does not answer or its replication is broken: level 3.
    StandbyLost,
}

/// All of them, most severe first.
const ALL: [Cause; 6] = [
    Cause::DbDown,
    Cause::DbDownCoreRunning,
    Cause::DbDownStandbyUsable,
    Cause::DbSuspect,
    Cause::CoreServiceDown,
    Cause::StandbyLost,
];

impl Cause {
    /// The stable id that incidents and ledger entries carry as their cause.
    pub const fn id(self) -> &'static str {
        match self {
            Self::DbDown => "db.down",
            Self::DbDownCoreRunning => "db.down_core_running",
            Self::DbDownStandbyUsable => "db.down_standby_usable",
            Self::DbSuspect => "db.suspect",
            Self::CoreServiceDown => "core.service_down",
            Self::StandbyLost => "db.standby_lost",
        }
    }

    /// The cause of this id; `None` for the id of a plain rule.
    pub fn from_id(id: &str) -> Option<Self> {
        ALL.into_iter().find(|c| c.id() == id)
    }

    /// The level that it opens with.
    pub const fn level(self) -> Level {
        match self {
            Self::DbDown => Level::One,
            Self::StandbyLost => Level::Three,
            _ => Level::Two,
        }
    }

    /// The clause that it stands on.
    pub fn clause(self) -> Clause {
        let text = match self {
            Self::CoreServiceDown => "2.2",
            Self::StandbyLost => "3.1",
            _ => "2.2/3.1",
        };
        text.parse().expect("the texts above are clause numbers")
    }

    /// Title in both languages.
    pub fn title(self) -> Text {
        let (zh, en) = match self {
            Self::DbDown => (
                "数据库完全宕机，核心业务中断，无可用备库",
                "Database down, core business stopped, no usable standby",
            ),
            Self::DbDownCoreRunning => (
                "数据库宕机，无可用备库，部分核心业务仍在运行",
                "Database down without a usable standby, part of the core business still runs",
            ),
            Self::DbDownStandbyUsable => (
                "主库宕机，备库可用或已接管",
                "Primary database down, a standby is usable or has taken over",
            ),
            Self::DbSuspect => (
                "疑似数据库宕机：仅一个观察点确认",
                "Database suspected down: confirmed by one witness only",
            ),
            Self::CoreServiceDown => (
                "核心业务探测失败，数据库仍可访问",
                "Core business service failing while the database answers",
            ),
            Self::StandbyLost => (
                "备库失联或复制中断，冗余丧失",
                "Standby lost or replication broken: redundancy is gone",
            ),
        };
        text(zh, en)
    }

    /// Runbook in both languages.
    pub fn advice(self) -> Text {
        let (zh, en) = match self {
            Self::DbDown | Self::DbDownCoreRunning => (
                "先恢复核心业务：检查主库主机、进程、磁盘空间与错误日志后启动实例；无法启动时启用备份或备库。修复前保留现场与备份。",
                "Restore core business first: check the primary's host, processes, disk space and error log, then start the instance; if it will not start, use a backup or a standby. Keep the evidence and a backup before repairing.",
            ),
            Self::DbDownStandbyUsable => (
                "确认备库数据最新后切换业务；查明主库故障原因，修复后重建复制。",
                "Confirm that the standby is current and switch the business over; find why the primary failed, repair it and rebuild replication.",
            ),
            Self::DbSuspect => (
                "从另一节点登录核实数据库；区分数据库故障与网络路径故障。",
                "Log in from another node to confirm; tell a failed database from a failed path.",
            ),
            Self::CoreServiceDown => (
                "检查业务探测的错误、锁等待与连接数；与医院信息科核实业务影响。",
                "Check the probe's error, lock waits and connections; confirm the impact with the hospital's IT department.",
            ),
            Self::StandbyLost => (
                "检查备库实例与复制状态（接收、回放、延迟），尽快恢复冗余。",
                "Check the standby and its replication (receiver, replay, lag) and restore redundancy.",
            ),
        };
        text(zh, en)
    }
}

fn text(zh: &str, en: &str) -> Text {
    Text { zh: zh.to_owned(), en: en.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every cause by its id. Guarantees: ids are unique, levels never fall when severity rises.
    #[test]
    fn ids_and_levels_follow_severity() {
        for cause in ALL {
            assert_eq!(Cause::from_id(cause.id()), Some(cause));
            assert!(!cause.clause().as_str().is_empty());
            assert!(!cause.title().zh.is_empty() && !cause.advice().en.is_empty());
        }
        assert!(ALL.windows(2).all(|w| w[0] < w[1] && w[0].level() <= w[1].level()));
        assert_eq!(Cause::from_id("os.cpu_busy"), None);
    }
}
