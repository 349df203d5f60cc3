//! What follows from the manager's samples together: counts over all daemons and pools, which a rule can judge over a window.

use super::checks::{CHECK, Checks};
use super::daemon::{Quorum, SLOW_OPS};
use super::recovery::Recovery;
use crate::exposition::Sample;
use crate::metric::gauge;
use agent_probe::Sink;
use shared_model::{BootTime, Metric, Unit};

static OSDS_DOWN: Metric = gauge(
    "wardround_ceph_osds_down",
    Unit::None,
    "OSDs of the cluster that are not up.",
    "ceph_osd_up, counted by the agent",
);
static OSDS_OUT: Metric = gauge(
    "wardround_ceph_osds_out",
    Unit::None,
    "OSDs of the cluster that hold no data because they are out.",
    "ceph_osd_in, counted by the agent",
);
static PGS_INACTIVE: Metric = gauge(
    "wardround_ceph_pgs_inactive",
    Unit::None,
    "Placement groups that do not serve: reads and writes of their objects wait.",
    "ceph_pg_total less ceph_pg_active",
);
static PGS_UNCLEAN: Metric = gauge(
    "wardround_ceph_pgs_unclean",
    Unit::None,
    "Placement groups whose objects do not all have their copies where they belong.",
    "ceph_pg_total less ceph_pg_clean",
);
static COPIES_LEFT: Metric = gauge(
    "wardround_ceph_recovery_copies_left",
    Unit::None,
    "Object copies that are missing or in the wrong place.",
    "ceph_num_objects_degraded and ceph_num_objects_misplaced",
);
static SECONDS_LEFT: Metric = gauge(
    "wardround_ceph_recovery_seconds_left",
    Unit::Seconds,
    "How long recovery takes at the pace of the last five minutes; missing while there is no pace, 0 when nothing is left.",
    "decrease of wardround_ceph_recovery_copies_left",
);
static FREE_RATIO: Metric = gauge(
    "wardround_ceph_pool_free_ratio",
    Unit::Ratio,
    "What may still be stored in the pool, of that and what is stored.",
    "ceph_pool_max_avail and ceph_pool_stored",
);

/// What a round puts in besides the manager's own.
pub(super) static METRICS: [&Metric; 8] = [
    &CHECK,
    &OSDS_DOWN,
    &OSDS_OUT,
    &PGS_INACTIVE,
    &PGS_UNCLEAN,
    &COPIES_LEFT,
    &SECONDS_LEFT,
    &FREE_RATIO,
];

/// Most pools of a cluster that are counted.
const MAX_POOLS: usize = 1_024;

/// A sum that nobody added to is not 0 but missing.
#[derive(Clone, Copy, Debug, Default)]
struct Sum(Option<f64>);

impl Sum {
    fn add(&mut self, value: f64) {
        self.0 = Some(self.0.unwrap_or(0.0) + value);
    }
}

/// A pool's two sizes, bytes.
#[derive(Debug)]
struct Pool {
    id: String,
    max_avail: Option<f64>,
    stored: Option<f64>,
}

/// Counts the samples of one round.
#[derive(Debug, Default)]
pub(super) struct Counts {
    mons: usize,
    mons_inside: usize,
    osds_down: Sum,
    osds_out: Sum,
    pgs: Sum,
    pgs_active: Sum,
    pgs_clean: Sum,
    degraded: Sum,
    misplaced: Sum,
    slow_ops: Sum,
    pools: Vec<Pool>,
    checks: Checks,
    is_active: bool,
}

impl Counts {
    /// Whether the answer came from the active manager: a standby has no health to tell.
    pub(super) fn is_active(&self) -> bool {
        self.is_active
    }

    /// Counts a sample.
    pub(super) fn count(&mut self, sample: &Sample<'_>) {
        let value = sample.value;
        let zero = f64::from(u8::from(value == 0.0));
        match sample.name {
            "ceph_health_status" => self.is_active = true,
            "ceph_health_detail" => self.checks.note(sample),
            "ceph_mon_quorum_status" => {
                self.mons += 1;
                self.mons_inside += usize::from(value > 0.0);
            }
            "ceph_osd_up" => self.osds_down.add(zero),
            "ceph_osd_in" => self.osds_out.add(zero),
            "ceph_pg_total" => self.pgs.add(value),
            "ceph_pg_active" => self.pgs_active.add(value),
            "ceph_pg_clean" => self.pgs_clean.add(value),
            "ceph_num_objects_degraded" => self.degraded.add(value),
            "ceph_num_objects_misplaced" => self.misplaced.add(value),
            "ceph_healthcheck_slow_ops" => self.slow_ops.add(value),
            "ceph_pool_max_avail" => {
                if let Some(pool) = self.pool(sample) {
                    pool.max_avail = Some(value);
                }
            }
            "ceph_pool_stored" => {
                if let Some(pool) = self.pool(sample) {
                    pool.stored = Some(value);
                }
            }
            _ => {}
        }
    }

    fn pool(&mut self, sample: &Sample<'_>) -> Option<&mut Pool> {
        let id = sample.label("pool_id")?;
        let at = match self.pools.iter().position(|pool| pool.id == id) {
            Some(at) => at,
            None if self.pools.len() >= MAX_POOLS => return None,
            None => {
                self.pools.push(Pool { id: id.to_owned(), max_avail: None, stored: None });
                self.pools.len() - 1
            }
        };
        self.pools.get_mut(at)
    }

    /// Puts in what follows from them.
    pub(super) fn put(&self, sink: &mut Sink, recovery: &mut Recovery, now: BootTime) {
        let mut put = |metric: &'static Metric, value: Option<f64>| {
            if let Some(value) = value {
                sink.put(metric, &[], value);
            }
        };
        let less = |part: Sum| Some((self.pgs.0? - part.0?).max(0.0));
        put(&OSDS_DOWN, self.osds_down.0);
        put(&OSDS_OUT, self.osds_out.0);
        put(&PGS_INACTIVE, less(self.pgs_active));
        put(&PGS_UNCLEAN, less(self.pgs_clean));
        let left = self.degraded.0.map(|degraded| degraded + self.misplaced.0.unwrap_or(0.0));
        put(&COPIES_LEFT, left);
        put(&SECONDS_LEFT, left.and_then(|left| recovery.note(now, left)));
        for pool in &self.pools {
            if let (Some(avail), Some(stored)) = (pool.max_avail, pool.stored)
                && avail + stored > 0.0
            {
                sink.put(&FREE_RATIO, &[("pool_id", &pool.id)], avail / (avail + stored));
            }
        }
        self.checks.put(sink);
        let source = [("source", "mgr")];
        if self.mons > 0 {
            Quorum { mons: self.mons, inside: self.mons_inside }.put(sink, &source);
        }
        if let Some(slow_ops) = self.slow_ops.0 {
            sink.put(&SLOW_OPS, &source, slow_ops);
        }
    }
}
