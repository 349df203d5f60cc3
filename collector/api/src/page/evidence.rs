//! What probes said, below the finding that it explains.

use super::html::Html;
use collector_domain::Exhibit;
use std::collections::BTreeMap;

/// Most lines shown of a topic; the API has all.
const LINES_MAX: usize = 8;

/// The newest of each instance and topic.
pub(super) fn lines(html: &mut Html, evidence: &[Exhibit]) {
    let of = |e: &'_ Exhibit| (e.instance.clone(), e.topic.clone());
    let newest: BTreeMap<_, &Exhibit> = evidence.iter().map(|e| (of(e), e)).collect();
    for said in newest.into_values() {
        html.raw("<pre class=\"evidence\">");
        for line in said.lines.iter().take(LINES_MAX) {
            html.text(line).raw("\n");
        }
        if said.lines.len() > LINES_MAX {
            html.raw("…\n");
        }
        html.raw("</pre>");
    }
}
