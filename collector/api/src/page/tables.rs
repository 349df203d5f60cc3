//! The tables of findings and nodes.

use super::evidence;
use super::html::Html;
use super::status::View;
use super::words;
use crate::{FindingView, NodeView};
use collector_domain::{Condition, Rule};
use std::collections::BTreeMap;

/// Most rows of a table, so that a thousand nodes do not make a page of megabytes every five seconds.
const ROWS_MAX: usize = 200;

/// Findings that are not clear, breached ones first.
pub(super) fn findings(html: &mut Html, view: &View<'_>) {
    html.raw("<section>\n<h2>当前偏差 <small lang=\"en\">Current deviations</small></h2>\n");
    if view.findings.is_empty() {
        html.raw("<p class=\"empty\">没有超限或未知的检查。 <small lang=\"en\">No check is breached or unknown.</small></p>\n</section>\n");
        return;
    }
    let rules: BTreeMap<&str, &Rule> = view.rules.iter().map(|r| (&*r.id, r)).collect();
    let mut sorted: Vec<&FindingView> = view.findings.iter().collect();
    let breached = |f: &FindingView| f.judgement.condition == Condition::Breached;
    sorted.sort_by_key(|f| (!breached(f), &f.rule, &f.subject));
    html.raw(
        "<div class=\"scroll\"><table>\n<thead><tr><th>检查 <small lang=\"en\">Check</small></th>\
         <th>对象 <small lang=\"en\">Subject</small></th><th>结论 <small lang=\"en\">Condition</small></th>\
         <th>等次 <small lang=\"en\">Tier</small></th><th class=\"number\">值 <small lang=\"en\">Value</small></th>\
         <th>自 <small lang=\"en\">Since</small></th></tr></thead>\n<tbody>\n",
    );
    for finding in sorted.iter().take(ROWS_MAX) {
        finding_row(html, finding, rules.get(&*finding.rule).copied());
    }
    html.raw("</tbody>\n</table></div>\n");
    rest(html, sorted.len(), ROWS_MAX);
    html.raw("</section>\n");
}

fn finding_row(html: &mut Html, finding: &FindingView, rule: Option<&Rule>) {
    html.raw("<tr><td>");
    match rule {
        Some(rule) => html.both(&rule.title.zh, &rule.title.en),
        None => html.raw("规则已停用 <small lang=\"en\">rule no longer in force</small>"),
    };
    html.raw("<div class=\"meta\">").text(&finding.rule);
    if let Some(rule) = rule {
        html.raw(" · 条款 <small lang=\"en\">clause</small> ").text(rule.clause.as_str());
    }
    let (zh, en) = words::condition(finding.judgement.condition);
    html.raw("</div></td><td>").text(&words::subject(&finding.subject));
    evidence::lines(html, &finding.evidence);
    html.raw("</td><td><span class=\"")
        .text(match finding.judgement.condition {
            Condition::Clear => "mark ok",
            Condition::Breached => "mark bad",
            Condition::Unknown => "mark unknown",
        })
        .raw("\">")
        .both(zh, en)
        .raw("</span></td><td>");
    if let Some(rule) = rule {
        let (zh, en) = words::tier(rule.tier);
        html.both(zh, en);
    }
    let value = finding.judgement.value.map(words::number);
    html.raw("</td><td class=\"number\">")
        .text(value.as_deref().unwrap_or("—"))
        .raw("</td><td>")
        .text(&finding.since.map_or_else(|| "—".to_owned(), words::local_time))
        .raw("</td></tr>\n");
}

/// All nodes; those that need a look first.
pub(super) fn nodes(html: &mut Html, view: &View<'_>) {
    html.raw("<section>\n<h2>节点 <small lang=\"en\">Nodes</small></h2>\n");
    if view.nodes.is_empty() {
        html.raw("<p class=\"empty\">还没有节点接入：在采集中心生成接入令牌。 <small lang=\"en\">No node has joined: create a token with <code>wardround-collector token create</code>.</small></p>\n</section>\n");
        return;
    }
    let mut sorted: Vec<&NodeView> = view.nodes.iter().collect();
    sorted.sort_by_key(|node| (std::cmp::Reverse(urgency(node)), &node.identity));
    html.raw(
        "<div class=\"scroll\"><table>\n<thead><tr><th>节点 <small lang=\"en\">Node</small></th>\
         <th>一体机 <small lang=\"en\">Appliance</small></th><th>状态 <small lang=\"en\">State</small></th>\
         <th>最近数据 <small lang=\"en\">Last sample</small></th>\
         <th class=\"number\">时钟偏差 <small lang=\"en\">Clock offset</small></th>\
         <th class=\"number\">序列 <small lang=\"en\">Series</small></th>\
         <th>代理版本 <small lang=\"en\">Agent</small></th></tr></thead>\n<tbody>\n",
    );
    for node in sorted.iter().take(ROWS_MAX) {
        node_row(html, node, view);
    }
    html.raw("</tbody>\n</table></div>\n");
    rest(html, sorted.len(), ROWS_MAX);
    html.raw("</section>\n");
}

fn urgency(node: &NodeView) -> u8 {
    use crate::NodeState::{Fresh, NeverSeen, Revoked, Silent};
    match node.state {
        Silent => 3,
        NeverSeen => 2,
        Fresh => 1,
        Revoked => 0,
    }
}

fn node_row(html: &mut Html, node: &NodeView, view: &View<'_>) {
    let (zh, en) = words::node(node.state);
    let offset = node.clock_offset_seconds.map(|s| format!("{s:+.3} s"));
    let series = node.series.map(|s| s.to_string());
    html.raw("<tr><td>")
        .text(node.identity.node())
        .raw("</td><td>")
        .text(node.identity.appliance())
        .raw("</td><td><span class=\"")
        .text(words::node_class(node.state))
        .raw("\">")
        .both(zh, en)
        .raw("</span></td><td>");
    match node.last_seen {
        Some(at) => html
            .text(&words::local_time(at))
            .raw(" <span class=\"meta\">")
            .text(&words::clock_span(view.wall.since(at).as_secs_f64()))
            .raw(" 前 <small lang=\"en\">ago</small></span>"),
        None => html.text("—"),
    };
    html.raw("</td><td class=\"number\">")
        .text(offset.as_deref().unwrap_or("—"))
        .raw("</td><td class=\"number\">")
        .text(series.as_deref().unwrap_or("—"))
        .raw("</td><td>")
        .text(node.agent_version.as_deref().unwrap_or("—"))
        .raw("</td></tr>\n");
}

/// Says how many rows were left out, if any.
pub(super) fn rest(html: &mut Html, count: usize, shown: usize) {
    if let Some(left) = count.checked_sub(shown).filter(|left| *left > 0) {
        let left = left.to_string();
        html.raw("<p class=\"meta\">另有 ")
            .text(&left)
            .raw(" 项未显示 <small lang=\"en\">")
            .text(&left)
            .raw(" more not shown</small></p>\n");
    }
}
