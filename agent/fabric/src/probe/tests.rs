//! The probe on a fabric that is made up: two leaf switches and two servers with two ports each.

#![allow(clippy::float_cmp, reason = "counts and states are exact")]

use super::*;
use crate::bytes::put;
use crate::mad::{Attribute, Question};
use shared_model::{Labels, NAME as METRIC, SimClock, Timestamp};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// What every question to a node, or about a port of it, meets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Silent,
    Refusing,
    Nonsense,
}

/// A node by its place in [`Made::nodes`].
struct MadeNode {
    kind: u8,
    name: &'static str,
    ports: u8,
    mood: Option<Mood>,
}

struct Made {
    nodes: Vec<MadeNode>,
    /// Both ends of each link: node and port.
    links: Vec<((usize, u8), (usize, u8))>,
    /// Lanes of a port that runs below 4, as the bits of the attribute.
    lanes: BTreeMap<(usize, u8), u8>,
    /// Bytes of `PortCounters`.
    counters: BTreeMap<(usize, u8), Vec<(usize, u8)>>,
    /// States of subnet managers by the port behind which they run.
    managers: BTreeMap<(usize, u8), u8>,
    asked: usize,
}

const SW_A: usize = 0;
const SW_B: usize = 1;
const DB1: usize = 2;
const DB2: usize = 3;

fn made() -> Arc<Mutex<Made>> {
    let node = |kind, name, ports| MadeNode { kind, name, ports, mood: None };
    Arc::new(Mutex::new(Made {
        nodes: vec![
            node(2, "sw-a", 8),
            node(2, "sw-b", 8),
            node(1, "db1 mlx5_0", 2),
            node(1, "db2 mlx5_0", 2),
        ],
        links: vec![
            ((SW_A, 1), (DB1, 1)),
            ((SW_B, 1), (DB1, 2)),
            ((SW_A, 2), (DB2, 1)),
            ((SW_B, 2), (DB2, 2)),
            ((SW_A, 3), (SW_B, 3)),
        ],
        lanes: BTreeMap::new(),
        counters: BTreeMap::new(),
        managers: BTreeMap::from([((DB2, 2), 3)]),
        asked: 0,
    }))
}

impl Made {
    fn peer(&self, end: (usize, u8)) -> Option<(usize, u8)> {
        let other = |(a, b): &((usize, u8), (usize, u8))| match end {
            _ if *a == end => Some(*b),
            _ if *b == end => Some(*a),
            _ => None,
        };
        self.links.iter().find_map(other)
    }

    /// Where a path from the first port of the first server leads: the node and the port of arrival.
    fn follow(&self, path: &[u8]) -> Option<(usize, u8)> {
        let mut at = (DB1, 1);
        for (hop, leave_by) in path.iter().enumerate() {
            // Only switches pass on, and an adapter is left by the port of the device.
            if (hop == 0 && *leave_by != 1) || (hop > 0 && self.nodes[at.0].kind != 2) {
                return None;
            }
            at = self.peer((at.0, *leave_by))?;
        }
        Some(at)
    }

    fn port_info(&self, end: (usize, u8)) -> Vec<u8> {
        let mut data = vec![0; 64];
        let is_up = self.peer(end).is_some();
        let lid = if self.nodes[end.0].kind == 2 { end.0 } else { 10 * end.0 + usize::from(end.1) };
        put(&mut data, 17, &[u8::try_from(lid).unwrap() + 1]);
        put(&mut data, 23, &[if self.managers.contains_key(&end) { 2 } else { 0 }]);
        put(&mut data, 30, &[3, *self.lanes.get(&end).unwrap_or(&2)]);
        put(&mut data, 32, if is_up { &[0x74, 0x52] } else { &[0x71, 0x22] });
        put(&mut data, 35, &[0x47]);
        put(&mut data, 62, &[0x23]);
        data
    }

    fn subnet(&self, at: (usize, u8), attribute: Attribute, modifier: u32) -> Vec<u8> {
        let node = &self.nodes[at.0];
        let mut data = vec![0; 64];
        match attribute {
            Attribute::NodeDescription => put(&mut data, 0, node.name.as_bytes()),
            Attribute::NodeInfo => {
                put(&mut data, 2, &[node.kind, node.ports]);
                put(&mut data, 19, &[u8::try_from(at.0).unwrap() + 1]);
                put(&mut data, 36, &[at.1]);
            }
            Attribute::PortInfo => data = self.port_info((at.0, u8::try_from(modifier).unwrap())),
            _ => {
                put(&mut data, 7, &[u8::try_from(at.0).unwrap() + 1]);
                put(&mut data, 20, &[*self.managers.get(&at).unwrap_or(&0)]);
            }
        }
        data
    }

