//! A real Ceph cluster with real faults. Where nothing else is said, five minutes of a rule are fifteen seconds here.

use serde_json::Value;
use std::time::{Duration, Instant};
use tests::bedside::{Agent, Rest};
use tests::ceph::Ceph;
use tests::lone::Collector;
use tests::wait;

const TIME_SCALE: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster, one or more agents that each read all of it, a collector and a person at it.
struct Ward {
    rest: Rest,
    ceph: Ceph,
    _agents: Vec<Agent>,
    collector: Collector,
    _dir: tempfile::TempDir,
}

impl Ward {
    /// Everything whole, with some data in the pool `his`, and nothing raised.
    fn start(time_scale: u32, nodes: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ceph = Ceph::start(dir.path());
        ceph.make_pool();
        ceph.write(400, 16 << 10);
        let contract = format!("[contract]\ntime_scale = {time_scale}\n[log]\nlevel = \"warn\"\n");
        let collector = Collector::start_with(&contract);
        let rest = Rest::sign_in(&collector, "zhang", "engineer");
        let off = tests::probes::off_but(&["time"]);
        let config = format!("{off}{}", ceph.agent_config());
        let agents = nodes.iter();
        let agents = agents.map(|node| Agent::start(&collector, node, &config, dir.path()));
        let mut ward = Self { rest, ceph, _agents: agents.collect(), collector, _dir: dir };
        ward.until_value("wardround_ceph_mgr_active", 1.0);
        ward.until_value("wardround_ceph_pgs_unclean", 0.0);
        assert_eq!(ward.raised(), [""; 0], "a whole cluster raises nothing");
        ward
    }

    fn get(&mut self, path: &str) -> Value {
        if let Ok(answer) = self.rest.try_get(path) {
            return answer;
        }
        self.rest.sign_in_again(&self.collector);
        self.rest.get(path)
    }

    /// The incidents of storage.
    fn incidents(&mut self) -> Vec<Value> {
        let page = self.get("/api/v1/incidents?limit=200");
        let mut all = page["incidents"].as_array().unwrap().clone();
        all.retain(|i| i["cause"].as_str().unwrap().starts_with("ceph."));
        all
    }

    /// Their causes, sorted.
    fn raised(&mut self) -> Vec<String> {
        let all = self.incidents();
        let mut causes: Vec<_> =
            all.iter().map(|i| i["cause"].as_str().unwrap().to_owned()).collect();
        causes.sort();
        causes
    }

    /// The incident of `cause`.
    fn incident(&mut self, cause: &str) -> Option<Value> {
        let mut all = self.incidents();
        all.retain(|i| i["cause"] == cause);
        assert!(all.len() <= 1, "one cause is one incident: {all:#?}");
        all.pop()
    }

    /// Waits until there is the incident of `cause` and its check is as asked; its level.
    fn until(&mut self, cause: &str, condition: &str) -> u64 {
        let started = now();
        let incident = wait::until(&format!("{cause} to be {condition}"), PATIENCE, || {
            self.incident(cause).filter(|incident| incident["condition"] == condition)
        });
        println!("{cause} {condition} after {:.1} s", started.elapsed().as_secs_f64());
        incident["level"].as_u64().unwrap()
    }

    /// The newest value of a series as one of the agents reads it.
    fn value(&mut self, name: &str) -> Option<f64> {
        let answer = self.get(&format!("/prometheus/api/v1/query?query={name}"));
        answer["data"]["result"].get(0)?["value"][1].as_str()?.parse().ok()
    }

    fn until_value(&mut self, name: &str, wanted: f64) {
        wait::until(&format!("{name} to be {wanted}"), PATIENCE, || {
            (self.value(name) == Some(wanted)).then_some(())
        });
    }
}

fn now() -> Instant {
    #[allow(clippy::disallowed_methods, reason = "a test's own patience is real time")]
    Instant::now()
}

