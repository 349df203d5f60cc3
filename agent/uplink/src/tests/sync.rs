//! When rounds are brought to this disk.

use super::node::{TestClock, authority, catalog, credentials, identity, round};
use crate::spool::{Spool, SpoolLimits, spool_dir};
use crate::sync::{Order, orders};
use crate::uplink::Shared;
use crate::{Uplink, UplinkConfig};
use shared_journal::Disk;
use shared_model::{Seq, SeqRange};
use std::sync::Arc;

/// Scenario: rounds without a session; rounds that are confirmed before the next one comes, and one that is not; then no
/// round comes for a while. Guarantees: without a session each is synced; with one, only what is not confirmed by the next
/// round, or by the time that somebody looks.
#[test]
fn what_is_confirmed_in_time_is_not_synced() {
    let (authority, _ca) = authority();
    let dir = tempfile::tempdir().unwrap();
    let (limits, space) = (SpoolLimits::default(), Box::new(|| None));
    let spool = Spool::open(&spool_dir(dir.path()), [1; 16], limits, space, Arc::new(Disk));
    let config = UplinkConfig {
        address: "127.0.0.1:9".into(),
        data_dir: dir.path().to_owned(),
        identity: identity(),
        boot_id: [1; 16],
        limits,
        agent_version: "0.1.0".into(),
    };
    let (syncs, received) = orders();
    let (tls, clock) = (credentials(&authority), Arc::new(TestClock::default()));
    let shared = Arc::new(Shared::new(config, spool.unwrap(), tls, clock, syncs).unwrap());
    let uplink = Uplink(Arc::clone(&shared));
    let mut acked = 0;
    for (value, connected, acked_to, is_ordered) in [
        (1, false, 0, true),
        (2, false, 0, true),
        (3, true, 2, false),
        (4, true, 3, false),
        (5, true, 3, true),
        (6, true, 5, false),
        (7, false, 6, true),
    ] {
        shared.lock().connected = connected;
        if let Some(range) = SeqRange::new(Seq(acked + 1), Seq(acked_to)) {
            shared.lock().spool.ack(&[range].into_iter().collect()).unwrap();
            acked = acked_to;
        }
        let definitions = (value == 1).then(|| catalog(1));
        uplink.offer(definitions.as_ref(), &round(value)).unwrap();
        assert_eq!(received.try_recv() == Ok(Order::Sync), is_ordered, "{value}");
    }
    shared.sync_if_needed();
    assert_eq!(received.try_recv(), Ok(Order::Sync));
    let last = SeqRange { from: Seq(7), to: Seq(7) };
    shared.lock().spool.ack(&[last].into_iter().collect()).unwrap();
    shared.sync_if_needed();
    assert!(received.try_recv().is_err(), "the last round is confirmed");
}
