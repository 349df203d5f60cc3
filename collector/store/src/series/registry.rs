//! Which series there are, found by their labels, and which groups they are columns of.

use super::{GroupId, SeriesError, SeriesId};
use collector_domain::{Matcher, MatcherOp};
use shared_model::Labels;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// Most series of one group: a node with a thousand disks and as many processes stays below.
const GROUP_SERIES_MAX: usize = 65_536;

/// All series. Hash maps are looked up only, never walked.
#[derive(Debug)]
pub(super) struct Registry {
    series_max: usize,
    labels: Vec<Labels>,
    ids: HashMap<Labels, SeriesId>,
    /// Label name -> value -> series that have it, ascending.
    postings: BTreeMap<Box<str>, BTreeMap<Box<str>, Vec<SeriesId>>>,
    /// For each series the groups and columns it is in.
    columns: Vec<Vec<(GroupId, u32)>>,
    groups: HashMap<Columns, GroupId>,
    columns_total: usize,
}

/// The series of a group, in the order of columns.
pub(super) type Columns = Arc<[SeriesId]>;

/// A series that was looked for.
#[derive(Debug)]
pub(super) struct Match {
    pub(super) labels: Labels,
    pub(super) columns: Vec<(GroupId, u32)>,
}

impl Registry {
    pub(super) fn new(series_max: usize) -> Self {
        Self {
            series_max,
            labels: Vec::new(),
            ids: HashMap::new(),
            postings: BTreeMap::new(),
            columns: Vec::new(),
            groups: HashMap::new(),
            columns_total: 0,
        }
    }

    /// The number of a series, given at its first definition.
    pub(super) fn define(&mut self, labels: Labels) -> Result<SeriesId, SeriesError> {
        if let Some(id) = self.ids.get(&labels) {
            return Ok(*id);
        }
        let limit = self.series_max;
        let id = u32::try_from(self.labels.len()).ok();
        let id = id.filter(|_| self.labels.len() < limit);
        let id = SeriesId(id.ok_or(SeriesError::TooManySeries { limit })?);
        for (name, value) in labels.iter() {
            let values = self.postings.entry(name.into()).or_default();
            values.entry(value.into()).or_default().push(id);
        }
        self.labels.push(labels.clone());
        self.columns.push(Vec::new());
        self.ids.insert(labels, id);
        Ok(id)
    }

    /// The number of the group with these columns, and its columns when it is new.
    pub(super) fn define_group(
        &mut self,
        series: &[SeriesId],
    ) -> Result<(GroupId, Option<Columns>), SeriesError> {
        if let Some(id) = self.groups.get(series) {
            return Ok((*id, None));
        }
        if !(1..=GROUP_SERIES_MAX).contains(&series.len()) {
            return Err(SeriesError::GroupSize(series.len()));
        }
        let mut seen = BTreeSet::new();
        for id in series {
            if self.labels.len() <= id.0 as usize {
                return Err(SeriesError::UnknownSeries(*id));
            }
            if !seen.insert(*id) {
                return Err(SeriesError::DuplicateColumn(*id));
            }
        }
        // A catalog that changes leaves its groups behind until the next start: eight generations of every series.
        let limit = self.series_max.saturating_mul(8);
        if self.columns_total + series.len() > limit {
            return Err(SeriesError::TooManyColumns { limit });
        }
        self.columns_total += series.len();
        let id = GroupId(self.groups.len() as u32);
        for (column, series) in series.iter().enumerate() {
            self.columns[series.0 as usize].push((id, column as u32));
        }
        let series: Columns = series.into();
        self.groups.insert(Arc::clone(&series), id);
        Ok((id, Some(series)))
    }

    pub(super) fn labels(&self, series: &[SeriesId]) -> impl Iterator<Item = &Labels> {
        series.iter().filter_map(|id| self.labels.get(id.0 as usize))
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    pub(super) fn label_names(&self) -> Vec<Box<str>> {
        self.postings.keys().cloned().collect()
    }

    pub(super) fn label_values(&self, name: &str) -> Vec<Box<str>> {
        let values = self.postings.get(name);
        values.map_or_else(Vec::new, |values| values.keys().cloned().collect())
    }

    /// The series that satisfy all matchers, ascending.
    pub(super) fn find(&self, matchers: &[Matcher]) -> Vec<Match> {
        let narrowest =
            matchers.iter().filter_map(|matcher| self.candidates(matcher)).min_by_key(Vec::len);
        let satisfies = |id: &SeriesId| -> Option<Match> {
            let index = id.0 as usize;
            let labels = self.labels.get(index)?;
            matchers
                .iter()
                .all(|m| m.matches(labels))
                .then(|| Match { labels: labels.clone(), columns: self.columns[index].clone() })
        };
        match narrowest {
            Some(ids) => ids.iter().filter_map(satisfies).collect(),
            None => {
                (0..self.labels.len() as u32).filter_map(|id| satisfies(&SeriesId(id))).collect()
            }
        }
    }

    /// The series that one matcher leaves, `None` when series without the label satisfy it too.
    fn candidates(&self, matcher: &Matcher) -> Option<Vec<SeriesId>> {
        let positive = matches!(matcher.op, MatcherOp::Equal | MatcherOp::OneOf);
        if !positive || matcher.matches(&Labels::default()) {
            return None;
        }
        let Some(values) = self.postings.get(&matcher.name) else {
            return Some(Vec::new());
        };
        let mut ids = BTreeSet::new();
        for value in &matcher.values {
            match value.strip_suffix('*') {
                Some(prefix) if matcher.op == MatcherOp::OneOf => {
                    let from = values.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
                    let matching = from.take_while(|(value, _)| value.starts_with(prefix));
                    ids.extend(matching.flat_map(|(_, ids)| ids));
                }
                _ if matcher.values.len() == 1 => {
                    return Some(values.get(value).cloned().unwrap_or_default());
                }
                _ => ids.extend(values.get(value).into_iter().flatten()),
            }
        }
        Some(ids.into_iter().collect())
    }
}