    fn by_lid(&self, lid: u16) -> usize {
        let lid = usize::from(lid) - 1;
        if lid < 2 { lid } else { lid / 10 }
    }
}

struct Asking(Arc<Mutex<Made>>);

impl Ask for Asking {
    fn ask(&mut self, question: &Question) -> Result<Vec<u8>, AskError> {
        let mut made = self.0.lock().unwrap();
        made.asked += 1;
        let at = match question {
            Question::Subnet { path, .. } => made.follow(path).ok_or(AskError::NoAnswer)?,
            Question::Performance { lid, port, .. } => (made.by_lid(*lid), *port),
        };
        match made.nodes[at.0].mood {
            Some(Mood::Silent) => return Err(AskError::NoAnswer),
            Some(Mood::Refusing) => return Err(AskError::Refused(0x0C)),
            Some(Mood::Nonsense) => return Ok(vec![0xFF; 7]),
            None => {}
        }
        Ok(match question {
            Question::Subnet { attribute, modifier, .. } => made.subnet(at, *attribute, *modifier),
            Question::Performance { .. } => {
                let mut data = vec![0; 192];
                for (byte, value) in made.counters.get(&at).into_iter().flatten() {
                    put(&mut data, *byte, &[*value]);
                }
                data
            }
        })
    }
}

/// A probe whose one device asks the made-up fabric, and the clock that it goes by.
fn probe(made: &Arc<Mutex<Made>>) -> (FabricProbe, Arc<SimClock>) {
    let clock = Arc::new(SimClock::at(Timestamp::from_secs(1_767_225_600)));
    let settings = FabricSettings {
        folder: PathBuf::from("/nonexistent"),
        device: None,
        name: "fabric".to_owned(),
        expected_lanes: None,
        expected_speed: None,
    };
    let mut probe = FabricProbe::new(settings, Arc::<SimClock>::clone(&clock));
    reopen(&mut probe, made);
    (probe, clock)
}

fn reopen(probe: &mut FabricProbe, made: &Arc<Mutex<Made>>) {
    probe.devices = vec![Box::new(Asking(Arc::clone(made)))];
    probe.paths = vec![PathBuf::from("/nonexistent/umad0")];
}

type Samples = BTreeMap<String, f64>;

fn round(probe: &mut FabricProbe, sink: &mut Sink) -> (Outcome, Samples) {
    sink.begin();
    let outcome = probe.read(sink);
    let samples = sink.samples().iter().filter_map(|sample| {
        let labels = sample.labels().iter().map(|(name, value)| (&**name, &**value));
        let labels = Labels::from_pairs(labels.chain([(METRIC, sample.metric().name)]));
        let declared = METRICS.iter().any(|metric| std::ptr::eq(*metric, sample.metric()));
        assert!(declared, "{labels}");
        Some((labels.to_string(), sample.value()?))
    });
    (outcome, samples.collect())
}

fn first_round(made: &Arc<Mutex<Made>>) -> (Outcome, Samples) {
    round(&mut probe(made).0, &mut Sink::default())
}

/// Values of a metric by what stands behind it in braces, shortened to node and port.
fn of(samples: &Samples, metric: &str) -> BTreeMap<String, f64> {
    let begin = format!("{metric}{{");
    let part = |labels: &str, name: &str| {
        let rest = labels.split_once(&format!("{name}=\"")).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
    };
    let found = samples.iter().filter_map(|(series, value)| {
        let labels = series.strip_prefix(&begin)?;
        let labels = format!("{{{labels}").replace(['{', ','], " ");
        Some((format!("{}:{}", part(&labels, " node"), part(&labels, " port")), *value))
    });
    found.collect()
}

