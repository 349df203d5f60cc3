//! The fold's state as the state file holds it, so that a restart replays minutes of the journal rather than days.

use super::fold::Fold;
use super::late::{Late, StoredLate};
use super::record::Started;
use super::source::{StoredStream, Stream};
use super::steady::Steady;
use collector_incidents::{Machine, MachineState};
use collector_notify::Notifications;
use collector_standards::{Evaluator, Pack, Snapshot};
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Serialize)]
struct Written<'a, E: Serialize, L: Serialize> {
    steady: &'a Steady,
    now: Timestamp,
    epoch: u64,
    started: &'a Option<Started>,
    streams: BTreeMap<u32, StoredStream>,
    observed: Vec<&'a Labels>,
    late: BTreeMap<u32, L>,
    evaluator: E,
    machine: &'a MachineState,
    notify: &'a Notifications,
}

#[derive(Deserialize)]
struct Read {
    steady: Steady,
    now: Timestamp,
    epoch: u64,
    started: Option<Started>,
    streams: BTreeMap<u32, StoredStream>,
    #[serde(default)]
    observed: Vec<Labels>,
    #[serde(default)]
    late: BTreeMap<u32, StoredLate>,
    evaluator: Snapshot,
    machine: MachineState,
    /// The state of a release that told nobody has none.
    #[serde(default)]
    notify: Notifications,
}

/// The state in MessagePack with named fields, so that a later version can add some.
pub(crate) fn write(fold: &Fold) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    rmp_serde::to_vec_named(&Written {
        steady: &fold.steady,
        now: fold.now,
        epoch: fold.epoch,
        started: &fold.started,
        streams: fold.streams.iter().map(|(&n, s)| (n, s.store())).collect(),
        observed: fold.observed.keys().collect(),
        late: fold.late.iter().map(|(&source, late)| (source, late.store())).collect(),
        evaluator: fold.evaluator.snapshot(),
        machine: fold.machine.state(),
        notify: &fold.notify,
    })
}

/// The fold as it was written; why not, in words, when the bytes are of another version.
pub(crate) fn read(bytes: &[u8], pack: &Arc<Pack>) -> Result<Fold, String> {
    let read: Read = rmp_serde::from_slice(bytes).map_err(|e| e.to_string())?;
    let (contract, topology) = match &read.started {
        Some(started) => (started.contract.clone(), started.topology.clone()),
        None => Default::default(),
    };
    let evaluator = Evaluator::restore(Arc::clone(pack), &contract, read.evaluator);
    let late = read.late.into_iter().map(|(source, late)| {
        let restore = |kept| Evaluator::restore(Arc::clone(pack), &contract, kept);
        (source, Late::restore(late, restore))
    });
    let late = late.collect();
    let machine = Machine::restore(read.machine, pack.rules(), contract, topology);
    let mut fold = Fold::new(Arc::clone(pack), evaluator, machine).map_err(|e| e.to_string())?;
    fold.steady = read.steady;
    fold.notify = Arc::new(read.notify);
    fold.now = read.now;
    fold.epoch = read.epoch;
    fold.started = read.started;
    fold.late = late;
    fold.observed = read.observed.into_iter().map(|labels| (labels, None)).collect();
    for (number, stream) in read.streams {
        fold.streams.insert(number, Stream::restore(stream)?);
    }
    Ok(fold)
}
