//! The status page: what is open, how long is left, who is heard.

use super::html::Html;
use super::{incidents, tables, words};
use crate::{FindingView, NodeState, NodeView};
use collector_domain::{Condition, Contract, Incident, IncidentRevision, Rule, Text};
use shared_model::{Level, Timestamp};

/// Seconds until the browser loads the page again.
const REFRESH_SECONDS: u32 = 5;

/// Everything the page shows.
pub(crate) struct View<'a> {
    pub(crate) hospital: &'a Text,
    pub(crate) contract: &'a Contract,
    /// All incidents; closed ones are not shown.
    pub(crate) incidents: &'a [IncidentRevision],
    pub(crate) nodes: &'a [NodeView],
    pub(crate) findings: &'a [FindingView],
    pub(crate) rules: &'a [Rule],
    /// Why the collector does not do its work, if it does not.
    pub(crate) not_ready: Option<&'a str>,
    /// Account name of the reader.
    pub(crate) person: &'a str,
    /// The collector's steady time, for countdowns.
    pub(crate) steady: Timestamp,
    /// Wall clock, for ages and as the time of the page.
    pub(crate) wall: Timestamp,
}

/// Renders the page.
pub(crate) fn status_page(view: &View<'_>) -> String {
    let mut open: Vec<&Incident> = view.incidents.iter().map(|i| &**i).collect();
    open.retain(|incident| !incident.state.is_final());
    // The most severe first; what waits for nobody any more last.
    open.sort_by_key(|i| (i.clocks.resolved.is_some(), i.level, i.clocks.resolution_due, i.id));
    let mut html = Html::page("巡诊 Wardround", Some(REFRESH_SECONDS));
    top(&mut html, view);
    html.raw("<main>\n");
    banners(&mut html, view);
    summary(&mut html, view, &open);
    incidents::section(&mut html, &open, view);
    tables::findings(&mut html, view);
    tables::nodes(&mut html, view);
    html.raw("</main>\n");
    html.finish()
}

fn top(html: &mut Html, view: &View<'_>) {
    html.raw("<header>\n<div><strong>巡诊</strong> <small lang=\"en\">Wardround</small></div>\n<div class=\"hospital\">")
        .both(&view.hospital.zh, &view.hospital.en)
        .raw("</div>\n<div>合同 <small lang=\"en\">contract</small> ")
        .text(&view.contract.version)
        .raw("</div>\n<div class=\"now\"><time>")
        .text(&words::local_time(view.wall))
        .raw("</time> <small>UTC+8</small></div>\n<form method=\"post\" action=\"/logout\">")
        .text(view.person)
        .raw(" <button type=\"submit\">退出 <small lang=\"en\">Sign out</small></button></form>\n</header>\n");
}

fn banners(html: &mut Html, view: &View<'_>) {
    if view.contract.time_scale != 1 {
        let scale = view.contract.time_scale.to_string();
        html.raw("<p class=\"banner scale\" role=\"status\"><strong>时间比例 ×")
            .text(&scale)
            .raw("</strong> 规则窗口与时限按 1/")
            .text(&scale)
            .raw(" 计，非正式合同时限。 <small lang=\"en\">Time scale ×")
            .text(&scale)
            .raw(": windows and deadlines are divided, these are not the contract's own.</small></p>\n");
    }
    if let Some(why) = view.not_ready {
        html.raw("<p class=\"banner bad\" role=\"alert\"><strong>采集中心未就绪</strong> <small lang=\"en\">Collector not ready:</small> ")
            .text(why)
            .raw("</p>\n");
    }
}

fn summary(html: &mut Html, view: &View<'_>, open: &[&Incident]) {
    html.raw("<ul class=\"summary\">\n");
    for level in [Level::One, Level::Two, Level::Three, Level::Four] {
        let count = open.iter().filter(|i| i.level == level).count();
        let (zh, en) = words::level(level);
        html.raw("<li><span class=\"")
            .text(if count > 0 { words::level_class(level) } else { "level level-none" })
            .raw("\">")
            .text(zh)
            .raw(" ")
            .text(en)
            .raw("</span> <b>")
            .text(&count.to_string())
            .raw("</b></li>\n");
    }
    let known = view.nodes.iter().filter(|n| n.state != NodeState::Revoked).count();
    let fresh = view.nodes.iter().filter(|n| n.state == NodeState::Fresh).count();
    let of = |condition| {
        let here = view.findings.iter().filter(|f| f.judgement.condition == condition);
        here.count().to_string()
    };
    figure(html, ("节点在线", "nodes heard"), &format!("{fresh} / {known}"));
    figure(html, ("超限", "breached"), &of(Condition::Breached));
    figure(html, ("未知", "unknown"), &of(Condition::Unknown));
    html.raw("</ul>\n");
}

fn figure(html: &mut Html, (zh, en): words::Word, value: &str) {
    html.raw("<li>").both(zh, en).raw(" <b>").text(value).raw("</b></li>\n");
}
