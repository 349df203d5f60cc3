//! Faults of databases, made for real: each raises exactly its check, says what explains it, and clears.

mod long;
mod mariadb;
mod postgres;

use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tests::bedside::{Agent, Rest};
use tests::lone::Collector;
use tests::probes::off_but;
use tests::wait;

/// Scenario: the faults of PostgreSQL, of MariaDB, and what takes an hour or months, each beside a collector of its own. Guarantees: those
/// of the three. They wait more than they work, so they run beside each other.
#[test]
fn faults_raise_their_checks() {
    std::thread::scope(|scope| {
        scope.spawn(postgres::faults_of_postgresql_raise_their_checks);
        scope.spawn(mariadb::faults_of_mariadb_raise_their_checks);
        scope.spawn(long::what_takes_long_raises_its_checks);
    });
}

/// Windows and `for` run sixty times as fast; limits stay.
const TIME_SCALE: &str = "[contract]\ntime_scale = 60\n";

/// What PostgreSQL says nothing about by itself.
const UNENCRYPTED: &str = "security.unencrypted_at_rest";

/// A collector with one agent beside a database.
struct Ward {
    rest: Rest,
    /// What is breached before any fault.
    known: BTreeSet<String>,
    _agent: Agent,
    _collector: Collector,
    _dir: tempfile::TempDir,
}

impl Ward {
    fn start(databases: &str, settled: &str) -> Self {
        tokio::task::block_in_place(|| Self::started(databases, settled))
    }

    fn started(databases: &str, settled: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let collector = Collector::start_with(TIME_SCALE);
        let mut rest = Rest::sign_in(&collector, "zhang", "engineer");
        let more = format!("{}{databases}", off_but(&[]));
        let agent = Agent::start(&collector, "db1", &more, dir.path());
        wait::until("the first inspection", Duration::from_secs(60), || yields(&mut rest, settled));
        // Accounts of a new server never expire and nobody audits or encrypts it, which is no fault of these tests.
        let known = ["security.accounts_never_expire", "security.audit_off", UNENCRYPTED];
        let known = known
            .into_iter()
            .filter(|rule| *rule != UNENCRYPTED || databases.contains("[[mysql]]"));
        let known: BTreeSet<String> = known.map(str::to_owned).collect();
        wait::until("its findings", Duration::from_secs(60), || {
            breached(&mut rest).is_superset(&known).then_some(())
        });
        assert_eq!(breached(&mut rest), known);
        Self { rest, known, _agent: agent, _collector: collector, _dir: dir }
    }

    /// Waits for these to be breached; nothing else may be by then.
    fn expect(&mut self, fault: &str, rules: &[&str]) {
        let rest = &mut self.rest;
        let wanted: BTreeSet<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let known = &self.known;
        let until = || {
            wait::until(&format!("{fault}: {rules:?}"), Duration::from_secs(90), || {
                let found: BTreeSet<String> = breached(rest).difference(known).cloned().collect();
                found.is_superset(&wanted).then_some(found)
            })
        };
        let found = tokio::task::block_in_place(until);
        assert_eq!(found, wanted, "{fault}");
        println!("{fault}: {}", rules.join(" "));
    }

    /// Waits for these to be clear again.
    fn mended(&mut self, fault: &str, rules: &[&str]) {
        let rest = &mut self.rest;
        let clear = || {
            let found = breached(rest);
            rules.iter().all(|rule| !found.contains(*rule)).then_some(())
        };
        let what = format!("{fault} to clear");
        tokio::task::block_in_place(|| wait::until(&what, Duration::from_secs(150), clear));
    }

    /// What probes said beside a breached check holds this; the incident, if it has one, holds it too.
    fn explained(&mut self, rule: &str, line: &str) {
        let says = |evidence: &Value| {
            let said = evidence.as_array().unwrap().iter();
            said.flat_map(|e| e["lines"].as_array().unwrap())
                .any(|said| said.as_str().unwrap().contains(line))
        };
        let until = || {
            let what = format!("{rule}: {line}");
            wait::until(&what, Duration::from_secs(30), || {
                let page = self.rest.get("/api/v1/findings");
                let all = page["findings"].as_array().unwrap();
                let found = all.iter().find(|f| f["rule"] == rule)?;
                if found["tier"] != "incident" {
                    return says(&found["evidence"]).then_some(());
                }
                let page = self.rest.get(&format!("/api/v1/incidents?cause={rule}"));
                let incident = page["incidents"].as_array().unwrap().first().cloned()?;
                (says(&found["evidence"]) && says(&incident["evidence"])).then_some(())
            });
        };
        tokio::task::block_in_place(until);
    }

    /// Waits until a query yields anything.
    fn reached(&mut self, query: &str) {
        let rest = &mut self.rest;
        let until = || wait::until(query, Duration::from_secs(30), || yields(rest, query));
        tokio::task::block_in_place(until);
    }

    /// What a query yields now.
    fn value(&mut self, query: &str) -> f64 {
        let page = self.rest_get(&format!("/prometheus/api/v1/query?query={}", encoded(query)));
        let value = page["data"]["result"][0]["value"][1].as_str();
        value.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{query}: {page}"))
    }

    /// Goes on while this is breached; [`Self::mended`] comes later.
    fn leave(&mut self, rule: &str) {
        self.known.insert(rule.to_owned());
    }

    /// Each of these causes has its incident, of this clause and level.
    fn judged(&mut self, causes: &[(&str, &str, u8)]) {
        for (cause, clause, level) in causes {
            let incident = self.incident(cause);
            let found = (incident["clause"].as_str().unwrap(), incident["level"].as_u64().unwrap());
            assert_eq!(found, (*clause, u64::from(*level)), "{cause}");
        }
        let page = self.rest_get("/api/v1/incidents");
        let all = page["incidents"].as_array().unwrap();
        let found: BTreeSet<&str> = all.iter().map(|i| i["cause"].as_str().unwrap()).collect();
        assert_eq!(found, causes.iter().map(|(cause, ..)| *cause).collect(), "nothing else");
    }

    fn rest_get(&mut self, path: &str) -> Value {
        tokio::task::block_in_place(|| self.rest.get(path))
    }

    /// The incident of a cause.
    fn incident(&mut self, cause: &str) -> Value {
        let until = || {
            wait::until(cause, Duration::from_secs(30), || {
                let page = self.rest.get(&format!("/api/v1/incidents?cause={cause}"));
                page["incidents"].as_array().unwrap().first().cloned()
            })
        };
        tokio::task::block_in_place(until)
    }
}

/// Whether a query yields anything.
fn yields(rest: &mut Rest, query: &str) -> Option<()> {
    let page = rest.get(&format!("/prometheus/api/v1/query?query={}", encoded(query)));
    page["data"]["result"].as_array().filter(|found| !found.is_empty()).map(drop)
}

/// A query as a part of an address.
fn encoded(query: &str) -> String {
    query.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The rules that are breached on anything, those left out that are no faults but answers.
fn breached(rest: &mut Rest) -> BTreeSet<String> {
    let page = rest.get("/api/v1/findings");
    let all = page["findings"].as_array().unwrap();
    let of = |finding: &Value| {
        let is_fault = finding["condition"] == "breached" && finding["tier"] != "predicate";
        is_fault.then(|| finding["rule"].as_str().unwrap().to_owned())
    };
    all.iter().filter_map(of).collect()
}
