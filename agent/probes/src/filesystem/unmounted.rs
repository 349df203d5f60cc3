//! Mounts that did not answer and were then taken away: their error is said to have ended, because nothing else would ever
//! end it.

use super::mountinfo::Mount;
use shared_model::BootTime;
use std::time::Duration;

/// How long it is said: longer than a connection usually takes to come back, and the spool keeps it besides.
const SAID_FOR: Duration = Duration::from_secs(60);

/// What failed in the last round, and what of it is no longer mounted.
#[derive(Default)]
pub(super) struct Unmounted {
    failing: Vec<Mount>,
    gone: Vec<(Mount, BootTime)>,
}

impl Unmounted {
    /// Takes the table of now, and which of its mounts do not answer. Yields the mounts whose error has ended with them.
    pub(super) fn round<'a>(
        &'a mut self,
        now: BootTime,
        mounts: &[Mount],
        failing: impl Iterator<Item = &'a Mount>,
    ) -> impl Iterator<Item = &'a Mount> {
        let is_mounted = |gone: &Mount| mounts.iter().any(|mount| mount.is_same_place(gone));
        let failed = std::mem::replace(&mut self.failing, failing.cloned().collect());
        self.gone.retain(|(mount, since)| now.since(*since) < SAID_FOR && !is_mounted(mount));
        let ended = failed.into_iter().filter(|mount| !is_mounted(mount));
        self.gone.extend(ended.map(|mount| (mount, now)));
        self.gone.iter().map(|(mount, _)| mount)
    }
}

#[cfg(test)]
mod tests {
    use super::super::mountinfo::{Choice, parse};
    use super::*;

    /// Scenario: two mounts fail and one is taken away, then mounted again; a healthy one is taken away too. Guarantees: the
    /// end of the failing one is said for a minute and no longer, never of one that is mounted, nothing of the healthy one.
    #[test]
    fn the_end_of_an_error_is_said_for_a_minute() {
        let table = b"27 1 0:40 / /a rw - nfs4 a:/x rw
28 1 0:41 / /b rw - nfs4 b:/x rw
29 1 8:1 / /c rw - xfs /dev/sda1 rw
";
        let (all, _) = parse(table, &Choice::default());
        let (a, b) = (&all[0], &all[1]);
        let at = |secs: u64| BootTime::from_micros(secs * 1_000_000);
        let mut unmounted = Unmounted::default();
        let mut points = |secs: u64, mounts: &[Mount], failing: &[&Mount]| -> Vec<String> {
            let ended = unmounted.round(at(secs), mounts, failing.iter().copied());
            ended.map(|mount| mount.point.to_string()).collect()
        };
        assert!(points(1, &all, &[a, b]).is_empty());
        assert_eq!(points(6, std::slice::from_ref(a), &[a]), ["/b"]);
        assert_eq!(points(65, std::slice::from_ref(a), &[a]), ["/b"]);
        assert!(points(66, std::slice::from_ref(a), &[a]).is_empty());
        assert_eq!(points(70, &[], &[]), ["/a"]);
        assert!(points(75, &all, &[]).is_empty());
    }
}
