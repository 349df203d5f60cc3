//! The pages of `docs/reference` that are made from the code, and that they are as the code is.

use crate::round::{clock, fixture};
use agent_probe::{HostRoot, Lane};
use agent_probes::Context;
use shared_model::{Kind, Unit};
use std::fs;
use std::path::Path;

/// Compares a page with what it should be, or writes it when `WARDROUND_UPDATE` is set.
pub(crate) fn check(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("WARDROUND_UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, page).expect("a page");
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differing = page.lines().zip(found.lines()).find(|(expected, found)| expected != found);
    assert!(
        page == found,
        "{} is not as the code is (first difference {differing:?}): run the test again with \
         WARDROUND_UPDATE=1",
        path.display()
    );
}

const PAGE_HEAD: &str = "# 服务器探针的指标 / Metrics of the server's probes

<!-- Made by the tests of `agent/probes`: WARDROUND_UPDATE=1 cargo test -p agent-probes reference -->

名称、标签与数值同 node_exporter；`wardround_` 开头的是本系统自有的。

Names, labels and values are node_exporter's; what begins with `wardround_` is ours. A value that is not known is left out,
never 0.
";

/// Scenario: the page of all metrics. Guarantees: it has every metric of every probe as the code declares it.
#[test]
fn the_reference_has_every_metric() {
    let context = Context::new(HostRoot::at(fixture("captured")), clock());
    let mut page = String::from(PAGE_HEAD);
    for probe in agent_probes::all(&context) {
        let spec = probe.spec();
        let lane = match spec.lane {
            Lane::Fast => "快 fast",
            Lane::Slow => "慢 slow",
        };
        let seconds = spec.default_interval.as_secs();
        page += &format!(
            "\n## {}\n\n间隔 interval {seconds} s，通道 lane {lane}\n\n| 指标 metric | 类型 kind | 单位 unit | 含义 \
             help | 来源 source |\n|---|---|---|---|---|\n",
            spec.name
        );
        for metric in probe.metrics() {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Info => "info",
            };
            let unit = match metric.unit {
                Unit::None => "",
                Unit::Seconds => "s",
                Unit::Bytes => "B",
                Unit::BytesPerSecond => "B/s",
                Unit::Ratio => "0-1",
            };
            let [help, source] = [metric.help, metric.source].map(|text| text.replace('|', "\\|"));
            page += &format!("| `{}` | {kind} | {unit} | {help} | `{source}` |\n", metric.name);
        }
    }
    check("metrics.md", &page);
}
