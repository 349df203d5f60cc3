use super::*;
use crate::config::Span;
use serde::Deserialize;

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, default)]
struct Sample {
    interval: Option<Span>,
    port: u16,
    child: Vec<Child>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Child {
    name: String,
    #[serde(default)]
    age: u8,
}

/// What types cannot express: ports from 1024, names of one letter, each once, ages up to 9.
fn check(sample: &Sample, errors: &mut ConfigErrors) {
    if (1..1024).contains(&sample.port) {
        errors.add("port", "is reserved");
    }
    for (at, child) in sample.child.iter().enumerate() {
        if child.name.len() != 1 {
            errors.add(format!("child[{at}].name"), "is not one letter");
        }
        if child.age > 9 {
            errors.add(format!("child[{at}].age"), "is above 9");
        }
        if sample.child[..at].iter().any(|c| (&c.name, c.age) == (&child.name, child.age)) {
            let needs = ["child[].name", "child[].age"];
            errors.add_from(needs, format!("child[{at}]"), "is listed twice");
        }
    }
}

fn faults(text: &str) -> Vec<String> {
    match parse::<Sample>(text, check) {
        Ok(_) => Vec::new(),
        Err(e) => e.faults.iter().map(|f| format!("{}: {}", f.path, f.what)).collect(),
    }
}

/// The beginning of each fault, in order.
fn assert_faults(text: &str, begins: &[&str]) {
    let found = faults(text);
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    for (fault, begin) in found.iter().zip(begins) {
        assert!(fault.starts_with(begin), "{fault} for {begin}");
    }
}

/// Scenario: an empty file. Guarantees: it is valid.
#[test]
fn empty_works() {
    assert!(faults("").is_empty());
    assert_eq!(parse::<Sample>("port = 7777", check).unwrap().port, 7777);
}

/// Scenario: a file with several faults of different kinds. Guarantees: all are reported at once, each with its path,
/// and a misspelt key with the right one.
#[test]
fn all_faults_at_once() {
    assert_faults(
        "intervall = \"1s\"\nport = 70000\n[[child]]\nname = \"a\"\n[[child]]\nnam = \"b\"\nname = 3\n",
        &[
            "child[1].nam: unknown key; did you mean 'name'?",
            "child[1].name: invalid type",
            "intervall: unknown key; did you mean 'interval'?",
            "port: invalid value",
        ],
    );
}

/// Scenario: faults of form beside faults of meaning, in one table and in others, before and after a list element that
/// cannot be read at all. Guarantees: all at once with the indices of the file, and nothing that only follows.
#[test]
fn faults_of_form_hide_none_of_meaning() {
    assert_faults("intervall = \"1s\"\nport = 80\n", &["intervall: ", "port: is reserved"]);
    assert_faults(
        "[[child]]\nage = 10\n[[child]]\nname = 3\nage = 11\n[[child]]\nname = \"long\"\nage = \"x\"\n",
        &[
            "child[0]: missing field `name`",
            "child[1].name: invalid type",
            "child[2].age: invalid type",
            "child[0].age: is above 9",
            "child[1].age: is above 9",
            "child[2].name: is not one letter",
        ],
    );
    assert_faults(
        "child = [3, {name = \"a\"}, 4, {name = \"long\"}]",
        &["child[0]: invalid type", "child[2]: invalid type", "child[3].name: is not one"],
    );
    // Two ages that cannot be read are no proof that the two are one.
    assert_faults(
        "child = [{name = \"a\", age = -1}, {name = \"a\", age = -2}]",
        &["child[0].age: invalid value", "child[1].age: invalid value"],
    );
}

/// Scenario: not TOML at all, a bad unit, a missing field. Guarantees: a fault with its place, no endless loop.
#[test]
fn broken_files_are_explained() {
    assert_eq!(faults("port = = 3").len(), 1);
    assert!(faults("interval = \"5\"")[0].contains("write for example"));
    assert_faults(
        "[[child]]\n[[child]]\nname = \"b\"\n[[child]]\n",
        &["child[0]: missing field", "child[2]: missing field"],
    );
}

/// Scenario: a required key that is no text is missing. Guarantees: one fault, and the rest of the file is judged.
#[test]
fn a_missing_number_is_one_fault() {
    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Row {
        number: u8,
    }
    #[derive(Deserialize, Debug, Default)]
    #[serde(deny_unknown_fields, default)]
    struct Rows {
        row: Vec<Row>,
    }
    let check = |rows: &Rows, errors: &mut ConfigErrors| {
        for (at, row) in rows.row.iter().enumerate().filter(|(_, row)| row.number > 9) {
            errors.add(format!("row[{at}].number"), format!("{} is above 9", row.number));
        }
    };
    let errors = parse("[[row]]\n[[row]]\nnumber = 10\n", check).unwrap_err();
    let found: Vec<String> =
        errors.faults.iter().map(|f| format!("{}: {}", f.path, f.what)).collect();
    assert_eq!(found, ["row[0]: missing field `number`", "row[1].number: 10 is above 9"]);
}
