//! Which incidents somebody asks for, and pages of them. REST and gRPC share it.

use collector_domain::{Incident, IncidentId, IncidentRevision, IncidentSet, IncidentState};

/// Incidents on a page when the client does not say.
pub(crate) const LIMIT_DEFAULT: usize = 100;

/// Most incidents on a page: about 1 MiB of JSON.
pub(crate) const LIMIT_MAX: usize = 500;

/// All that is set must hold.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) states: Option<Vec<IncidentState>>,
    /// Numbers of levels, 1 to 4.
    pub(crate) levels: Option<Vec<u8>>,
    /// Exact rule or classification.
    pub(crate) cause: Option<String>,
    /// Exact clause.
    pub(crate) clause: Option<String>,
    /// Exact label `host` of the subject.
    pub(crate) host: Option<String>,
    /// Exact label `instance` of the subject.
    pub(crate) instance: Option<String>,
    /// Whether it was opened from late data.
    pub(crate) late: Option<bool>,
}

/// A page of incidents, newest number first.
pub(crate) struct Page<'a> {
    pub(crate) incidents: Vec<&'a IncidentRevision>,
    /// How many match on all pages together.
    pub(crate) total: usize,
    /// The next page begins before this one; `None` on the last page.
    pub(crate) next_before: Option<IncidentId>,
}

impl Filter {
    pub(crate) fn matches(&self, incident: &Incident) -> bool {
        let label = |name, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|w| incident.subject.get(name) == Some(w))
        };
        let text = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        self.states.as_ref().is_none_or(|s| s.contains(&incident.state))
            && self.levels.as_ref().is_none_or(|l| l.contains(&incident.level.number()))
            && text(&self.cause, &incident.cause)
            && text(&self.clause, incident.clause.as_str())
            && label("host", &self.host)
            && label("instance", &self.instance)
            && self.late.is_none_or(|late| late == incident.late)
    }

    /// The first `limit` matching incidents with numbers below `before`.
    pub(crate) fn page<'a>(
        &self,
        all: &'a IncidentSet,
        limit: usize,
        before: Option<IncidentId>,
    ) -> Page<'a> {
        let mut matching: Vec<_> = all.incidents.iter().filter(|i| self.matches(i)).collect();
        matching.sort_by_key(|incident| std::cmp::Reverse(incident.id));
        let total = matching.len();
        matching.retain(|incident| before.is_none_or(|id| incident.id < id));
        let more = matching.len() > limit;
        matching.truncate(limit);
        let next_before = matching.last().map(|incident| incident.id).filter(|_| more);
        Page { incidents: matching, total, next_before }
    }
}
