//! What is taken over of ceph-mgr's own metrics, under its names: the state of the cluster, its OSDs, pools and placement groups.
//!
//! The manager tells some hundred more per OSD about the insides of its store; a cluster of a hundred OSDs would fill the agent's
//! limit of series with them. Who wants them names the same endpoint in `[[scrape]]`.

use crate::metric::{counter, gauge, info};
use shared_model::{Metric, Unit};
use std::collections::BTreeMap;
use std::sync::OnceLock;

const SOURCE: &str = "ceph-mgr module prometheus";

#[rustfmt::skip]
static TABLE: [Metric; 98] = [
    // Health.
    gauge("ceph_health_status", Unit::None, "Health of the cluster: 0 well, 1 warning, 2 error.", SOURCE),
    gauge("ceph_health_detail", Unit::None, "1 while the health check of this name is raised, 0 once it was and is no more.", SOURCE),
    gauge("ceph_healthcheck_slow_ops", Unit::None, "Operations beyond the complaint time.", SOURCE),
    gauge("ceph_daemon_health_metrics", Unit::None, "What the daemon reports about its health, by kind.", SOURCE),
    // Monitors and managers.
    gauge("ceph_mon_quorum_status", Unit::None, "1 while the monitor is in the quorum.", SOURCE),
    info("ceph_mon_metadata", "Release and address of a monitor.", SOURCE),
    gauge("ceph_mgr_status", Unit::None, "1 for the active manager, 0 for a standby.", SOURCE),
    info("ceph_mgr_metadata", "Release of a manager.", SOURCE),
    gauge("ceph_mgr_module_status", Unit::None, "Standing of a module of the manager: 0 off, 1 on, 2 always on.", SOURCE),
    gauge("ceph_mgr_module_can_run", Unit::None, "1 when the module can run.", SOURCE),
    // OSDs.
    gauge("ceph_osd_up", Unit::None, "1 while the OSD is up.", SOURCE),
    gauge("ceph_osd_in", Unit::None, "1 while the OSD is in and holds data.", SOURCE),
    gauge("ceph_osd_weight", Unit::None, "Weight of the OSD after reweighting, 0 to 1.", SOURCE),
    info("ceph_osd_metadata", "Host, device class and release of an OSD.", SOURCE),
    gauge("ceph_osd_numpg", Unit::None, "Placement groups of the OSD.", SOURCE),
    gauge("ceph_osd_stat_bytes", Unit::Bytes, "Size of the OSD.", SOURCE),
    gauge("ceph_osd_stat_bytes_used", Unit::Bytes, "Bytes of the OSD in use.", SOURCE),
    gauge("ceph_osd_apply_latency_ms", Unit::None, "Apply latency of the OSD, milliseconds.", SOURCE),
    gauge("ceph_osd_commit_latency_ms", Unit::None, "Commit latency of the OSD, milliseconds.", SOURCE),
    gauge("ceph_osd_op_wip", Unit::None, "Operations that the OSD is working at.", SOURCE),
    counter("ceph_osd_op_r", Unit::None, "Reads of the OSD.", SOURCE),
    counter("ceph_osd_op_w", Unit::None, "Writes of the OSD.", SOURCE),
    counter("ceph_osd_op_r_out_bytes", Unit::Bytes, "Bytes read from the OSD.", SOURCE),
    counter("ceph_osd_op_w_in_bytes", Unit::Bytes, "Bytes written to the OSD.", SOURCE),
    counter("ceph_osd_op_r_latency_sum", Unit::Seconds, "Time of the reads of the OSD.", SOURCE),
    counter("ceph_osd_op_r_latency_count", Unit::None, "Reads of the OSD that the time counts.", SOURCE),
    counter("ceph_osd_op_w_latency_sum", Unit::Seconds, "Time of the writes of the OSD.", SOURCE),
    counter("ceph_osd_op_w_latency_count", Unit::None, "Writes of the OSD that the time counts.", SOURCE),
    counter("ceph_osd_recovery_ops", Unit::None, "Recovery operations that the OSD began.", SOURCE),
    counter("ceph_osd_recovery_bytes", Unit::Bytes, "Bytes that the OSD recovered.", SOURCE),
    gauge("ceph_osd_flag_nobackfill", Unit::None, "1 while the flag nobackfill is set for the cluster.", SOURCE),
    gauge("ceph_osd_flag_nodeep_scrub", Unit::None, "1 while the flag nodeep_scrub is set for the cluster.", SOURCE),
    gauge("ceph_osd_flag_nodown", Unit::None, "1 while the flag nodown is set for the cluster.", SOURCE),
    gauge("ceph_osd_flag_noin", Unit::None, "1 while the flag noin is set for the cluster.", SOURCE),
    gauge("ceph_osd_flag_noout", Unit::None, "1 while the flag noout is set for the cluster.", SOURCE),
    gauge("ceph_osd_flag_norebalance", Unit::None, "1 while the flag norebalance is set for the cluster.", SOURCE),
    gauge("ceph_osd_flag_norecover", Unit::None, "1 while the flag norecover is set for the cluster.", SOURCE),
    gauge("ceph_osd_flag_noscrub", Unit::None, "1 while the flag noscrub is set for the cluster.", SOURCE),
    gauge("ceph_osd_flag_noup", Unit::None, "1 while the flag noup is set for the cluster.", SOURCE),
    // Placement groups, by pool.
    gauge("ceph_pg_total", Unit::None, "Placement groups of the pool.", SOURCE),
    gauge("ceph_pg_activating", Unit::None, "Placement groups of the pool in the state activating.", SOURCE),
    gauge("ceph_pg_active", Unit::None, "Placement groups of the pool in the state active.", SOURCE),
    gauge("ceph_pg_backfill_toofull", Unit::None, "Placement groups of the pool in the state backfill_toofull.", SOURCE),
    gauge("ceph_pg_backfill_unfound", Unit::None, "Placement groups of the pool in the state backfill_unfound.", SOURCE),
    gauge("ceph_pg_backfill_wait", Unit::None, "Placement groups of the pool in the state backfill_wait.", SOURCE),
    gauge("ceph_pg_backfilling", Unit::None, "Placement groups of the pool in the state backfilling.", SOURCE),
    gauge("ceph_pg_clean", Unit::None, "Placement groups of the pool in the state clean.", SOURCE),
    gauge("ceph_pg_creating", Unit::None, "Placement groups of the pool in the state creating.", SOURCE),
    gauge("ceph_pg_deep", Unit::None, "Placement groups of the pool in the state deep.", SOURCE),
    gauge("ceph_pg_degraded", Unit::None, "Placement groups of the pool in the state degraded.", SOURCE),
    gauge("ceph_pg_down", Unit::None, "Placement groups of the pool in the state down.", SOURCE),
    gauge("ceph_pg_failed_repair", Unit::None, "Placement groups of the pool in the state failed_repair.", SOURCE),
    gauge("ceph_pg_forced_backfill", Unit::None, "Placement groups of the pool in the state forced_backfill.", SOURCE),
    gauge("ceph_pg_forced_recovery", Unit::None, "Placement groups of the pool in the state forced_recovery.", SOURCE),
    gauge("ceph_pg_incomplete", Unit::None, "Placement groups of the pool in the state incomplete.", SOURCE),
    gauge("ceph_pg_inconsistent", Unit::None, "Placement groups of the pool in the state inconsistent.", SOURCE),
    gauge("ceph_pg_laggy", Unit::None, "Placement groups of the pool in the state laggy.", SOURCE),
    gauge("ceph_pg_peered", Unit::None, "Placement groups of the pool in the state peered.", SOURCE),
    gauge("ceph_pg_peering", Unit::None, "Placement groups of the pool in the state peering.", SOURCE),
    gauge("ceph_pg_premerge", Unit::None, "Placement groups of the pool in the state premerge.", SOURCE),
    gauge("ceph_pg_recovering", Unit::None, "Placement groups of the pool in the state recovering.", SOURCE),
    gauge("ceph_pg_recovery_toofull", Unit::None, "Placement groups of the pool in the state recovery_toofull.", SOURCE),
    gauge("ceph_pg_recovery_unfound", Unit::None, "Placement groups of the pool in the state recovery_unfound.", SOURCE),
    gauge("ceph_pg_recovery_wait", Unit::None, "Placement groups of the pool in the state recovery_wait.", SOURCE),
    gauge("ceph_pg_remapped", Unit::None, "Placement groups of the pool in the state remapped.", SOURCE),
    gauge("ceph_pg_repair", Unit::None, "Placement groups of the pool in the state repair.", SOURCE),
    gauge("ceph_pg_scrubbing", Unit::None, "Placement groups of the pool in the state scrubbing.", SOURCE),
    gauge("ceph_pg_snaptrim", Unit::None, "Placement groups of the pool in the state snaptrim.", SOURCE),
    gauge("ceph_pg_snaptrim_error", Unit::None, "Placement groups of the pool in the state snaptrim_error.", SOURCE),
    gauge("ceph_pg_snaptrim_wait", Unit::None, "Placement groups of the pool in the state snaptrim_wait.", SOURCE),
    gauge("ceph_pg_stale", Unit::None, "Placement groups of the pool in the state stale.", SOURCE),
    gauge("ceph_pg_undersized", Unit::None, "Placement groups of the pool in the state undersized.", SOURCE),
    gauge("ceph_pg_unknown", Unit::None, "Placement groups of the pool in the state unknown.", SOURCE),
    gauge("ceph_pg_wait", Unit::None, "Placement groups of the pool in the state wait.", SOURCE),
    // Objects and space.
    gauge("ceph_num_objects_degraded", Unit::None, "Object copies that are missing.", SOURCE),
    gauge("ceph_num_objects_misplaced", Unit::None, "Object copies in the wrong place.", SOURCE),
    gauge("ceph_num_objects_unfound", Unit::None, "Objects of which no copy can be found.", SOURCE),
    gauge("ceph_cluster_total_bytes", Unit::Bytes, "Size of the cluster.", SOURCE),
    gauge("ceph_cluster_total_used_bytes", Unit::Bytes, "Bytes of the cluster in use.", SOURCE),
    gauge("ceph_cluster_total_used_raw_bytes", Unit::Bytes, "Bytes of the cluster in use, with all copies.", SOURCE),
    info("ceph_pool_metadata", "Name and kind of a pool.", SOURCE),
    gauge("ceph_pool_stored", Unit::Bytes, "Bytes stored in the pool, each once.", SOURCE),
    gauge("ceph_pool_stored_raw", Unit::Bytes, "Bytes stored in the pool, with all copies.", SOURCE),
    gauge("ceph_pool_max_avail", Unit::Bytes, "What may still be stored in the pool.", SOURCE),
    gauge("ceph_pool_percent_used", Unit::Ratio, "Share of the pool in use, 0 to 1 in spite of its name.", SOURCE),
    gauge("ceph_pool_bytes_used", Unit::Bytes, "Bytes of the pool in use.", SOURCE),
    gauge("ceph_pool_objects", Unit::None, "Objects of the pool.", SOURCE),
    gauge("ceph_pool_dirty", Unit::None, "Objects of the pool that are not yet written back.", SOURCE),
    gauge("ceph_pool_quota_bytes", Unit::Bytes, "Quota of the pool, 0 for none.", SOURCE),
    gauge("ceph_pool_quota_objects", Unit::None, "Quota of the pool in objects, 0 for none.", SOURCE),
    counter("ceph_pool_rd", Unit::None, "Reads of the pool.", SOURCE),
    counter("ceph_pool_rd_bytes", Unit::Bytes, "Bytes read from the pool.", SOURCE),
    counter("ceph_pool_wr", Unit::None, "Writes of the pool.", SOURCE),
    counter("ceph_pool_wr_bytes", Unit::Bytes, "Bytes written to the pool.", SOURCE),
    gauge("ceph_pool_recovering_objects_per_sec", Unit::None, "Objects of the pool that are recovered per second.", SOURCE),
    gauge("ceph_pool_recovering_bytes_per_sec", Unit::BytesPerSecond, "Bytes of the pool that are recovered per second.", SOURCE),
    gauge("ceph_pool_num_objects_recovered", Unit::None, "Objects of the pool that were recovered.", SOURCE),
    gauge("ceph_pool_num_bytes_recovered", Unit::Bytes, "Bytes of the pool that were recovered.", SOURCE),
];

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Metric> {
    TABLE.iter()
}

/// The metric of this name, if it is taken over.
pub(super) fn by_name(name: &str) -> Option<&'static Metric> {
    static NAMES: OnceLock<BTreeMap<&'static str, &'static Metric>> = OnceLock::new();
    let names = NAMES.get_or_init(|| TABLE.iter().map(|metric| (metric.name, metric)).collect());
    names.get(name).copied()
}