/// Scenario: the clock of one of three monitors is 0.6 s off and set right again; an OSD dies and comes back with an empty store.
/// Guarantees: a whole cluster raises nothing; each fault raises its one incident at its level; recovery is explained by the lost OSD
/// and has an estimate; neither the OSD's return nor the first good reading closes anything, five good minutes do.
#[test]
fn a_lost_osd_is_over_when_its_data_is_whole_again() {
    let mut ward = Ward::start(TIME_SCALE, &["storage1"]);
    ward.ceph.skew(0.6);
    assert_eq!(ward.until("ceph.clock_skew", "breached"), 3);
    ward.ceph.skew(0.0);

    ward.ceph.kill("osd.2");
    assert_eq!(ward.until("ceph.osd_down", "breached"), 3);
    ward.ceph.start_empty_osd(2);
    ward.until_value("wardround_ceph_osds_down", 0.0);
    let left = wait::until("an estimate of the recovery", PATIENCE, || {
        ward.value("wardround_ceph_recovery_seconds_left").filter(|left| *left > 0.0)
    });
    println!("recovery has {left:.1} s left");
    assert_eq!(ward.incident("ceph.osd_down").unwrap()["condition"], "breached");
    ward.until_value("wardround_ceph_pgs_unclean", 0.0);
    ward.until_value("wardround_ceph_recovery_copies_left", 0.0);
    let first_good = now();
    assert_eq!(ward.incident("ceph.osd_down").unwrap()["condition"], "breached");
    ward.until("ceph.osd_down", "clear");
    assert!(first_good.elapsed() > Duration::from_secs(12), "{:?}", first_good.elapsed());
    ward.until("ceph.clock_skew", "clear");
    assert_eq!(ward.raised(), ["ceph.clock_skew", "ceph.osd_down"]);
}

/// Scenario: an OSD hangs while it is written to, and goes on; then a pool is filled until the cluster refuses writes, and removed.
/// Guarantees: although two agents read the cluster, slow operations are one incident, which explains that the OSD does not answer; a full cluster is an
/// incident of level 2 and explains that it is nearly so; both end.
#[test]
fn a_hanging_osd_and_a_filled_pool_are_raised() {
    let mut ward = Ward::start(TIME_SCALE, &["storage1", "storage2"]);
    ward.ceph.ceph(&["osd", "set", "nodown"]);
    ward.ceph.hang("osd.1");
    let mut writer = ward.ceph.writer(200, 4 << 10);
    assert_eq!(ward.until("ceph.slow_ops", "breached"), 3);
    ward.ceph.go_on("osd.1");
    ward.ceph.ceph(&["osd", "unset", "nodown"]);
    ward.until("ceph.slow_ops", "clear");
    writer.wait().unwrap();
    assert_eq!(ward.raised(), ["ceph.slow_ops"]);

    let mut writer = ward.ceph.writer(2_000, 256 << 10);
    assert_eq!(ward.until("ceph.full", "breached"), 2);
    writer.kill().unwrap();
    writer.wait().unwrap();
    let near = ["ceph.full", "ceph.pool_free", "ceph.slow_ops"];
    let raised = ward.raised();
    assert!(raised.iter().all(|cause| near.contains(&cause.as_str())), "{raised:?}");
    ward.ceph.remove_pool();
    ward.until("ceph.full", "clear");
}

/// Scenario: one of three monitors dies, then another, and the manager goes on telling the last state it knew; they come back. Five
/// minutes are thirty seconds here, since an election takes its own time.
/// Guarantees: a quorum at risk and a lost one are raised by the monitors' own word, with no incident for each monitor beside.
#[test]
fn a_lost_quorum_is_seen_although_the_manager_says_well() {
    if std::env::var("WARDROUND_TESTS").as_deref() != Ok("long") {
        println!("left to the long form");
        return;
    }
    let mut ward = Ward::start(10, &["storage1"]);
    ward.ceph.kill("mon.b");
    assert_eq!(ward.until("ceph.quorum_at_risk", "breached"), 2);
    ward.ceph.kill("mon.c");
    assert_eq!(ward.until("ceph.quorum_lost", "breached"), 2);
    let stale = ward.ceph.metrics();
    assert!(stale.contains("ceph_mon_quorum_status{ceph_daemon=\"mon.c\"} 1.0"), "{stale}");
    ward.ceph.start_mon("b");
    ward.ceph.start_mon("c");
    ward.until("ceph.quorum_lost", "clear");
    ward.until("ceph.quorum_at_risk", "clear");
    assert_eq!(ward.raised(), ["ceph.quorum_at_risk", "ceph.quorum_lost"]);
}
