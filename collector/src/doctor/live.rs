//! A running collector, asked through its admin socket.

use super::Finding;
use crate::admin::{
    DaemonStatus, NodeLine, NodeRequest, Request, UserLine, UserRequest, ask, socket_path,
};
use crate::config::Config;
use collector_domain::Role;
use shared_model::{Clock, Timestamp};
use shared_runtime::SystemClock;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The engine publishes each second.
const IDLE_FAIL_SECONDS: f64 = 10.0;
/// A step of the wall clock over 2 s is worth knowing (and moves no deadline).
const STEP_WARN_SECONDS: f64 = 2.0;
/// Half a second of ten thousand agents waits behind a sync that takes longer.
const SYNC_WARN_SECONDS: f64 = 0.1;
const SYNC_FAIL_SECONDS: f64 = 2.0;
/// Agents renew at a third of the life of a certificate; three days before its end something is wrong.
const CERTIFICATE_WARN: Duration = Duration::from_secs(3 * 86_400);

/// The daemon's own account of itself; what is said when it does not run or does not answer.
pub(super) fn status(config: &Config) -> Result<DaemonStatus, Finding> {
    let check = "daemon";
    let data = config.data_dir();
    if let Err(error) = UnixStream::connect(socket_path(&data)) {
        let is_stopped = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
        return Err(if is_stopped {
            let advice = "start it with 'wardround-collector serve'; its files are looked at below";
            Finding::warn(check, "it does not run with this data folder", advice)
        } else {
            let advice = "run this as root or as the user of the collector";
            Finding::fail(check, format!("it cannot be asked: {error}"), advice)
        });
    }
    ask(&data, &Request::Status).map_err(|error| {
        let advice = "see its log; if it hangs, its disk may be the reason";
        Finding::fail(check, format!("it does not answer: {error:#}"), advice)
    })
}

pub(super) fn examine(config: &Config, status: &DaemonStatus) -> Vec<Finding> {
    let mut findings = vec![
        Finding::ok("daemon", format!("process {}, version {}", status.pid, status.version)),
        engine(status),
        queue(status),
        sync(status),
        snapshot(config, status),
        steady(status),
        ports(config),
    ];
    let data = config.data_dir();
    findings.push(match ask::<Vec<NodeLine>>(&data, &Request::Node(NodeRequest::List)) {
        Ok(list) => nodes(&list, SystemClock.wall()),
        Err(error) => Finding::unknown("nodes", format!("{error:#}")),
    });
    findings.push(match ask::<Vec<UserLine>>(&data, &Request::User(UserRequest::List)) {
        Ok(list) => accounts(&list),
        Err(error) => Finding::unknown("accounts", format!("{error:#}")),
    });
    findings
}

fn engine(status: &DaemonStatus) -> Finding {
    let found = format!(
        "advanced {:.1} s ago, {} sessions, {} ledger entries",
        status.idle_seconds, status.sessions, status.ledger_entries
    );
    if status.idle_seconds < IDLE_FAIL_SECONDS {
        return Finding::ok("engine", found);
    }
    Finding::fail("engine", found, "it hangs: look at the disk of the data folder and at the log")
}

fn queue(status: &DaemonStatus) -> Finding {
    let DaemonStatus { queue_waiting, queue_capacity, .. } = *status;
    let found = format!("{queue_waiting} of {queue_capacity} places taken");
    if queue_waiting * 2 <= queue_capacity {
        return Finding::ok("queue", found);
    }
    let advice =
        "more comes than is judged, agents spool meanwhile: look at the processor and the disk";
    Finding::warn("queue", found, advice)
}

fn sync(status: &DaemonStatus) -> Finding {
    let (last, longest) = (status.sync_last_seconds, status.sync_max_seconds);
    let found = format!("fdatasync took {:.1} ms, at most {:.1} ms", last * 1e3, longest * 1e3);
    let advice = "put data_dir on a faster disk: nothing is acknowledged before its fdatasync";
    match longest {
        s if s >= SYNC_FAIL_SECONDS => Finding::fail("disk", found, advice),
        s if s >= SYNC_WARN_SECONDS => Finding::warn("disk", found, advice),
        _ => Finding::ok("disk", found),
    }
}

fn snapshot(config: &Config, status: &DaemonStatus) -> Finding {
    let every = config.store.snapshot_every.get().as_secs_f64();
    match status.snapshot_age_seconds {
        None => Finding::ok("state file", "none of this run yet"),
        Some(age) if age <= 2.0 * every + 60.0 => {
            Finding::ok("state file", format!("written {age:.0} s ago"))
        }
        Some(age) => {
            let found = format!("written {age:.0} s ago, due every {every:.0} s");
            Finding::warn("state file", found, "see the log; a restart will take longer")
        }
    }
}

fn steady(status: &DaemonStatus) -> Finding {
    let step = status.wall_minus_steady_seconds;
    let found = format!("the wall clock is {step:+.1} s from the engine's steady time");
    if step.abs() <= STEP_WARN_SECONDS {
        return Finding::ok("steady time", found);
    }
    let advice = "the wall clock was stepped since the start; deadlines are not moved, and a restart after a reboot takes the new time";
    Finding::warn("steady time", found, advice)
}

