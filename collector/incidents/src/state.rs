//! Everything the machine remembers: the collector's snapshot of it.

use crate::changes::Changes;
use crate::exhibits::Exhibits;
use crate::follow::Settling;
use crate::foreign::Foreign;
use crate::standing::Standings;
use crate::uptime::Uptime;
use collector_domain::{Incident, IncidentId, Roster};
use serde::{Deserialize, Serialize};
use shared_model::{Labels, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The machine's memory. Its shape may change with a release; what is for ever is the ledger.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct MachineState {
    /// The newest steady time seen.
    pub(crate) now: Timestamp,
    /// The number given last; 0 before the first incident.
    pub(crate) last_number: u64,
    /// Unfinished incidents and the last closed ones.
    pub(crate) incidents: BTreeMap<IncidentId, Incident>,
    /// Closed incidents in the order of closing.
    pub(crate) closed: VecDeque<IncidentId>,
    /// Where the rules stand.
    pub(crate) standings: Standings,
    /// Database service -> the instance that acts as its primary, when that is not the declared one.
    pub(crate) acting_primaries: BTreeMap<String, String>,
    /// Database service -> the classification that waits to open something. A snapshot of an older release has none.
    #[serde(default)]
    pub(crate) settling: BTreeMap<String, Settling>,
    /// What was written last of the uptime of each database service. A snapshot of an older release has none.
    #[serde(default)]
    pub(crate) uptimes: BTreeMap<String, Uptime>,
    /// Planned changes. A snapshot of an older release has none.
    #[serde(default)]
    pub(crate) changes: Arc<Changes>,
    /// What other systems said last, by the labels of their alerts. A snapshot of an older release has none.
    #[serde(default, with = "pairs")]
    pub(crate) foreign: BTreeMap<Labels, Foreign>,
    /// Who is on duty. A snapshot of an older release has nobody.
    #[serde(default)]
    pub(crate) roster: Arc<Roster>,
    /// The last act of a person on each unfinished incident.
    pub(crate) last_acts: BTreeMap<IncidentId, LastAct>,
    /// Breaches that wait for the decision whether their node is silent: rule and subject.
    pub(crate) deferred: BTreeSet<(Arc<str>, Labels)>,
    /// What probes said last. A snapshot of an older release has none.
    #[serde(default)]
    pub(crate) exhibits: Exhibits,
    /// How many advisories and deviations were left out of the list because it was full.
    pub(crate) deviations_left_out: u64,
}

/// Who acted last, and when.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct LastAct {
    pub(crate) by: String,
    pub(crate) at: Timestamp,
}

/// A map whose keys are no texts, as a list.
mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
