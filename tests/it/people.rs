//! People and an incident: who is told next, who responds, what the hospital signs, and what proves it.

use crate::webhooks::{agent, webhook};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tests::bedside::Rest;
use tests::load::fabric::Fabric;
use tests::lone::Collector;
use tests::sink::Sink;
use tests::wait;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn state(rest: &mut Rest, id: &str, wanted: &str) -> Value {
    wait::until(&format!("{id} to be {wanted}"), Duration::from_secs(60), || {
        let incident = rest.get(&format!("/api/v1/incidents/{id}"));
        (incident["state"] == wanted).then_some(incident)
    })
}

fn refused(collector: &Collector, args: &[&str]) -> String {
    let output = collector.command(args);
    assert!(!output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// Puts people on duty for this year and a month more.
fn put_on_duty(rest: &mut Rest, people: &[&str]) {
    let now = rest.get("/api/v1/roster")["from"].as_str().unwrap().to_owned();
    let year: i64 = now[..4].parse().unwrap();
    let (from, to) = (format!("{year}-01-01T00:00:00Z"), format!("{}-02-01T00:00:00Z", year + 1));
    let shift = |person: &&str| json!({"person": person, "rank": "first", "from": from, "to": to});
    let shifts: Vec<Value> = people.iter().map(shift).collect();
    let roster = rest.put("/api/v1/roster", &json!({"from": from, "to": to, "shifts": shifts}));
    assert_eq!((&roster["gaps"], &roster["coverage"]), (&json!([]), &json!(1.0)));
}

/// Two people acknowledge at once: one wins, and the other is told by whom.
fn respond_at_once(path: &str, li: &mut Rest, wang: &mut Rest) {
    let both = std::thread::scope(|scope| {
        let respond = move |person: &'static str, rest: &mut Rest| {
            let answer = rest.try_post(&format!("{path}/acknowledge"), &json!({}));
            (person, answer.map_err(|e| format!("{e:#}")))
        };
        let first = scope.spawn(move || respond("li", li));
        let other = scope.spawn(move || respond("wang", wang));
        [first.join().unwrap(), other.join().unwrap()]
    });
    let winner = both.iter().find(|(_, answer)| answer.is_ok()).expect("one wins").0;
    let told = both.iter().find_map(|(_, answer)| answer.as_ref().err()).expect("one is told");
    assert!(told.contains(&format!("acknowledged by {winner}")), "{told}");
}

/// From the fix to the hospital's signature, with what stands in its way.
fn repair_and_sign(path: &str, id: &str, li: &mut Rest, hospital: &mut Rest) {
    li.post(&format!("{path}/resolve"), &json!({"fix": "cable reseated"}));
    li.post(&format!("{path}/verify"), &json!({}));
    state(li, id, "watched");
    let early_sign = hospital.try_post(&format!("{path}/sign"), &json!({})).unwrap_err();
    assert!(format!("{early_sign:#}").contains("diagnose first"), "{early_sign:#}");
    let diagnosis = json!({"category": "network", "root_cause": "loose cable"});
    li.post(&format!("{path}/diagnose"), &diagnosis);
    let by_engineer = li.try_post(&format!("{path}/sign"), &json!({}));
    assert!(by_engineer.is_err(), "an engineer does not sign");
    hospital.post(&format!("{path}/sign"), &json!({}));
    let closed = state(hospital, id, "closed");
    assert_eq!(closed["sheet"]["signed_by"], "chen");
}

/// The ledger against the checkpoint `early` and one of now; an older copy of it, and one of which a byte is flipped.
fn prove(collector: &mut Collector, dir: &Path, early: &Path, old: &Path) {
    let late = dir.join("late.json");
    let late = late.to_str().unwrap();
    collector.done(&["ledger", "checkpoint", "-o", late]);
    collector.stop();
    let verify =
        |checkpoint: &str| collector.done(&["ledger", "verify", "--checkpoint", checkpoint]);
    let proven = verify(early.to_str().unwrap());
    println!("{proven}");
    assert!(proven.contains("follow the checkpoint unproven"), "{proven}");
    assert!(verify(late).contains("\n0 entries follow"));
    let exported = collector.done(&["ledger", "export"]);
    let lines: Vec<Value> = exported.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(lines.iter().zip(1..).all(|(entry, number)| entry["number"] == number));
    assert!(
        lines.iter().any(|entry| entry["kind"] == "signed" && entry["actor"]["person"] == "chen")
    );
    let old = ["ledger", "verify", "--checkpoint", late, "--dir", old.to_str().unwrap()];
    let said = refused(collector, &old);
    assert!(said.contains("are missing"), "{said}");
    let flipped = dir.join("flipped");
    copy(&collector.data().join("ledger"), &flipped);
    let mut files = std::fs::read_dir(&flipped).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|e| e == "seg")).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let found = refused(collector, &["ledger", "verify", "--dir", flipped.to_str().unwrap()]);
    println!("{found}");
    assert!(found.contains("ledger entry "), "{found}");
}

