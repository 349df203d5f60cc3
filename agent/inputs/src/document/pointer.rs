//! Where a value stands in a document: a JSON pointer (RFC 6901) in which `*` stands for every member of an array or object.

use serde::Deserialize;
use serde_json::Value;
use std::str::FromStr;

/// Most steps of a pointer.
const MAX_STEPS: usize = 16;
/// Most `*` of a pointer.
const MAX_STARS: usize = 4;

/// `/pools/*/used`. The empty pointer is the whole document.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pointer(Vec<Step>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    /// A member by key or index.
    Key(Box<str>),
    /// Every member.
    Every,
}

/// What stands there.
pub(super) enum Found<'a> {
    /// A value, with the keys or indices that each `*` stood for.
    Value(&'a Value, &'a [String]),
    /// Nothing, or null, in a member that these `*` stood for.
    Missing(&'a [String]),
}

impl FromStr for Pointer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let rest =
            text.strip_prefix('/').ok_or("a pointer begins with /, such as /pools/*/used")?;
        let step = |step: &str| match step {
            "*" => Step::Every,
            key => Step::Key(key.replace("~1", "/").replace("~0", "~").into()),
        };
        let steps: Vec<Step> = rest.split('/').map(step).collect();
        let pointer = Self(steps);
        if pointer.0.len() > MAX_STEPS || pointer.stars() > MAX_STARS {
            return Err(format!("a pointer has at most {MAX_STEPS} steps and {MAX_STARS} *"));
        }
        Ok(pointer)
    }
}

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Pointer {
    /// How many `*` it has.
    pub(super) fn stars(&self) -> usize {
        self.0.iter().filter(|step| **step == Step::Every).count()
    }

    /// Hands everything that stands there to `take`, which says whether to go on.
    pub(super) fn each(&self, document: &Value, take: &mut dyn FnMut(Found<'_>) -> bool) {
        walk(document, &self.0, &mut Vec::new(), take);
    }

    /// The one value where each `*` stands for what it stood for elsewhere.
    pub(super) fn at<'a>(&self, document: &'a Value, stars: &[String]) -> Option<&'a Value> {
        let mut stars = stars.iter();
        let mut value = document;
        for step in &self.0 {
            value = match step {
                Step::Key(key) => member(value, key)?,
                Step::Every => member(value, stars.next()?)?,
            };
        }
        Some(value).filter(|value| !value.is_null())
    }
}

fn member<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(key),
        Value::Array(members) => members.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}

fn walk(
    value: &Value,
    steps: &[Step],
    stars: &mut Vec<String>,
    take: &mut dyn FnMut(Found<'_>) -> bool,
) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return match value {
            Value::Null => take(Found::Missing(stars)),
            value => take(Found::Value(value, stars)),
        };
    };
    let mut go_on = |key: String, value: &Value| {
        stars.push(key);
        let more = walk(value, rest, stars, take);
        stars.pop();
        more
    };
    match (step, value) {
        (Step::Every, Value::Array(members)) => {
            members.iter().enumerate().all(|(at, value)| go_on(at.to_string(), value))
        }
        (Step::Every, Value::Object(members)) => {
            members.iter().all(|(key, value)| go_on(key.clone(), value))
        }
        (Step::Every, _) => take(Found::Missing(stars)),
        (Step::Key(key), value) => match member(value, key) {
            Some(value) => walk(value, rest, stars, take),
            None => take(Found::Missing(stars)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pointer: &str, document: &str) -> Vec<String> {
        let (pointer, document) = (pointer.parse::<Pointer>().unwrap(), document.parse().unwrap());
        let mut all = Vec::new();
        pointer.each(&document, &mut |found| {
            all.push(match found {
                Found::Value(value, stars) => format!("{} {value}", stars.join(",")),
                Found::Missing(stars) => format!("{} missing", stars.join(",")),
            });
            true
        });
        all
    }

    /// Scenario: pointers with and without `*` over arrays, objects and what is neither. Guarantees: every member once, in
    /// order, with what `*` stood for; what is not there or null is missing.
    #[test]
    fn stars_stand_for_every_member() {
        let document =
            r#"{"a":[{"v":1},{"v":null},{}],"b":{"x":{"d":[5,6]},"y":{}},"c/d":7,"e":8}"#;
        for (pointer, expected) in [
            ("/e", vec![" 8"]),
            ("/c~1d", vec![" 7"]),
            ("/a/0/v", vec![" 1"]),
            ("/a/*/v", vec!["0 1", "1 missing", "2 missing"]),
            ("/b/*/d/*", vec!["x,0 5", "x,1 6", "y missing"]),
            ("/e/*", vec![" missing"]),
            ("/none", vec![" missing"]),
            ("/a/9", vec![" missing"]),
        ] {
            assert_eq!(found(pointer, document), expected, "{pointer}");
        }
        let name: Pointer = "/a/*/v".parse().unwrap();
        let document = document.parse().unwrap();
        assert_eq!(name.at(&document, &["0".into()]).unwrap(), 1);
        assert_eq!(name.at(&document, &["1".into()]), None);
        assert_eq!(name.at(&document, &[]), None);
    }

    /// Scenario: texts that are no pointers, or too long ones. Guarantees: refused.
    #[test]
    fn nonsense_is_refused() {
        for text in ["a", "/*/*/*/*/*", &"/a".repeat(MAX_STEPS + 1)] {
            assert!(text.parse::<Pointer>().is_err(), "{text}");
        }
    }
}