fn ports(config: &Config) -> Finding {
    let path = config.data_dir().join("listening");
    match std::fs::read_to_string(&path) {
        Ok(text) => Finding::ok("ports", text.trim().replace('\n', ", ")),
        Err(error) => Finding::unknown("ports", format!("{}: {error}", path.display())),
    }
}

fn nodes(list: &[NodeLine], now: Timestamp) -> Finding {
    let check = "nodes";
    let named = |wanted: &dyn Fn(&&NodeLine) -> bool| {
        let names: Vec<&str> = list.iter().filter(wanted).map(|n| n.node.as_str()).collect();
        names.join(", ")
    };
    let silent = named(&|n| n.state == "silent" || n.state == "never_seen");
    let ending = named(&|n| {
        let end = n.certificate_expires.as_ref().and_then(|at| at.parse::<Timestamp>().ok());
        n.state != "revoked" && end.is_some_and(|end| now.plus(CERTIFICATE_WARN) >= end)
    });
    if !silent.is_empty() {
        let advice = "look at the agent there: 'systemctl status wardround-agent' and its log";
        return Finding::warn(check, format!("silent: {silent}"), advice);
    }
    if !ending.is_empty() {
        let advice = "its agent should have renewed it long ago: see its log, or join it again";
        return Finding::warn(check, format!("certificate ends soon: {ending}"), advice);
    }
    match list.iter().filter(|n| n.state == "fresh").count() {
        0 => {
            Finding::warn(check, "none", "join one: 'wardround-collector token create --node NAME'")
        }
        fresh => Finding::ok(check, format!("{fresh} heard, none silent")),
    }
}

fn accounts(list: &[UserLine]) -> Finding {
    let check = "accounts";
    let is_filled = |role: Role| list.iter().any(|u| u.role == role && !u.disabled);
    let (found, advice) = match (is_filled(Role::Engineer), is_filled(Role::Approver)) {
        (true, true) => return Finding::ok(check, format!("{} accounts", list.len())),
        (false, true) => ("no engineer is enabled", format!("nobody can respond: {ADD} engineer'")),
        (true, false) => ("no approver is enabled", format!("nobody can confirm: {ADD} approver'")),
        (false, false) => (
            "no engineer and no approver is enabled",
            format!("nobody can respond or confirm: {ADD} engineer', and one with --role approver"),
        ),
    };
    Finding::warn(check, found, advice)
}

/// How an account is made, up to its role.
const ADD: &str = "'wardround-collector user add NAME --role";

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn status() -> DaemonStatus {
        DaemonStatus {
            pid: 1,
            version: "test".to_owned(),
            idle_seconds: 0.5,
            wall_minus_steady_seconds: 0.0,
            queue_waiting: 0,
            queue_capacity: 10,
            sync_last_seconds: 0.001,
            sync_max_seconds: 0.002,
            snapshot_age_seconds: None,
            sessions: 1,
            ledger_entries: 0,
        }
    }

    /// Scenario: each figure of the daemon at its bound and beyond. Guarantees: the verdict changes there.
    #[test]
    fn figures_are_judged_at_their_bounds() {
        let idle = |s| engine(&DaemonStatus { idle_seconds: s, ..status() }).verdict;
        assert_eq!((idle(9.9), idle(10.0)), (Verdict::Ok, Verdict::Fail));
        let waits = |n| queue(&DaemonStatus { queue_waiting: n, ..status() }).verdict;
        assert_eq!((waits(5), waits(6)), (Verdict::Ok, Verdict::Warn));
        let takes = |s| sync(&DaemonStatus { sync_max_seconds: s, ..status() }).verdict;
        assert_eq!(
            [takes(0.099), takes(0.1), takes(1.99), takes(2.0)],
            [Verdict::Ok, Verdict::Warn, Verdict::Warn, Verdict::Fail]
        );
        let steps = |s| steady(&DaemonStatus { wall_minus_steady_seconds: s, ..status() }).verdict;
        assert_eq!(
            [steps(2.0), steps(2.1), steps(-2.1)],
            [Verdict::Ok, Verdict::Warn, Verdict::Warn]
        );
    }

    /// Scenario: accounts of each role, enabled and not. Guarantees: a disabled engineer counts as none.
    #[test]
    fn somebody_must_be_able_to_respond_and_confirm() {
        let user = |role, disabled| UserLine {
            name: "x".to_owned(),
            role,
            created: String::new(),
            disabled,
            clients: 0,
        };
        let both = [user(Role::Engineer, false), user(Role::Approver, false)];
        assert_eq!(accounts(&both).verdict, Verdict::Ok);
        let advice = |list: &[UserLine]| {
            let Finding { found, advice, .. } = accounts(list);
            (found, advice.unwrap_or_default())
        };
        let (found, advised) = advice(&[user(Role::Engineer, true), user(Role::Approver, false)]);
        assert_eq!(found, "no engineer is enabled");
        assert!(advised.starts_with("nobody can respond: "), "{advised}");
        let (found, advised) = advice(&[user(Role::Engineer, false), user(Role::Approver, true)]);
        assert_eq!(found, "no approver is enabled");
        assert!(advised.starts_with("nobody can confirm: "), "{advised}");
        let (found, advised) = advice(&[]);
        assert_eq!(found, "no engineer and no approver is enabled");
        assert!(advised.starts_with("nobody can respond or confirm: "), "{advised}");
    }
}
