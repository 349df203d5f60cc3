use super::*;
use collector_domain::{Condition, Tier};
use proptest::prelude::*;
use std::sync::LazyLock;

mod branch;

const START_SECS: i64 = 1_763_000_000;

fn secs(offset: i64) -> Timestamp {
    Timestamp::from_secs(START_SECS + offset)
}

fn millis(offset: i64) -> Timestamp {
    Timestamp::from_millis(START_SECS * 1_000 + offset)
}

fn pack() -> Arc<Pack> {
    static PACK: LazyLock<Arc<Pack>> = LazyLock::new(|| Arc::new(Pack::builtin().unwrap()));
    Arc::clone(&PACK)
}

fn scaled(time_scale: u32) -> Contract {
    Contract { time_scale, ..Contract::default() }
}

fn series(name: &str, host: &str, instance: &str, more: &[(&str, &str)]) -> Labels {
    let job = if host == instance { "node" } else { "postgres" };
    let identity = [
        ("__name__", name),
        ("hospital", "h1"),
        ("appliance", "a1"),
        ("host", host),
        ("instance", instance),
        ("job", job),
    ];
    Labels::from_pairs(identity.iter().chain(more).copied())
}

/// An evaluator with series numbered in the order in which they are given.
fn evaluator(contract: &Contract, series: &[Labels]) -> Evaluator {
    let mut evaluator = Evaluator::new(pack(), contract);
    define(&mut evaluator, series);
    evaluator
}

fn define(evaluator: &mut Evaluator, series: &[Labels]) {
    for (id, labels) in (0..).zip(series) {
        evaluator.define(SeriesId(id), labels);
    }
}

fn judge(evaluator: &mut Evaluator, at: Timestamp, row: &[(u32, f64)]) -> Vec<Finding> {
    let row: Vec<_> = row.iter().map(|&(id, v)| (SeriesId(id), v)).collect();
    let mut out = Vec::new();
    evaluator.round(at, &row, &mut out);
    out
}

fn breached<'a>(findings: &'a [Finding], rule: &str) -> Vec<&'a Finding> {
    let hit = |f: &&Finding| *f.rule == *rule && f.condition == Condition::Breached;
    findings.iter().filter(hit).collect()
}

/// Scenario: a row older than the last one, one for the same instant, a NaN and an unknown series, all of them bad.
/// Guarantees: the live evaluator ignores them.
#[test]
fn late_rows_are_ignored() {
    let mut evaluator =
        evaluator(&scaled(1), &[series("pg_replication_is_replica", "a", "db:5432", &[])]);
    let first = judge(&mut evaluator, secs(10), &[(0, 0.0)]);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].condition, Condition::Clear);
    for (at, row) in [(9, [(0, 1.0)]), (10, [(0, 1.0)]), (11, [(0, f64::NAN)]), (12, [(7, 1.0)])] {
        assert_eq!(judge(&mut evaluator, secs(at), &row), [], "at {at}");
    }
    assert_eq!(judge(&mut evaluator, secs(13), &[(0, 1.0)]).len(), 1);
}

/// Scenario: a port that is read each second goes down 30 ms after a reading; its source tells, and it is read then and 70 and
/// 140 ms later. Guarantees: the third of these readings decides, and it stays decided.
#[test]
fn readings_between_rounds_decide() {
    let port = [("device", "mlx5_0"), ("port", "1")];
    let names = ["node_infiniband_state_id", "node_infiniband_physical_state_id"];
    let mut evaluator = evaluator(&scaled(1), &names.map(|name| series(name, "a", "a", &port)));
    for at in 0..10 {
        judge(&mut evaluator, secs(at), &[(0, 4.0), (1, 5.0)]);
    }
    let found = [30, 100, 170].map(|ms| {
        let found = judge(&mut evaluator, millis(9_000 + ms), &[(0, 1.0), (1, 2.0)]);
        breached(&found, "ib.no_active_port").len()
    });
    assert_eq!(found, [0, 0, 1]);
    let subject = series("x", "a", "a", &[]).only(|name| !["__name__", "job"].contains(&name));
    let mut out = Vec::new();
    evaluator.tick(secs(13), &mut out);
    let now = evaluator.judgement("ib.no_active_port", &subject).unwrap();
    assert_eq!(now.condition, Condition::Breached);
}

