use super::*;

const BASE_SECS: i64 = 1_763_000_000;

fn secs(offset: i64) -> Timestamp {
    Timestamp::from_secs(BASE_SECS + offset)
}

fn terms(sustained_secs: u64, min_samples: u32, no_data: NoData) -> Terms {
    Terms {
        breach: "> 0.70".parse().unwrap(),
        clear: "< 0.65".parse().unwrap(),
        sustained: Duration::from_secs(sustained_secs),
        min_samples,
        no_data,
        absent_for: Duration::from_secs(sustained_secs),
    }
}

/// Plays samples given as (second, value) and returns the changes as (second, condition, since).
fn play(
    machine: &mut Machine,
    terms: &Terms,
    samples: &[(i64, f64)],
) -> Vec<(i64, Condition, i64)> {
    let mut changes = Vec::new();
    for &(at, value) in samples {
        if let Some(change) = machine.sample(terms, secs(at), secs(at), value) {
            let since = change.since.as_micros() / 1_000_000 - BASE_SECS;
            changes.push((at, change.condition, since));
        }
    }
    changes
}

fn every_second(range: std::ops::Range<i64>, value: f64) -> Vec<(i64, f64)> {
    range.map(|at| (at, value)).collect()
}

/// Scenario: a limit crossed for the whole `for`, one second less, and with a good sample in between. Guarantees: the
/// breach comes exactly when the covered time is reached and is dated from its first bad sample.
#[test]
fn a_breach_needs_its_covered_time() {
    let terms = terms(10, 1, NoData::Hold);
    let mut machine = Machine::new(secs(0));
    let changes = play(&mut machine, &terms, &every_second(0..10, 0.9));
    assert_eq!(changes, []);
    assert_eq!(machine.judgement().condition, Condition::Unknown);
    let changes = play(&mut machine, &terms, &[(10, 0.9)]);
    assert_eq!(changes, [(10, Condition::Breached, 0)]);

    let mut interrupted = every_second(0..20, 0.9);
    interrupted[9].1 = 0.7;
    let changes = play(&mut Machine::new(secs(0)), &terms, &interrupted);
    assert_eq!(
        changes,
        [(9, Condition::Clear, 9)],
        "the run begins again at second 10 and has nine seconds at second 19"
    );
}

/// Scenario: values between the limit and the margin, before and after a breach. Guarantees: they neither make a breach
/// nor end one, but count as within the limit.
#[test]
fn the_margin_has_hysteresis() {
    let terms = terms(0, 1, NoData::Hold);
    let mut machine = Machine::new(secs(0));
    let changes =
        play(&mut machine, &terms, &[(0, 0.68), (1, 0.71), (2, 0.68), (3, 0.71), (4, 0.68)]);
    assert_eq!(changes, [(0, Condition::Clear, 0), (1, Condition::Breached, 1)]);
    assert!(machine.judgement().within_limit);
    let changes = play(&mut machine, &terms, &[(5, 0.65), (6, 0.64)]);
    assert_eq!(changes, [(6, Condition::Clear, 6)]);
}

/// Scenario: samples that stop for a while within `for`. Guarantees: the hole is not covered time; below 80 % coverage
/// the rule stays undecided although the covered time is reached; a hole longer than `for` begins the run anew.
#[test]
fn holes_are_not_covered() {
    let terms = terms(20, 1, NoData::Hold);
    let mut samples = every_second(0..11, 0.9);
    samples.extend(every_second(20..80, 0.9));
    let changes = play(&mut Machine::new(secs(0)), &terms, &samples);
    assert_eq!(changes, [(50, Condition::Breached, 0)], "40 of 50 seconds are covered");

    let mut samples = every_second(0..20, 0.9);
    samples.extend(every_second(60..81, 0.9));
    let changes = play(&mut Machine::new(secs(0)), &terms, &samples);
    assert_eq!(changes, [(80, Condition::Breached, 60)]);
}

/// Scenario: a rule that needs three bad samples, at a scaled `for` of almost nothing. Guarantees: two are not enough.
#[test]
fn a_count_of_samples_is_never_scaled() {
    let terms = terms(0, 3, NoData::Hold);
    let changes = play(
        &mut Machine::new(secs(0)),
        &terms,
        &[(0, 0.9), (1, 0.9), (2, 0.1), (3, 0.9), (4, 0.9), (5, 0.9)],
    );
    assert_eq!(changes, [(2, Condition::Clear, 2), (5, Condition::Breached, 3)]);
}

/// Scenario: the same sample again, an older one and NaN. Guarantees: ignored.
#[test]
fn old_samples_and_nan_are_ignored() {
    let terms = terms(0, 1, NoData::Hold);
    let mut machine = Machine::new(secs(0));
    play(&mut machine, &terms, &[(10, 0.1)]);
    let before = machine.clone();
    assert_eq!(play(&mut machine, &terms, &[(10, 0.9), (9, 0.9), (11, f64::NAN)]), []);
    assert_eq!(machine, before);
}

/// Scenario: data stops while clear and while breached, under each policy. Guarantees: hold never recovers by silence,
/// breach fires after its own time of staleness, clear recovers.
#[test]
fn absence_follows_the_policy() {
    // Policy, last value, second of the change after the last sample at second 1, condition then.
    for (no_data, value, expected) in [
        (NoData::Hold, 0.1, vec![(7, Condition::Unknown)]),
        (NoData::Hold, 0.9, vec![]),
        (NoData::Breach, 0.1, vec![(7, Condition::Unknown), (17, Condition::Breached)]),
        (NoData::Breach, 0.9, vec![]),
        (NoData::Clear, 0.1, vec![]),
        (NoData::Clear, 0.9, vec![(7, Condition::Clear)]),
    ] {
        let mut terms = terms(0, 1, no_data);
        terms.absent_for = Duration::from_secs(10);
        let mut machine = Machine::new(secs(0));
        play(&mut machine, &terms, &[(0, value), (1, value)]);
        let changes: Vec<_> = (2..40)
            .filter_map(|at| {
                let change = machine.tick(&terms, secs(at))?;
                assert!(change.no_data);
                assert_eq!(change.since, secs(1));
                Some((at, change.condition))
            })
            .collect();
        assert_eq!(changes, expected, "{no_data:?} after {value}");
    }
}

/// Scenario: a probe that runs every 10 s stops. Guarantees: it is stale after three of its periods, not after five
/// seconds; after a restart the silence counts from the restart.
#[test]
fn staleness_follows_the_period() {
    let terms = terms(0, 1, NoData::Hold);
    let mut machine = Machine::new(secs(0));
    play(&mut machine, &terms, &[(0, 0.1), (10, 0.1), (20, 0.1)]);
    assert_eq!(machine.tick(&terms, secs(50)), None);
    machine.resume(secs(100));
    assert_eq!(machine.tick(&terms, secs(130)), None);
    let change = machine.tick(&terms, secs(131)).unwrap();
    assert_eq!((change.condition, change.since), (Condition::Unknown, secs(20)));
}
