//! Reads series while they are appended.

use super::block::Body;
use super::day::{BlockRef, DayFile};
use super::group::Samples;
use super::{GroupId, Inner};
use collector_domain::{Matcher, SeriesData, SeriesReader};
use shared_model::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A reader of the store: cheap to clone, for any thread.
#[derive(Clone, Debug)]
pub struct SeriesView(pub(super) Arc<Inner>);

impl SeriesView {
    /// All label names, sorted.
    pub fn label_names(&self) -> Vec<Box<str>> {
        super::read(&self.0.registry).label_names()
    }

    /// All values of a label, sorted.
    pub fn label_values(&self, name: &str) -> Vec<Box<str>> {
        super::read(&self.0.registry).label_values(name)
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        super::read(&self.0.registry).len()
    }

    /// How many blocks could not be read since the store was opened; each was logged, and its samples left out.
    pub fn damaged_reads(&self) -> u64 {
        self.0.damaged_reads.load(Ordering::Relaxed)
    }

    fn block(
        &self,
        (file, block): (Arc<DayFile>, BlockRef),
        columns: &[u32],
        (from, to): (i64, i64),
        samples: &mut [Samples],
    ) {
        let body = file.body(block).ok().flatten();
        let decoded = body.as_deref().and_then(|bytes| {
            let body = Body::parse(bytes)?;
            Some((body.times()?, body.columns(columns)?))
        });
        let Some((times, values)) = decoded else {
            self.0.damaged_reads.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(path = %file.path.display(), offset = block.offset, "block cannot be read");
            return;
        };
        let start = times.partition_point(|t| *t < from);
        let end = times.partition_point(|t| *t <= to);
        for (values, samples) in values.iter().zip(samples) {
            let rows = times[start..end].iter().zip(&values[start..end]);
            samples.extend(rows.filter_map(|(t, v)| Some((Timestamp::from_micros(*t), (*v)?))));
        }
    }
}

impl SeriesReader for SeriesView {
    /// Series in the order of their definition. The caller bounds what it asks for: nothing is left out here but
    /// blocks that cannot be read.
    fn select(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Vec<SeriesData> {
        let matches = super::read(&self.0.registry).find(matchers);
        let range = (from.as_micros(), to.as_micros());
        let mut wanted: BTreeMap<GroupId, Vec<(u32, usize)>> = BTreeMap::new();
        for (index, found) in matches.iter().enumerate() {
            for (group, column) in &found.columns {
                wanted.entry(*group).or_default().push((*column, index));
            }
        }
        let mut all: Vec<Samples> = vec![Vec::new(); matches.len()];
        for (id, mut columns) in wanted {
            columns.sort_unstable();
            let (columns, indexes): (Vec<u32>, Vec<usize>) = columns.into_iter().unzip();
            let mut waiting = vec![Vec::new(); columns.len()];
            let mut samples = vec![Vec::new(); columns.len()];
            let Some(group) = self.0.group(id) else {
                continue;
            };
            let group = super::lock(&group);
            let blocks = group.blocks(range.0, range.1);
            group.waiting(&columns, range.0, range.1, &mut waiting);
            drop(group);
            for block in blocks {
                self.block(block, &columns, range, &mut samples);
            }
            for (index, (sealed, waiting)) in indexes.iter().zip(samples.into_iter().zip(waiting)) {
                all[*index].extend(sealed.into_iter().chain(waiting));
            }
        }
        let found = matches.into_iter().zip(all);
        found
            .filter_map(|(found, mut samples)| {
                // Late rows and other groups' rows come out of order; of one instant the first stored is kept.
                if !samples.is_sorted_by(|a, b| a.0 < b.0) {
                    samples.sort_by_key(|(at, _)| *at);
                    samples.dedup_by_key(|(at, _)| *at);
                }
                let labels = found.labels;
                (!samples.is_empty()).then_some(SeriesData { labels, samples })
            })
            .collect()
    }
}
