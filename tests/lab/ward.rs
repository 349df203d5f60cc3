//! The guest, its agent, and the collector outside that judges.

use crate::faults::Step;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tests::bedside::Rest;
use tests::demo::Incident;
use tests::lab::guest::{Guest, HOST};
use tests::lab::image::Image;
use tests::lone::Collector;
use tests::wait;

/// Windows and `for` run sixty times as fast; limits and counts of samples stay.
const CONTRACT: &str = "[contract]\ntime_scale = 60\n";

/// Queries that have an answer once everything that will be broken is read and judged.
const READINGS: [&str; 7] = [
    "node_infiniband_state_id == 4",
    "wardround_nvme_critical_warning == 0",
    "node_md_disks{state=\"active\"} == 2",
    // A full window of the load, so that the sound disk is judged as well.
    "rate(node_disk_reads_completed_total[5s]) > 10 and on (device) wardround_data_device_info",
    "rate(node_disk_read_time_seconds_total[5s]) / rate(node_disk_reads_completed_total[5s]) < 0.003 and on (device) wardround_data_device_info",
    "wardround_ipmi_sensor_state{kind=\"power_supply\"} == 0",
    "wardround_ipmi_sel_entries_total{class=\"power\",severity=\"critical\"} == 0",
];

/// Reads the database's disk as a database would: a few I/O at a time, past the cache.
const LOAD: &str = "(while :; do dd if=/data/file of=/dev/null bs=4k count=16 iflag=direct; sleep 0.2; done) >/dev/null 2>&1 &";

pub(crate) struct Ward {
    start: Instant,
    guest: Guest,
    rest: Rest,
    first_seen: BTreeMap<String, Duration>,
    // Outlives who asks it.
    _collector: Collector,
    _dir: tempfile::TempDir,
}

impl Ward {
    /// Boots the guest, starts the collector meanwhile, and joins the agent over the guest's network.
    pub(crate) fn open() -> Self {
        #[allow(clippy::disallowed_methods, reason = "what the laboratory takes is real time")]
        let start = Instant::now();
        let dir = tempfile::Builder::new().prefix("wardround-lab-").tempdir().unwrap();
        let mut guest = Guest::boot(dir.path(), &Image::make(dir.path()));
        let collector = Collector::start_with(CONTRACT);
        let rest = Rest::sign_in(&collector, "lab", "engineer");
        let (_, port) = collector.agents.rsplit_once(':').unwrap();
        let token = collector.token("lab", "1h");
        let failed = guest.run("cat /run/failed 2>/dev/null || true");
        assert_eq!(failed, "", "{}", guest.console());
        guest.run(&format!("wardround-agent join --collector {HOST}:{port} --token {token}"));
        guest.run("wardround-agent run >/run/agent.log 2>&1 &");
        guest.run(LOAD);
        Self { start, guest, rest, first_seen: BTreeMap::new(), _collector: collector, _dir: dir }
    }

    /// How long it has been open.
    pub(crate) fn age(&self) -> Duration {
        self.start.elapsed()
    }

    /// Makes or mends a fault.
    pub(crate) fn apply(&mut self, steps: &[Step]) {
        for step in steps {
            match *step {
                Step::Run(line) => drop(self.guest.run(line)),
                Step::Set(device, property, value) => self.guest.set(device, property, value),
                Step::Bmc(act) => act(&self.guest.bmc),
            }
        }
    }

    /// Waits until everything that will be broken is seen to be sound.
    pub(crate) fn wait_for_readings(&mut self) {
        for query in READINGS {
            let found = wait::passes(Duration::from_secs(60), || self.has(query));
            assert!(found, "nothing read for {query}\n{}", self.words());
        }
    }

    /// Fails unless every probe gave its readings, round by round, during the last minute.
    pub(crate) fn expect_all_probes_on_time(&mut self) {
        // Some rounds' room for a busy host, which delays the whole guest.
        assert!(self.has("count_over_time(node_load1[60s]) > 50"), "{}", self.words());
        let failed = "min_over_time(wardround_probe_success[60s]) == 0";
        assert!(!self.has(failed), "{:#}\n{}", self.query(failed), self.words());
    }

    /// Whether a query has an answer.
    fn has(&mut self, query: &str) -> bool {
        self.query(query).as_array().is_some_and(|series| !series.is_empty())
    }

    fn query(&mut self, query: &str) -> Value {
        let encoded: String = query.bytes().map(|b| format!("%{b:02X}")).collect();
        self.rest.get(&format!("/prometheus/api/v1/query?query={encoded}"))["data"]["result"].take()
    }

    /// All incidents.
    pub(crate) fn incidents(&mut self) -> Vec<Incident> {
        #[derive(Deserialize)]
        struct Page {
            incidents: Vec<Incident>,
        }
        let page = self.rest.get("/api/v1/incidents?limit=200");
        let Page { incidents } = serde_json::from_value(page).unwrap();
        let now = self.age();
        for incident in &incidents {
            self.first_seen.entry(incident.id.clone()).or_insert(now);
        }
        incidents
    }

    /// At what age of the laboratory an incident was there first.
    pub(crate) fn first_seen(&self, incident: &Incident) -> Duration {
        self.first_seen[&incident.id]
    }

    /// What the person on duty does with an incident whose fault is mended: respond, state the fix, have it verified.
    pub(crate) fn settle(&mut self, id: &str, fault: &str) {
        let path = format!("/api/v1/incidents/{id}");
        self.act(&path, "acknowledge", &json!({}));
        let verified = wait::passing(Duration::from_secs(30), || {
            match self.rest.get(&path)["state"].as_str()? {
                "watching" => return Some(()),
                "acknowledged" => self.act(&path, "resolve", &json!({ "fix": fault })),
                // When its check is not clear on newer samples it falls back to acknowledged.
                "resolved" => self.act(&path, "verify", &json!({})),
                _ => {}
            }
            None
        });
        assert!(verified.is_some(), "{fault}: {:#}", self.rest.get(&path));
    }

    fn act(&mut self, path: &str, verb: &str, body: &Value) {
        self.rest.post(&format!("{path}/{verb}"), body);
    }

    /// What the guest and its agent said, for a failure.
    pub(crate) fn words(&mut self) -> String {
        let agent = self.guest.run("tail -n 40 /run/agent.log; uptime; dmesg | tail -n 20");
        format!("{agent}\n{}", self.guest.console())
    }
}