/// Scenario: a whole fabric. Guarantees: every node and link is found once, each link is told from both ends and is first at
/// the switch, and nothing is degraded, unreadable or missing.
#[test]
fn a_whole_fabric_is_found() {
    let (outcome, samples) = first_round(&made());
    assert!(matches!(outcome, Outcome::Sampled), "{outcome:?}");
    assert_eq!(samples["wardround_fabric_nodes"], 4.0);
    assert_eq!(samples["wardround_fabric_unreadable_ports"], 0.0);
    assert_eq!(samples["wardround_fabric_master_subnet_managers"], 1.0);
    let expected = "wardround_fabric_link_info{guid=\"0000000000000001\",node=\"sw-a\",node_type=\"switch\",peer_device=\"mlx5_0\",peer_guid=\"0000000000000004\",peer_node=\"db2\",peer_node_type=\"hca\",peer_port=\"1\",port=\"2\",side=\"first\"}";
    assert_eq!(samples.get(expected), Some(&1.0), "{samples:#?}");
    let links = samples.keys().filter(|series| series.contains("link_info"));
    let (first, second): (Vec<_>, Vec<_>) =
        links.partition(|series| series.contains("side=\"first\""));
    assert_eq!((first.len(), second.len()), (5, 5));
    let between: Vec<_> =
        first.iter().filter(|s| s.contains("peer_node_type=\"switch\"")).collect();
    assert!(between.len() == 1 && between[0].contains("node=\"sw-a\""), "{between:?}");
    assert_eq!(of(&samples, "wardround_fabric_port_state_id").len(), 8 + 8 + 2 + 2);
    let symbols = of(&samples, "wardround_fabric_port_symbol_errors_total");
    assert_eq!(symbols.len(), 10);
    assert!(
        of(&samples, "wardround_fabric_port_degraded").values().all(|degraded| *degraded == 0.0)
    );
    assert_eq!(
        of(&samples, "wardround_fabric_subnet_manager"),
        BTreeMap::from([("db2:2".to_owned(), 3.0)])
    );
}

/// Scenario: a link at one lane, errors at both ends of another, a full counter. Guarantees: each shows at its own port and
/// nowhere else; only the full one is saturated.
#[test]
fn faults_show_at_their_port() {
    let made = made();
    {
        let mut made = made.lock().unwrap();
        made.lanes = BTreeMap::from([((SW_A, 2), 1), ((DB2, 1), 1)]);
        let symbol_errors = vec![(4, 1), (5, 2)];
        made.counters = BTreeMap::from([((SW_B, 1), symbol_errors), ((DB1, 1), vec![(7, 255)])]);
    }
    let (_, samples) = first_round(&made);
    let nonzero = |metric: &str| -> Vec<(String, f64)> {
        of(&samples, metric).into_iter().filter(|(_, value)| *value != 0.0).collect()
    };
    let ports = |list: &[(&str, f64)]| -> Vec<(String, f64)> {
        list.iter().map(|(port, value)| ((*port).to_owned(), *value)).collect()
    };
    assert_eq!(
        nonzero("wardround_fabric_port_degraded"),
        ports(&[("db2:1", 1.0), ("sw-a:2", 1.0)])
    );
    assert_eq!(nonzero("wardround_fabric_port_symbol_errors_total"), ports(&[("sw-b:1", 258.0)]));
    assert_eq!(nonzero("wardround_fabric_port_link_downed_total"), ports(&[("db1:1", 255.0)]));
    let saturated: Vec<_> =
        samples.iter().filter(|(s, v)| s.contains("saturated") && **v == 1.0).collect();
    assert!(
        saturated.len() == 1 && saturated[0].0.contains("counter=\"link_downed\""),
        "{saturated:?}"
    );
    let rates = of(&samples, "wardround_fabric_port_rate_bytes_per_second");
    assert_eq!((rates["sw-a:2"], rates["sw-a:1"]), (25e9 / 8.0, 100e9 / 8.0));
}

/// Scenario: a switch refuses, answers nonsense or says nothing from the beginning. Guarantees: the rest of the fabric is read by the other
/// way, what is lost is counted, nobody is called missing, and a silent node is asked only a few times.
#[test]
fn one_bad_node_costs_its_ports() {
    for mood in [Mood::Silent, Mood::Refusing, Mood::Nonsense] {
        let made = made();
        made.lock().unwrap().nodes[SW_B].mood = Some(mood);
        let (outcome, samples) = first_round(&made);
        assert!(matches!(outcome, Outcome::Partial(_)), "{outcome:?}");
        assert_eq!(samples["wardround_fabric_nodes"], 3.0);
        // The way from sw-a to sw-b; the servers' second ports are asked through sw-b alone.
        assert_eq!(samples["wardround_fabric_unreadable_ports"], 1.0);
        assert_eq!(of(&samples, "wardround_fabric_node_unreadable_ports")["sw-a:"], 1.0);
        // One master is seen nowhere, and that there is none is not known.
        assert!(!samples.contains_key("wardround_fabric_master_subnet_managers"));
        assert!(of(&samples, "wardround_fabric_port_symbol_errors_total").contains_key("sw-a:2"));
    }
}