/// Scenario: a fault that nobody answers while the collector is killed and started again (T10); two people on duty who respond at once
/// (T8), and one who is not on duty; repair, verification, watch, the hospital's signature; then a ledger of which one byte is
/// flipped (T7), and an older copy of it.
/// Guarantees: each step of the ladder is told once, the kill notwithstanding; one response wins and the other is told by whom; who
/// is not on duty cannot respond; it is closed by the signature; figures count it; the verifier names what was changed or is missing.
#[test]
fn a_fault_from_the_ladder_to_the_signature() {
    let dir = tempfile::tempdir().unwrap();
    let (duty, second, lead) = (Sink::start(), Sink::start(), Sink::start());
    let mut config = "[contract]\ntime_scale = 60\nwatch = \"60s\"\n".to_owned();
    for (name, sink, after) in [
        ("duty", &duty, ""),
        ("second", &second, "after = \"120s\"\n"),
        ("lead", &lead, "after = \"180s\"\n"),
    ] {
        config += &webhook(name, &sink.address.to_string(), after, dir.path());
    }
    let mut collector = Collector::start_with(&config);
    let mut people = ["li", "wang", "zhao"].map(|name| Rest::sign_in(&collector, name, "engineer"));
    let mut hospital = Rest::sign_in(&collector, "chen", "approver");
    put_on_duty(&mut people[0], &["li", "wang"]);
    let early = dir.path().join("early.json");
    collector.done(&["ledger", "checkpoint", "-o", early.to_str().unwrap()]);

    let root = dir.path().join("fabric");
    let fabric = Fabric::create(&root, 4).unwrap();
    let _agent = agent(&collector, &root, dir.path());
    fabric.break_link(0).unwrap();
    let incident = people[0].incident("ib.port_down", "mlx5_0");
    let id = incident["id"].as_str().unwrap().to_owned();
    collector.kill();
    let old = dir.path().join("old");
    copy(&collector.data().join("ledger"), &old);
    collector.restart();
    people.iter_mut().chain([&mut hospital]).for_each(|p| p.sign_in_again(&collector));
    second.wait_for("ib.port_down", "escalated");
    lead.wait_for("ib.port_down", "escalated");
    let path = &format!("/api/v1/incidents/{id}");

    let [li, wang, zhao] = &mut people;
    let off_duty = zhao.try_post(&format!("{path}/acknowledge"), &json!({})).unwrap_err();
    assert!(format!("{off_duty:#}").contains("li, wang can respond"), "{off_duty:#}");
    respond_at_once(path, li, wang);

    fabric.mend_link(0).unwrap();
    wait::until("the check to be clear", Duration::from_secs(60), || {
        (li.get(path)["condition"] == "clear").then_some(())
    });
    // Its connection was idle for too long.
    hospital.sign_in_again(&collector);
    repair_and_sign(path, &id, li, &mut hospital);
    let figures = hospital.get("/api/v1/kpis");
    assert_eq!(figures["level_2_3"]["denominator"], 1, "{figures}");
    assert_eq!(figures["response"]["denominator"], 1, "{figures}");
    let ladder = |sink: &Sink| -> Vec<String> {
        sink.told().into_iter().map(|(_, event)| event).filter(|e| e == "escalated").collect()
    };
    assert_eq!((ladder(&duty).len(), ladder(&second).len(), ladder(&lead).len()), (0, 1, 1));

    prove(&mut collector, dir.path(), &early, &old);
}

/// Scenario: twenty links break at once, and somebody calls about a fault of level 2, with a robot that groups for fifteen seconds
/// (T6). Guarantees: the level 2 is told at once and alone; the twenty come in one message, with nothing of the hospital but numbers,
/// levels, clauses and the link.
#[test]
fn a_burst_is_one_message_and_severe_levels_go_first() {
    let (dir, robot) = (tempfile::tempdir().unwrap(), Sink::start());
    robot.says(r#"{"errcode":0,"errmsg":"ok"}"#);
    let url = dir.path().join("robot.url");
    std::fs::write(&url, format!("http://{}/robot/send?access_token=t\n", robot.address)).unwrap();
    std::fs::set_permissions(&url, std::fs::Permissions::from_mode(0o600)).unwrap();
    let collector = Collector::start_with(&format!(
        "[[receiver]]\nname = \"chat\"\nkind = \"dingtalk\"\nurl_file = {url:?}\ngroup_wait = \"15s\"\n"
    ));
    let mut rest = Rest::sign_in(&collector, "li", "engineer");
    let test = collector.done(&["webhook", "test", "chat"]);
    assert!(test.contains("taken with status 200"), "{test}");
    let root = dir.path().join("fabric");
    let fabric = Fabric::create(&root, 22).unwrap();
    let _agent = agent(&collector, &root, dir.path());
    for port in 0..20 {
        fabric.break_link(port).unwrap();
    }
    rest.incident("ib.port_down", "mlx5_19");
    let called = rest
        .post("/api/v1/incidents", &json!({"level": 2, "symptom": "收费很慢", "caller": "王护士"}));
    let texts = wait::until("both messages", Duration::from_secs(60), || {
        let all = robot.received();
        let text =
            |m: &tests::sink::Message| m.json()["markdown"]["text"].as_str().unwrap().to_owned();
        (all.len() > 2).then(|| all.iter().skip(1).map(text).collect::<Vec<_>>())
    });
    println!("{texts:#?}");
    assert!(texts[0].contains(called["id"].as_str().unwrap()), "{}", texts[0]);
    assert_eq!(texts[0].matches("[W-").count(), 1);
    assert_eq!(texts[1].matches("[W-").count(), 20);
    assert_eq!(texts.len(), 2);
    assert!(!texts.iter().any(|t| t.contains("db1") || t.contains("收费")), "{texts:?}");
}
