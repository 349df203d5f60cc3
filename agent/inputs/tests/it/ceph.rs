//! Ceph out of captures of our own, whole and with faults.

use crate::round::{cases, clock, fixture, golden, round, value, words};
use crate::server;
use agent_inputs::{Ceph, CephClusterProbe, CephDaemonsProbe};
use agent_probe::{AsyncProbe, Outcome, Sink};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const FSID: &str = "154ac1da-0e3d-4c3a-afb5-2d5c41ed247c";

fn capture(name: &str) -> Vec<u8> {
    std::fs::read(fixture(&format!("ceph/{name}"))).unwrap()
}

fn settings(endpoints: &[SocketAddr], asok_dir: &Path) -> Ceph {
    let endpoints: Vec<String> = endpoints.iter().map(|a| format!("http://{a}/metrics")).collect();
    let text = format!(
        "endpoints = {endpoints:?}\nasok_dir = {asok_dir:?}\nconf = \"/nonexistent\"\nfsid = {FSID:?}"
    );
    toml::from_str(&text).unwrap()
}

/// Scenario: a whole cluster and one that is full and degraded, from captures. Guarantees: ceph-mgr's names and values, and what
/// follows from them, exactly as the goldens say; each health check in its group.
#[tokio::test]
async fn clusters_read_as_their_goldens() {
    for state in ["healthy", "faults"] {
        let address = server::http("200 OK", &capture(&format!("{state}/mgr.txt"))).await;
        let mut probe =
            CephClusterProbe::new(&settings(&[address], Path::new("/nonexistent")), clock());
        let (outcome, samples) = round(&mut probe, &mut Sink::default()).await;
        assert_eq!(words(&outcome), "sampled");
        assert_eq!(probe.instance(), FSID);
        golden(&format!("ceph/{state}.prom"), &samples);
    }
}

/// Scenario: managers of which one is dead, one a standby that answers with nothing, one active; then only the first two.
/// Guarantees: the active one is found, and it is told when none is, without a word about the cluster.
#[tokio::test]
async fn the_active_manager_is_found() {
    let (dead, standby) = (server::nobody().await, server::http("200 OK", b"").await);
    let active = server::http("200 OK", &capture("healthy/mgr.txt")).await;
    let at = |endpoints: &[SocketAddr]| settings(endpoints, Path::new("/nonexistent"));
    let mut probe = CephClusterProbe::new(&at(&[dead, standby, active]), clock());
    let mut sink = Sink::default();
    let (outcome, samples) = round(&mut probe, &mut sink).await;
    assert!(words(&outcome).contains("Connection refused"), "{outcome:?}");
    assert_eq!(value(&samples, "wardround_ceph_mgr_active"), Some(1.0));
    let (outcome, _) = round(&mut probe, &mut sink).await;
    assert_eq!(words(&outcome), "sampled", "the active one is asked first");

    let mut probe = CephClusterProbe::new(&at(&[dead, standby]), clock());
    let (outcome, samples) = round(&mut probe, &mut Sink::default()).await;
    assert!(words(&outcome).contains("none of the managers is active"), "{outcome:?}");
    assert_eq!(samples, "wardround_ceph_mgr_active 0\n");
}

/// Scenario: nothing says which cluster it is. Guarantees: the round fails with what to do, rather than mixing clusters.
#[tokio::test]
async fn an_unknown_cluster_is_not_read() {
    let address = server::http("200 OK", &capture("healthy/mgr.txt")).await;
    let mut settings = settings(&[address], Path::new("/nonexistent"));
    settings.fsid = None;
    let mut probe = CephClusterProbe::new(&settings, clock());
    let (outcome, _) = round(&mut probe, &mut Sink::default()).await;
    assert!(words(&outcome).starts_with("failed: which cluster it is"), "{outcome:?}");
}

fn daemons(dir: &Path) {
    server::admin(
        dir,
        "ceph-mon.a.asok",
        BTreeMap::from([("mon_status", capture("mon_status.json"))]),
    );
    server::admin(dir, "ceph-mgr.x.asok", BTreeMap::from([("status", capture("mgr_status.json"))]));
    let osd = [
        ("status", capture("osd_status.json")),
        ("perf dump", capture("osd_perf_dump.json")),
        ("dump_blocked_ops", capture("osd_dump_blocked_ops.json")),
    ];
    server::admin(dir, "ceph-osd.0.asok", BTreeMap::from(osd));
}