/// Scenario: two hosts watch one instance, the second with a clock half a second behind; later the first dies.
/// Guarantees: one finding per instance where hosts are aggregated away, one per witness where they are not, and the
/// survivor alone keeps judging.
#[test]
fn two_witnesses_meet_in_one_partition() {
    let mut evaluator = evaluator(
        &scaled(60),
        &[
            series("wardround_pg_blocked_sessions", "a", "db:5432", &[]),
            series("pg_up", "a", "db:5432", &[]),
            series("wardround_pg_blocked_sessions", "b", "db:5432", &[]),
            series("pg_up", "b", "db:5432", &[]),
        ],
    );
    let mut findings = Vec::new();
    for at in 0..20 {
        if at < 8 {
            findings.extend(judge(&mut evaluator, secs(at), &[(0, 1.0), (1, 0.0)]));
        }
        let behind = millis(at * 1_000 - 500);
        findings.extend(judge(&mut evaluator, behind, &[(2, 3.0), (3, 0.0)]));
    }
    let blocked = breached(&findings, "session.blocked");
    assert_eq!(blocked.len(), 1);
    assert_eq!(blocked[0].subject, Labels::from_pairs([("instance", "db:5432")]));
    let hosts: Vec<_> = breached(&findings, "db.instance_up")
        .iter()
        .map(|finding| finding.subject.get("host").map(str::to_owned))
        .collect();
    assert_eq!(hosts, [Some("a".to_owned()), Some("b".to_owned())]);
    let now = evaluator.judgement("session.blocked", &blocked[0].subject).unwrap();
    assert_eq!(now.judged_at, millis(18_500), "the survivor's last row decided");
}

/// Scenario: the only port of a node goes down and its counters rise, then it comes back. Guarantees: of all breached
/// rules that open incidents exactly one is not explained by another.
#[test]
fn a_lost_port_is_one_incident() {
    let port = [("device", "mlx5_0"), ("port", "1")];
    let names = [
        "node_infiniband_state_id",
        "node_infiniband_physical_state_id",
        "node_infiniband_rate_bytes_per_second",
        "node_infiniband_link_downed_total",
        "node_infiniband_symbol_error_total",
        "node_infiniband_link_error_recovery_total",
        "node_infiniband_port_receive_errors_total",
    ];
    let mut evaluator = evaluator(&scaled(1), &names.map(|name| series(name, "a", "a", &port)));
    let mut findings = Vec::new();
    for at in 0..60 {
        let values = if (20..40).contains(&at) {
            [1.0, 2.0, 25.0, 1.0, 400.0, 1.0, 90.0]
        } else {
            let counted = f64::from(u8::from(at >= 40));
            [4.0, 5.0, 100.0, counted, 400.0 * counted, counted, 90.0 * counted]
        };
        let row: Vec<_> = (0..).zip(values).collect();
        findings.extend(judge(&mut evaluator, secs(at), &row));
        evaluator.tick(secs(at), &mut findings);
    }
    let pack = pack();
    let open: Vec<_> = findings
        .iter()
        .filter(|finding| finding.condition == Condition::Breached)
        .filter_map(|finding| pack.rule(&finding.rule))
        .filter(|rule| rule.tier == Tier::Incident)
        .collect();
    let unexplained: Vec<_> = open
        .iter()
        .filter(|rule| !rule.explained_by.iter().any(|cause| *cause.rule == *"ib.no_active_port"))
        .map(|rule| &*rule.id)
        .collect();
    assert_eq!(unexplained, ["ib.no_active_port"]);
    assert_eq!(*open[0].id, *"ib.no_active_port", "the cause comes first");
}

