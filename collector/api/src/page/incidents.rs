//! The table of open incidents.

use super::evidence;
use super::html::Html;
use super::status::View;
use super::words;
use crate::json::Countdown;
use collector_domain::{Incident, Rule};
use shared_model::Timestamp;

/// Most rows; a hospital with more has one problem, not many.
const ROWS_MAX: usize = 200;

/// Most linked findings named in a row.
const LINKS_MAX: usize = 4;

/// One of the two clocks of an incident.
struct Hand {
    /// Left in seconds while it runs.
    left: Option<f64>,
    due: Timestamp,
    stopped: Option<Timestamp>,
    missed: bool,
}

/// The section with its table. `open` is in the order of rows.
pub(super) fn section(html: &mut Html, open: &[&Incident], view: &View<'_>) {
    html.raw("<section>\n<h2>未关闭的故障 <small lang=\"en\">Open incidents</small></h2>\n");
    if open.is_empty() {
        html.raw("<p class=\"empty\">没有未关闭的故障。 <small lang=\"en\">No open incident.</small></p>\n</section>\n");
        return;
    }
    html.raw(
        "<div class=\"scroll\"><table class=\"incidents\">\n<thead><tr>\
         <th>编号 <small lang=\"en\">No.</small></th><th>级别 <small lang=\"en\">Level</small></th>\
         <th>故障 <small lang=\"en\">Incident</small></th><th>状态 <small lang=\"en\">State</small></th>\
         <th>响应 <small lang=\"en\">Response</small></th><th>处理 <small lang=\"en\">Resolution</small></th>\
         <th>关联发现 <small lang=\"en\">Linked findings</small></th></tr></thead>\n<tbody>\n",
    );
    for incident in open.iter().take(ROWS_MAX) {
        row(html, incident, view);
    }
    html.raw("</tbody>\n</table></div>\n");
    super::tables::rest(html, open.len(), ROWS_MAX);
    html.raw("</section>\n");
}

fn row(html: &mut Html, incident: &Incident, view: &View<'_>) {
    let clocks = &incident.clocks;
    let left = Countdown::of(incident, view.steady);
    let (level_zh, level_en) = words::level(incident.level);
    html.raw("<tr><td class=\"id\">")
        .text(&incident.id.to_string())
        .raw("</td><td><span class=\"")
        .text(words::level_class(incident.level))
        .raw("\">")
        .text(level_zh)
        .raw(" ")
        .text(level_en)
        .raw("</span></td><td class=\"what\"><b>")
        .text(&incident.title.zh)
        .raw("</b> <small lang=\"en\">")
        .text(&incident.title.en)
        .raw("</small><div class=\"subject\">")
        .text(&words::subject(&incident.subject))
        .raw("</div><div class=\"meta\">条款 <small lang=\"en\">clause</small> ")
        .text(incident.clause.as_str())
        .raw(" · 发现 <small lang=\"en\">detected</small> ")
        .text(&words::local_time(clocks.detected));
    if let Some(value) = incident.value {
        html.raw(" · 值 <small lang=\"en\">value</small> ").text(&words::number(value));
    }
    if incident.late {
        html.raw(" · <b>补传数据</b> <small lang=\"en\">late data</small>");
    }
    html.raw("</div>");
    evidence::lines(html, &incident.evidence);
    html.raw("</td><td class=\"state\">");
    state(html, incident);
    html.raw("</td><td>");
    let response = Hand {
        left: left.response_seconds,
        due: clocks.response_due,
        stopped: clocks.acknowledged,
        missed: clocks.response_missed.is_some(),
    };
    clock(html, &response, clocks.detected);
    html.raw("</td><td>");
    let resolution = Hand {
        left: left.resolution_seconds,
        due: clocks.resolution_due,
        stopped: clocks.resolved,
        missed: clocks.resolution_missed.is_some(),
    };
    clock(html, &resolution, clocks.detected);
    html.raw("</td><td class=\"links\">");
    links(html, incident, view.rules);
    html.raw("</td></tr>\n");
}

fn state(html: &mut Html, incident: &Incident) {
    let (zh, en) = words::state(incident.state);
    html.both(zh, en);
    if let Some(by) = &incident.acknowledged_by {
        html.raw("<div class=\"meta\">").text(by).raw("</div>");
    }
    if let Some(until) = incident.clocks.watch_until {
        html.raw("<div class=\"meta\">至 <small lang=\"en\">until</small> ")
            .text(&words::local_time(until))
            .raw("</div>");
    }
    if incident.reopened > 0 {
        html.raw("<div class=\"meta\">复发 <small lang=\"en\">reopened</small> ×")
            .text(&incident.reopened.to_string())
            .raw("</div>");
    }
}

fn clock(html: &mut Html, hand: &Hand, from: Timestamp) {
    match (hand.left, hand.stopped) {
        (Some(left), _) if left < 0.0 => {
            html.raw("<span class=\"clock over\">超时 <small lang=\"en\">over</small> +")
                .text(&words::clock_span(left))
                .raw("</span>");
        }
        (Some(left), _) => {
            let whole = hand.due.since(from).as_secs_f64();
            // Under half of the time left is worth a look, under a fifth is urgent.
            let class = match left / whole {
                share if share < 0.2 => "clock urgent",
                share if share < 0.5 => "clock soon",
                _ => "clock",
            };
            html.raw("<span class=\"")
                .text(class)
                .raw("\">剩 <small lang=\"en\">left</small> ")
                .text(&words::clock_span(left))
                .raw("</span>");
        }
        (None, Some(at)) => {
            let (zh, en) = if hand.missed { ("超时", "late") } else { ("按时", "in time") };
            html.raw("<span class=\"clock done\">")
                .both(zh, en)
                .raw(" ")
                .text(&words::local_clock(at))
                .raw("</span>");
            return;
        }
        (None, None) => {
            html.raw("<span class=\"clock done\">—</span>");
            return;
        }
    }
    html.raw("<div class=\"meta\">限 <small lang=\"en\">due</small> ")
        .text(&words::local_clock(hand.due))
        .raw("</div>");
}

fn links(html: &mut Html, incident: &Incident, rules: &[Rule]) {
    for link in incident.links.iter().take(LINKS_MAX) {
        let title = rules.iter().find(|rule| rule.id == link.rule).map(|rule| &rule.title);
        let (condition_zh, condition_en) = words::condition(link.condition);
        html.raw("<div>");
        match title {
            Some(title) => html.both(&title.zh, &title.en),
            None => html.text(&link.rule),
        };
        html.raw("<span class=\"meta\"> ")
            .text(&words::subject(&link.subject))
            .raw(" · ")
            .both(condition_zh, condition_en)
            .raw("</span></div>");
    }
    super::tables::rest(html, incident.links.len(), LINKS_MAX);
}
