//! Lockout after failed logins, by account and by peer address.
//!
//! An attempt counts as failed from its beginning and is taken back on success, so that parallel attempts cannot all pass
//! before the first one has failed. Accounts that do not exist are counted the same way and thereby not told apart.

use crate::Options;
use shared_model::BootTime;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Who is counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Subject {
    Account(String),
    Peer(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: BootTime,
}

/// The counts, at most [`Options::lock_entries_max`].
pub(crate) struct Lockouts {
    table: Mutex<BTreeMap<Subject, Failures>>,
    account_max: u32,
    peer_max: u32,
    lock: Duration,
    entries_max: usize,
}

/// An attempt that was let through and counts as failed until [`Lockouts::succeeded`] or [`Lockouts::withdrawn`].
#[derive(Debug)]
pub(crate) struct Attempt(Vec<Subject>);

/// The attempt is refused without looking at the password.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Locked {
    /// When the lock ends.
    pub(crate) retry_after: Duration,
}

impl Lockouts {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            table: Mutex::default(),
            account_max: options.account_failures_max,
            peer_max: options.peer_failures_max,
            lock: options.lock,
            entries_max: options.lock_entries_max,
        }
    }

    /// Lets an attempt through or refuses it. A refused attempt does not prolong the lock.
    pub(crate) fn begin(
        &self,
        account: &str,
        peer: Option<IpAddr>,
        now: BootTime,
    ) -> Result<Attempt, Locked> {
        let mut subjects = vec![Subject::Account(account.to_owned())];
        subjects.extend(peer.map(|p| Subject::Peer(network_of(p))));
        let mut table = self.table();
        let left = subjects.iter().filter_map(|s| self.locked_for(s, table.get(s)?, now));
        if let Some(retry_after) = left.max() {
            return Err(Locked { retry_after });
        }
        for subject in &subjects {
            let failures = table.entry(subject.clone()).or_insert(Failures { count: 0, last: now });
            if now.since(failures.last) >= self.lock {
                failures.count = 0;
            }
            *failures = Failures { count: failures.count.saturating_add(1), last: now };
        }
        self.make_room(&mut table, now);
        Ok(Attempt(subjects))
    }

    /// The password was right: the account starts again from zero, the peer loses only this attempt.
    pub(crate) fn succeeded(&self, attempt: Attempt) {
        let mut table = self.table();
        for subject in attempt.0 {
            match subject {
                Subject::Account(_) => {
                    table.remove(&subject);
                }
                Subject::Peer(_) => take_back(&mut table, &subject),
            }
        }
    }

    /// The password was never looked at.
    pub(crate) fn withdrawn(&self, attempt: Attempt) {
        let mut table = self.table();
        for subject in attempt.0 {
            take_back(&mut table, &subject);
        }
    }

    fn locked_for(
        &self,
        subject: &Subject,
        failures: &Failures,
        now: BootTime,
    ) -> Option<Duration> {
        let max = match subject {
            Subject::Account(_) => self.account_max,
            Subject::Peer(_) => self.peer_max,
        };
        let left = self.lock.saturating_sub(now.since(failures.last));
        (failures.count >= max && !left.is_zero()).then_some(left)
    }

    /// Forgets what is over, then those with the fewest failures: a flood of made-up names cannot push out a lock while
    /// a name with fewer failures is left.
    fn make_room(&self, table: &mut BTreeMap<Subject, Failures>, now: BootTime) {
        if table.len() <= self.entries_max {
            return;
        }
        table.retain(|_, f| now.since(f.last) < self.lock);
        while table.len() > self.entries_max {
            let least = table.iter().min_by_key(|(_, f)| (f.count, f.last));
            let Some(subject) = least.map(|(s, _)| s.clone()) else {
                return;
            };
            table.remove(&subject);
        }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, BTreeMap<Subject, Failures>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_back(table: &mut BTreeMap<Subject, Failures>, subject: &Subject) {
    if let Some(failures) = table.get_mut(subject) {
        failures.count = failures.count.saturating_sub(1);
        if failures.count == 0 {
            table.remove(subject);
        }
    }
}

/// An IPv6 host owns its whole /64, so that is what is counted.
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> BootTime {
        BootTime::from_micros(secs * 1_000_000)
    }

    /// Scenario: five failures of one account. Guarantees: the fourth still leaves a try, the fifth locks for 15 minutes
    /// to the second, refused tries do not prolong it, other accounts are free, and afterwards counting starts anew.
    #[test]
    fn five_failures_lock_for_fifteen_minutes() {
        let lockouts = Lockouts::new(&Options::default());
        for secs in 0..5 {
            assert!(lockouts.begin("wang", None, at(secs)).is_ok(), "{secs}");
        }
        let refused = lockouts.begin("wang", None, at(5)).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(899));
        assert!(lockouts.begin("li", None, at(5)).is_ok());
        assert!(lockouts.begin("wang", None, at(4 + 899)).is_err());
        for _ in 0..5 {
            assert!(lockouts.begin("wang", None, at(4 + 900)).is_ok());
        }
        assert!(lockouts.begin("wang", None, at(4 + 900)).is_err());
    }

    /// Scenario: many accounts tried from one address. Guarantees: the address is locked at its own limit, its /64 with it,
    /// another address is not.
    #[test]
    fn an_address_is_locked_too() {
        let lockouts = Lockouts::new(&Options::default());
        let peer = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        for n in 0..20 {
            let tried = lockouts.begin(&format!("name{n}"), peer("2001:db8::1"), at(0));
            assert!(tried.is_ok(), "{n}");
        }
        assert!(lockouts.begin("other", peer("2001:db8::2"), at(0)).is_err());
        assert!(lockouts.begin("other", peer("2001:db8:0:1::1"), at(0)).is_ok());
    }

    /// Scenario: success after four failures, and attempts withdrawn. Guarantees: neither leaves a failure behind.
    #[test]
    fn success_and_withdrawal_are_taken_back() {
        let lockouts = Lockouts::new(&Options::default());
        for _ in 0..4 {
            lockouts.begin("wang", None, at(0)).unwrap();
        }
        lockouts.succeeded(lockouts.begin("wang", None, at(0)).unwrap());
        for _ in 0..9 {
            lockouts.withdrawn(lockouts.begin("wang", None, at(0)).unwrap());
        }
        assert!(lockouts.begin("wang", None, at(0)).is_ok());
    }

    /// Scenario: a flood of made-up names into a small table. Guarantees: the size is bounded and the lock survives.
    #[test]
    fn a_flood_does_not_lift_a_lock() {
        let options = Options { lock_entries_max: 3, ..Options::default() };
        let lockouts = Lockouts::new(&options);
        for _ in 0..5 {
            lockouts.begin("wang", None, at(0)).unwrap();
        }
        for n in 0..50 {
            lockouts.begin(&format!("name{n}"), None, at(1)).unwrap();
        }
        assert!(lockouts.begin("wang", None, at(2)).is_err());
        assert_eq!(lockouts.table().len(), 3);
    }
}