/// Scenario: a node dies under a time scale of 60, with its probes and a database instance that it watched. Guarantees:
/// its silence is found after 3.5 s, before any absence of single probes; nothing of it recovers by silence.
#[test]
fn silence_comes_before_missing_probes() {
    let probe = [("probe", "cpu"), ("target", "local")];
    let mut evaluator = evaluator(
        &scaled(60),
        &[
            series("wardround_probe_success", "a", "a", &probe),
            series("node_processes_state", "a", "a", &[("state", "Z")]),
        ],
    );
    let mut out = Vec::new();
    for at in 0..10 {
        evaluator.heard("a", secs(at), &mut out);
        out.extend(judge(&mut evaluator, secs(at), &[(0, 1.0), (1, 2.0)]));
        evaluator.tick(secs(at), &mut out);
    }
    assert_eq!(breached(&out, "os.zombies").len(), 1);
    out.clear();
    for at in 10..60 {
        evaluator.tick(secs(at), &mut out);
    }
    let order: Vec<_> =
        out.iter().map(|f| (&*f.rule, f.condition, f.at.since(secs(9)).as_secs())).collect();
    assert_eq!(
        order,
        [
            ("monitoring.node_silent", Condition::Breached, 4),
            ("monitoring.probe_data", Condition::Unknown, 6),
            ("monitoring.probe_data", Condition::Breached, 10),
        ]
    );
    let silent = &out[0];
    assert_eq!(silent.since, secs(9));
    assert_eq!(
        silent.subject.to_string(),
        r#"{appliance="a1",hospital="h1",host="a",instance="a"}"#
    );
    let mut out = Vec::new();
    evaluator.heard("a", secs(60), &mut out);
    assert_eq!(out.len(), 1);
    assert_eq!((out[0].condition, &out[0].subject), (Condition::Clear, &silent.subject));
}

/// Scenario: the collector is down for an hour and is started from its snapshot; one node comes back, one does not. Guarantees:
/// nobody is silent before the window has passed and the limit after it; what nobody has heard since is unknown, not clear;
/// an interrupted `for` is not lost; and who comes back and falls silent again is silent after the limit.
#[test]
fn a_restart_makes_nobody_silent() {
    let all =
        ["a", "b", "c"].map(|host| series("node_processes_state", host, host, &[("state", "Z")]));
    let mut before = evaluator(&scaled(1), &all);
    let mut out = Vec::new();
    for at in 0..10 {
        for (id, host) in [(0, "a"), (1, "b"), (2, "c")] {
            before.heard(host, secs(at), &mut out);
            out.extend(judge(&mut before, secs(at), &[(id, 0.0)]));
        }
    }
    let bytes = rmp_serde::to_vec_named(&before.snapshot()).unwrap();
    let kept: Snapshot = rmp_serde::from_slice(&bytes).unwrap();
    let mut after = Evaluator::restore(pack(), &scaled(1), kept);
    define(&mut after, &all);
    after.resumed(secs(3_600), Duration::from_secs(61));
    let silence = |evaluator: &Evaluator, host: &str| {
        let subject = series("", host, host, &[]).only(|n| !["__name__", "job"].contains(&n));
        evaluator.judgement("monitoring.node_silent", &subject).unwrap().condition
    };
    let mut silent = Vec::new();
    for at in 3_600..3_700 {
        out.clear();
        match at {
            3_602 => after.heard("a", secs(at), &mut out),
            3_605..3_660 => after.heard("c", secs(at), &mut out),
            _ => {}
        }
        if at == 3_604 {
            assert_eq!(
                ["a", "b"].map(|h| silence(&after, h)),
                [Condition::Clear, Condition::Unknown]
            );
        }
        after.tick(secs(at), &mut out);
        let breached = out.iter().filter(|f| f.condition == Condition::Breached);
        silent.extend(breached.map(|f| (f.subject.get("host").unwrap().to_owned(), at)));
    }
    let expected = [("a", 3_612), ("c", 3_669), ("b", 3_671)];
    assert_eq!(silent, expected.map(|(host, at)| (host.to_owned(), at)));
    let zombies = after.conditions().filter(|(rule, ..)| &*rule.id == "os.zombies");
    assert!(zombies.into_iter().all(|(_, _, j)| j.condition == Condition::Unknown));
}

