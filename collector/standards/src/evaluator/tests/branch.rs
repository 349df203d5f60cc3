//! What was missed is judged apart and adds up to the whole.

use super::*;
use std::collections::BTreeSet;

/// One node: a port that is up or not, and zombies or none, each second.
fn node_series() -> [Labels; 3] {
    let port = [("device", "mlx5_0"), ("port", "1")];
    [
        series("node_infiniband_state_id", "a", "a", &port),
        series("node_infiniband_physical_state_id", "a", "a", &port),
        series("node_processes_state", "a", "a", &[("state", "Z")]),
    ]
}

fn second(evaluator: &mut Evaluator, at: usize, (is_up, zombies): (bool, bool)) -> Vec<Finding> {
    let at = secs(i64::try_from(at).unwrap());
    let (state, physical) = if is_up { (4.0, 5.0) } else { (1.0, 2.0) };
    let mut out = Vec::new();
    evaluator.tick(at, &mut out);
    out.extend(judge(evaluator, at, &[(0, state), (1, physical), (2, f64::from(zombies))]));
    out
}

/// What breached, and since when.
fn breaches(findings: &[Finding]) -> BTreeSet<(String, Timestamp)> {
    let breached = findings.iter().filter(|f| f.condition == Condition::Breached);
    breached.map(|f| (f.rule.to_string(), f.since)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Scenario: any faults of a node, and any cut of the session longer than a hole that one run of bad samples may have; after
    /// it live rows come first, then those of the cut through a branch. Guarantees: live and branch together show the breaches
    /// of the uncut stream, each since its own beginning, where what the live one takes for new at the seam goes on from before;
    /// and the live one is what it would be had the rows of the cut never come.
    #[test]
    fn live_and_late_are_the_whole(
        lengths in prop::collection::vec((1usize..12, any::<(bool, bool)>()), 8..16),
        from in 2usize..40,
        length in 8usize..40,
    ) {
        let rows: Vec<(bool, bool)> =
            lengths.iter().flat_map(|&(n, row)| std::iter::repeat_n(row, n)).collect();
        let from = from.min(rows.len() - 2);
        let to = (from + length).min(rows.len() - 1);
        prop_assume!(to - from >= 8);
        let all = node_series();
        let mut uncut = evaluator(&scaled(60), &all);
        let whole: Vec<Finding> =
            rows.iter().enumerate().flat_map(|(at, row)| second(&mut uncut, at, *row)).collect();

        let mut live = evaluator(&scaled(60), &all);
        let mut found = Vec::new();
        for (at, row) in rows.iter().enumerate().take(from) {
            found.extend(second(&mut live, at, *row));
        }
        for at in from..to {
            live.tick(secs(i64::try_from(at).unwrap()), &mut found);
        }
        let mut branch = live.branch("a");
        define(&mut branch, &all);
        let seam = secs(i64::try_from(to).unwrap());
        for (at, row) in rows.iter().enumerate().skip(to) {
            found.extend(second(&mut live, at, *row));
        }
        let kept = rmp_serde::to_vec_named(&live.snapshot()).unwrap();
        let mut late = Vec::new();
        let at_loss: Vec<_> = branch
            .conditions()
            .filter(|(_, _, j)| j.condition == Condition::Breached)
            .map(|(rule, subject, _)| (Arc::clone(&rule.id), subject.clone()))
            .collect();
        for (at, row) in rows.iter().enumerate().skip(from) {
            late.extend(second(&mut branch, at, *row));
        }
        // What the live one takes for a breach that never ended may have ended in the cut and begun again at the seam.
        let was_breached = |f: &Finding| at_loss.contains(&(Arc::clone(&f.rule), f.subject.clone()));
        late.retain(|f| f.since < seam || f.since == seam && was_breached(f));
        prop_assert_eq!(rmp_serde::to_vec_named(&live.snapshot()).unwrap(), kept);
        // What was bad on both sides of the seam is one breach, which the branch tells from its beginning.
        let goes_on = |f: &Finding| {
            let bad = |at: usize| if &*f.rule == "os.zombies" { rows[at].1 } else { !rows[at].0 };
            f.since == seam && bad(to - 1) && bad(to)
        };
        found.retain(|f| !goes_on(f));
        let both: BTreeSet<_> =
            breaches(&found).union(&breaches(&late)).cloned().collect();
        prop_assert_eq!(both, breaches(&whole));
    }
}

/// Scenario: two hosts watch one database; a third watches its own. Guarantees: a branch of one judges what names it and what it
/// watches alone, and nothing of the others.
#[test]
fn a_branch_is_of_one_host() {
    let all = [
        series("pg_up", "a", "db:5432", &[]),
        series("pg_up", "b", "db:5432", &[]),
        series("wardround_pg_blocked_sessions", "a", "db:5432", &[]),
        series("wardround_pg_blocked_sessions", "b", "db:5432", &[]),
        series("wardround_pg_blocked_sessions", "a", "own:5432", &[]),
    ];
    let mut live = evaluator(&scaled(60), &all);
    judge(&mut live, secs(0), &[(0, 1.0), (1, 1.0), (2, 0.0), (3, 0.0), (4, 0.0)]);
    let mut branch = live.branch("a");
    define(&mut branch, &all);
    let found: Vec<Finding> = (1..20)
        .flat_map(|at| judge(&mut branch, secs(at), &[(0, 0.0), (2, 3.0), (4, 3.0)]))
        .collect();
    let subjects: Vec<_> = found
        .iter()
        .filter(|f| f.condition == Condition::Breached)
        .map(|f| (&*f.rule, f.subject.get("host"), f.subject.get("instance")))
        .collect();
    let own = ("session.blocked", None, Some("own:5432"));
    assert!(subjects.contains(&("db.instance_up", Some("a"), Some("db:5432"))), "{subjects:?}");
    assert!(subjects.contains(&own), "{subjects:?}");
    assert!(!subjects.contains(&("session.blocked", None, Some("db:5432"))), "{subjects:?}");
}