/// Scenario: a monitor, a manager and an OSD out of captures, beside a dead OSD, a hanging one, one of another cluster and one that
/// does not know a question; nobody configured an fsid. Guarantees: the cluster is known by its daemons, everything reads as the
/// golden says, the dead one and the hanging one do not answer, and a foreign one is left out.
#[tokio::test]
async fn daemons_read_as_their_golden() {
    let dir = tempfile::tempdir().unwrap();
    daemons(dir.path());
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("ceph-osd.1.asok")).unwrap());
    let _hanging =
        std::os::unix::net::UnixListener::bind(dir.path().join("ceph-osd.2.asok")).unwrap();
    let foreign = String::from_utf8(capture("mon_status.json"))
        .unwrap()
        .replace(FSID, "254ac1da-0e3d-4c3a-afb5-2d5c41ed247c");
    server::admin(
        dir.path(),
        "other-mon.z.asok",
        BTreeMap::from([("mon_status", foreign.into_bytes())]),
    );
    server::admin(dir.path(), "ceph-osd.3.asok", BTreeMap::new());
    std::fs::write(dir.path().join("ceph-client.admin.asok"), "").unwrap();
    let mut settings = settings(&[], dir.path());
    settings.fsid = None;
    let mut probe = CephDaemonsProbe::new(&settings);
    let (outcome, samples) = round(&mut probe, &mut Sink::default()).await;
    assert_eq!(probe.instance(), FSID);
    golden("ceph/daemons.prom", &samples);
    let said = words(&outcome);
    for part in [
        "mon.z: belongs to another cluster",
        "osd.1: nobody listens",
        "osd.2: does not answer",
        "osd.3: ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// Scenario: two rounds, between which the OSD wrote a hundred times in two seconds. Guarantees: the mean of those alone.
#[tokio::test]
async fn waits_are_of_the_last_round() {
    let dir = tempfile::tempdir().unwrap();
    daemons(dir.path());
    let mut probe = CephDaemonsProbe::new(&settings(&[], dir.path()));
    let mut sink = Sink::default();
    let (_, samples) = round(&mut probe, &mut sink).await;
    assert!(!samples.contains("wait_seconds"), "{samples}");
    std::fs::remove_file(dir.path().join("ceph-osd.0.asok")).unwrap();
    let later = String::from_utf8(capture("osd_perf_dump.json")).unwrap();
    let later = later.replace(
        "\"avgcount\": 772,\n   \"sum\": 128.986047319",
        "\"avgcount\": 872,\n   \"sum\": 130.986047319",
    );
    let osd = [
        ("status", capture("osd_status.json")),
        ("perf dump", later.into_bytes()),
        (
            "dump_blocked_ops",
            br#"{"ops":[{"age":31.5},{"age":40}],"complaint_time":30,"num_blocked_ops":2}"#
                .to_vec(),
        ),
    ];
    server::admin(dir.path(), "ceph-osd.0.asok", BTreeMap::from(osd));
    let (_, samples) = round(&mut probe, &mut sink).await;
    for (series, expected) in [
        ("wardround_ceph_osd_write_wait_seconds{ceph_daemon=\"osd.0\"}", 0.02),
        ("wardround_ceph_osd_wait_seconds{ceph_daemon=\"osd.0\"}", 0.02),
        ("wardround_ceph_osd_blocked_seconds{ceph_daemon=\"osd.0\"}", 40.0),
        ("wardround_ceph_slow_ops{ceph_daemon=\"osd.0\",source=\"socket\"}", 2.0),
    ] {
        let found = value(&samples, series).unwrap();
        assert!((found - expected).abs() < 1e-9, "{series} {found}");
    }
    assert!(!samples.contains("read_wait"), "nothing was read");
}

/// Scenario: no folder, an empty one. Guarantees: absent, which is not an error.
#[tokio::test]
async fn a_node_without_daemons_is_absent() {
    let dir = tempfile::tempdir().unwrap();
    for at in [dir.path(), &dir.path().join("none")] {
        let mut probe = CephDaemonsProbe::new(&settings(&[], at));
        let (outcome, samples) = round(&mut probe, &mut Sink::default()).await;
        assert!(matches!(outcome, Outcome::Absent(_)), "{outcome:?}");
        assert_eq!(samples, "");
    }
}

/// Scenario: admin sockets that announce more than they send, more than anybody may, end at once, or answer with words, other JSON or
/// bytes. Guarantees: a complaint that names the daemon, no sample but that it answers, within the daemon's time.
#[tokio::test]
async fn garbage_of_daemons_is_complained_of() {
    let framed =
        |text: &[u8]| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat();
    for answer in [
        vec![],
        vec![0, 0],
        b"\0\0\0\x20{\"state\":".to_vec(),
        vec![0xff; 64],
        framed(b"ERROR: (22) Invalid argument"),
        framed(b"{}"),
        framed(b"[1,2"),
        framed(br#"{"state":"leader","quorum":[-1],"monmap":{"fsid":"x"}}"#),
        framed(&[0xff, 0xfe]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        server::unix(&dir.path().join("ceph-mon.a.asok"), answer.clone());
        let mut probe = CephDaemonsProbe::new(&settings(&[], dir.path()));
        let mut sink = Sink::default();
        let read = tokio::time::timeout(Duration::from_secs(4), round(&mut probe, &mut sink));
        let (outcome, samples) = read.await.unwrap();
        assert!(words(&outcome).contains("mon.a: "), "{answer:?}: {outcome:?}");
        assert_eq!(
            samples, "wardround_ceph_daemon_answers{ceph_daemon=\"mon.a\"} 1\n",
            "{answer:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(64)))]

    /// Scenario: the manager's answer cut off anywhere and with any bytes overwritten. Guarantees: no panic; what is read is finite, or
    /// the infinity that stands there.
    #[test]
    fn broken_answers_are_read_or_refused(cut in 0_usize..8_000, at in 0_usize..8_000, with in any::<[u8; 4]>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut body = capture("healthy/mgr.txt");
            body.truncate(cut);
            if let Some(target) = body.get_mut(at..at + 4) {
                target.copy_from_slice(&with);
            }
            let address = server::http("200 OK", &body).await;
            let mut probe = CephClusterProbe::new(&settings(&[address], Path::new("/nonexistent")), clock());
            let (_, samples) = round(&mut probe, &mut Sink::default()).await;
            assert!(!samples.contains("NaN"), "{samples}");
            assert!(samples.contains("wardround_ceph_mgr_active"), "{samples}");
        });
    }
}