/// Scenario: a switch that was read dies, comes back, and another time only does not answer. Guarantees: it is missing when
/// every way was followed and it was not found, present again after, and neither while somebody is silent.
#[test]
fn missing_is_said_only_when_everybody_answered() {
    let made = made();
    let (mut probe, clock) = probe(&made);
    let mut sink = Sink::default();
    let mut next = |probe: &mut FabricProbe| {
        clock.advance(Duration::from_secs(30));
        of(&round(probe, &mut sink).1, "wardround_fabric_node_present").get("sw-b:").copied()
    };
    assert_eq!(next(&mut probe), Some(1.0));
    let links = std::mem::take(&mut made.lock().unwrap().links);
    let without = links.iter().filter(|(a, b)| a.0 != SW_B && b.0 != SW_B).copied();
    made.lock().unwrap().links = without.collect();
    assert_eq!(next(&mut probe), Some(0.0));
    made.lock().unwrap().links = links;
    assert_eq!(next(&mut probe), Some(1.0));
    made.lock().unwrap().nodes[SW_B].mood = Some(Mood::Silent);
    assert_eq!(next(&mut probe), None);
    made.lock().unwrap().nodes[SW_B].mood = None;
    clock.advance(Duration::from_secs(90_000));
    assert_eq!(next(&mut probe), Some(1.0));
}

/// Scenario: the reader's own cable is pulled. Guarantees: the round fails, nobody is called missing for it, and the next
/// round reads again.
#[test]
fn a_blind_reader_says_so() {
    let made = made();
    let (mut probe, _) = probe(&made);
    let mut sink = Sink::default();
    round(&mut probe, &mut sink);
    let cable = made.lock().unwrap().links.remove(0);
    let (outcome, samples) = round(&mut probe, &mut sink);
    assert!(matches!(outcome, Outcome::Failed(_)) && samples.is_empty(), "{outcome:?}");
    made.lock().unwrap().links.push(cable);
    reopen(&mut probe, &made);
    assert!(matches!(round(&mut probe, &mut sink).0, Outcome::Sampled));
}

/// Scenario: two masters, and none. Guarantees: both are counted.
#[test]
fn masters_are_counted() {
    for (managers, expected) in
        [(vec![((DB2, 2), 3), ((DB1, 1), 3)], 2.0), (vec![((DB2, 2), 2)], 0.0), (vec![], 0.0)]
    {
        let made = made();
        made.lock().unwrap().managers = managers.into_iter().collect();
        assert_eq!(first_round(&made).1["wardround_fabric_master_subnet_managers"], expected);
    }
}

/// Scenario: the configuration expects more, and less, than the links have. Guarantees: only more is degraded.
#[test]
fn the_configuration_decides_what_is_expected() {
    for (lanes, speed, degraded) in
        [(Some(12), None, 1.0), (None, Some("HDR"), 1.0), (Some(1), Some("SDR"), 0.0)]
    {
        let made = made();
        let (mut probe, _) = probe(&made);
        probe.expected = Expected { lanes, speed: speed.and_then(Speed::named) };
        let (_, samples) = round(&mut probe, &mut Sink::default());
        assert!(of(&samples, "wardround_fabric_port_degraded").values().all(|d| *d == degraded));
    }
}

/// Scenario: no device, and a device file that is none. Guarantees: absent, and failed by name.
#[test]
fn no_device_is_absent() {
    let folder = tempfile::tempdir().unwrap();
    let (mut probe, _) = probe(&made());
    let mut sink = Sink::default();
    let mut open = |probe: &mut FabricProbe| {
        (probe.devices, probe.paths) = (Vec::new(), Vec::new());
        round(probe, &mut sink).0
    };
    probe.settings.folder = folder.path().to_owned();
    assert!(matches!(open(&mut probe), Outcome::Absent(_)));
    std::fs::write(folder.path().join("umad3"), "").unwrap();
    let failed = open(&mut probe);
    assert!(
        matches!(&failed, Outcome::Failed(error) if error.to_string().contains("umad3")),
        "{failed:?}"
    );
    probe.settings.device = Some("umad1".to_owned());
    assert!(matches!(open(&mut probe), Outcome::Absent(_)));
}