/// Scenario: a node's clock is stepped back by ten minutes. Guarantees: once told, its next row is judged and open
/// breaches stay open.
#[test]
fn a_clock_stepped_back_does_not_blind() {
    let mut evaluator =
        evaluator(&scaled(1), &[series("pg_replication_is_replica", "a", "db:5432", &[])]);
    judge(&mut evaluator, secs(600), &[(0, 0.0)]);
    assert_eq!(judge(&mut evaluator, secs(1), &[(0, 1.0)]), []);
    evaluator.clock_stepped_back("a");
    let found = judge(&mut evaluator, secs(2), &[(0, 1.0)]);
    assert_eq!(breached(&found, "db.writable").len(), 1);
    evaluator.clock_stepped_back("a");
    assert_eq!(judge(&mut evaluator, secs(1), &[(0, 1.0)]), []);
}

/// Scenario: a new file system is mounted while another one is nearly full. Guarantees: binding again keeps the pending
/// time of what was there.
#[test]
fn a_new_series_keeps_what_was_pending() {
    let mount = |at| [("device", "/dev/sda1"), ("fstype", "xfs"), ("mountpoint", at)];
    let fs = |at| {
        ["avail_bytes", "size_bytes", "readonly"]
            .map(|name| series(&format!("node_filesystem_{name}"), "a", "a", &mount(at)))
    };
    let mut all = fs("/data").to_vec();
    let mut evaluator = evaluator(&scaled(1), &all);
    let mut findings = Vec::new();
    for at in 0..=60 {
        let mut row = vec![(0, 10.0), (1, 100.0), (2, 0.0)];
        if at == 30 {
            all.extend(fs("/new"));
            define(&mut evaluator, &all);
        }
        if at >= 30 {
            row.extend([(3, 90.0), (4, 100.0), (5, 0.0)]);
        }
        findings.extend(judge(&mut evaluator, secs(at), &row));
    }
    let full = breached(&findings, "storage.free_space");
    assert_eq!(full.len(), 1);
    assert_eq!((full[0].at, full[0].since), (secs(60), secs(0)));
}

/// Scenario: series that do not fit an expression: two sizes for one file system. Guarantees: told as a problem of that
/// rule and instance; the other rules go on.
#[test]
fn a_rule_that_cannot_be_bound_is_a_problem() {
    let same = [("counter", "a"), ("counter", "b")];
    let mut all: Vec<_> = same
        .iter()
        .map(|label| series("wardround_pg_wal_receiver_up", "a", "db:5432", &[*label]))
        .collect();
    for name in ["pg_replication_is_replica", "pg_replication_lag_seconds"] {
        all.push(series(name, "a", "db:5432", &[]));
    }
    let mut evaluator = evaluator(&scaled(1), &all);
    let row = [(0, 1.0), (1, 1.0), (2, 1.0), (3, 0.0)];
    let findings = judge(&mut evaluator, secs(0), &row);
    assert_eq!(breached(&findings, "db.writable").len(), 1);
    let problems: Vec<_> = evaluator.problems().map(|p| (&*p.rule, p.instance.as_str())).collect();
    assert!(problems.contains(&("db.replication", "db:5432")), "{problems:?}");
}

/// Scenario: two subjects whose first values came in the order b, a; both values stop, once in one run and once with a
/// restart in between. Guarantees: what one tick finds comes in order of subject, whatever came first.
#[test]
fn a_tick_finds_in_the_same_order_after_a_restart() {
    let contract = scaled(60);
    let up = |instance| series("pg_up", "a", instance, &[]);
    let all = [up("b:5432"), up("a:5432")];
    let mut whole = evaluator(&contract, &all);
    let mut out = Vec::new();
    whole.round(secs(0), &[(SeriesId(0), 1.0)], &mut out);
    whole.round(secs(1), &[(SeriesId(1), 1.0)], &mut out);
    let bytes = rmp_serde::to_vec_named(&whole.snapshot()).unwrap();
    let mut second = Evaluator::restore(pack(), &contract, rmp_serde::from_slice(&bytes).unwrap());
    define(&mut second, &all);
    let absent = |evaluator: &mut Evaluator| {
        let mut found = Vec::new();
        evaluator.tick(secs(400), &mut found);
        found
    };
    let found = absent(&mut whole);
    let order = |a: &Finding, b: &Finding| (&a.rule, &a.subject) <= (&b.rule, &b.subject);
    assert!(found.len() >= 2 && found.is_sorted_by(order));
    assert_eq!(found, absent(&mut second));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Scenario: any values with holes, cut by a restart at any row. Guarantees: snapshot and tail give the findings
    /// and judgements of the whole.
    #[test]
    fn snapshot_and_tail_equal_the_whole(
        rows in prop::collection::vec(prop::collection::vec(prop::option::of(0_u8..4), 4), 1..80),
        cut in 0_usize..80,
    ) {
        let cpu = |mode| series("node_cpu_seconds_total", "a", "a", &[("cpu", "0"), ("mode", mode)]);
        let all = [
            cpu("idle"),
            cpu("user"),
            series("node_processes_state", "a", "a", &[("state", "Z")]),
            series("pg_up", "a", "db:5432", &[]),
        ];
        let play = |evaluator: &mut Evaluator, from: usize, rows: &[Vec<Option<u8>>]| {
            let mut out = Vec::new();
            for (i, row) in rows.iter().enumerate() {
                let at = secs(i64::try_from(from + i).unwrap());
                let values: Vec<_> = (0..)
                    .zip(row)
                    .filter_map(|(id, v)| Some((SeriesId(id), f64::from((*v)?))))
                    .collect();
                if !values.is_empty() {
                    evaluator.heard("a", at, &mut out);
                    evaluator.round(at, &values, &mut out);
                }
                evaluator.tick(at, &mut out);
            }
            out
        };
        let judgements = |evaluator: &Evaluator| {
            evaluator.conditions().map(|(r, s, j)| (r.id.to_string(), s.clone(), j)).collect::<Vec<_>>()
        };
        let contract = scaled(60);
        let mut whole = evaluator(&contract, &all);
        let expected = play(&mut whole, 0, &rows);

        let cut = cut.min(rows.len());
        let mut first = evaluator(&contract, &all);
        let mut found = play(&mut first, 0, &rows[..cut]);
        let bytes = rmp_serde::to_vec_named(&first.snapshot()).unwrap();
        let mut second = Evaluator::restore(pack(), &contract, rmp_serde::from_slice(&bytes).unwrap());
        define(&mut second, &all);
        found.extend(play(&mut second, cut, &rows[cut..]));
        prop_assert_eq!(found, expected);
        prop_assert_eq!(judgements(&second), judgements(&whole));
    }

    /// Scenario: any text as a rule file. Guarantees: an error, never a panic.
    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,200}") {
        let file = crate::PackFile { name: "x", text: &text };
        prop_assert!(Pack::from_files(&[file]).map_or(true, |pack| pack.rules().is_empty()));
    }
}

/// Scenario: a row of five hundred series of which rules read 150. Guarantees: the others take no place, and a program is
/// named for evaluation once per row however many of its inputs came.
#[test]
fn a_row_evaluates_each_rule_once() {
    let mut all: Vec<Labels> =
        (0..350).map(|i| series(&format!("node_unread_{i}"), "a", "a", &[])).collect();
    for cpu in 0..75 {
        for mode in ["idle", "user"] {
            let cpu = cpu.to_string();
            let labels = [("cpu", cpu.as_str()), ("mode", mode)];
            all.push(series("node_cpu_seconds_total", "a", "a", &labels));
        }
    }
    let mut evaluator = evaluator(&scaled(1), &all);
    assert_eq!(evaluator.places.iter().flatten().count(), 150);
    for at in 0..3 {
        let row: Vec<_> = (0..500).map(|id| (id, f64::from(id) * at as f64)).collect();
        judge(&mut evaluator, secs(at), &row);
    }
    let judged: Vec<_> = evaluator.conditions().map(|(rule, _, _)| &*rule.id).collect();
    assert_eq!(judged, ["os.cpu_busy", "os.long_high_load"]);
    let places: Vec<_> = evaluator.places.iter().flatten().copied().collect();
    let partition = &mut evaluator.partitions[0];
    let due: Vec<u32> = places
        .iter()
        .flat_map(|place| partition.push(place.slot, secs(9), 1.0, 9).collect::<Vec<_>>())
        .collect();
    assert_eq!(due.len(), 2);
}
