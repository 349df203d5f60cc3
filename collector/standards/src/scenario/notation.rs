//! Series and values in the notation of promtool's unit tests.

use collector_domain::MatcherOp;
use shared_model::{Labels, NAME};

/// Most values that one series of a scenario holds: a day of seconds.
const VALUES_MAX: usize = 86_400;

/// Reads `name{label="value"}`.
pub(super) fn labels(text: &str) -> Result<Labels, String> {
    let expr =
        collector_promql::parse(text).map_err(|error| format!("series '{text}': {error}"))?;
    let selectors = collector_promql::required_matchers(&expr);
    let [matchers] = selectors.as_slice() else {
        return Err(format!("series '{text}': one series is expected"));
    };
    let pairs = matchers.iter().map(|matcher| match matcher.values.as_slice() {
        [value] if matcher.op == MatcherOp::Equal => Ok((&*matcher.name, &**value)),
        _ => Err(format!("series '{text}': only = is allowed")),
    });
    let labels = Labels::from_pairs(pairs.collect::<Result<Vec<_>, _>>()?);
    match labels.get(NAME) {
        Some(_) => Ok(labels),
        None => Err(format!("series '{text}': the name is missing")),
    }
}

/// Reads `1 2 _ 3x4 1+2x3 _x5`: single values, `_` for no sample, `AxN` for A and N repetitions, `A+BxN` and `A-BxN`
/// for A and N further steps of B, `_xN` for N missing samples.
pub(super) fn values(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut values = Vec::new();
    for token in text.split_whitespace() {
        let wrong = || format!("values '{token}': write for example 1, _, 1x3, 1+2x3 or _x3");
        let (what, count) = match token.split_once('x') {
            Some((what, count)) => (what, Some(count.parse::<usize>().map_err(|_| wrong())?)),
            None => (token, None),
        };
        if count.unwrap_or(0) > VALUES_MAX - values.len() {
            return Err(format!("more than {VALUES_MAX} values"));
        }
        if what == "_" {
            values.extend(std::iter::repeat_n(None, count.unwrap_or(1)));
            continue;
        }
        // The first character may be the value's own sign.
        let sign = what.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'));
        let (first, step) = what.split_at(sign.map_or(what.len(), |(at, _)| at));
        let first: f64 = first.parse().map_err(|_| wrong())?;
        let step: f64 = match step {
            "" => 0.0,
            step => step.parse().map_err(|_| wrong())?,
        };
        let times = (0..=count.unwrap_or(0)).map(|i| Some(first + step * i as f64));
        values.extend(times);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: every form of the notation. Guarantees: as many samples as promtool makes of them.
    #[test]
    fn values_follow_promtool() {
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        assert_eq!(values("1 -2.5"), Ok(some(&[1.0, -2.5])));
        assert_eq!(values("3x2"), Ok(some(&[3.0, 3.0, 3.0])));
        assert_eq!(values("1+2x2"), Ok(some(&[1.0, 3.0, 5.0])));
        assert_eq!(values("-1-2x1"), Ok(some(&[-1.0, -3.0])));
        assert_eq!(values("_ _x2"), Ok(vec![None; 3]));
        for bad in ["a", "1x", "1+x2", "x3", "1x99999999", "_x86401"] {
            assert!(values(bad).is_err(), "{bad}");
        }
    }

    /// Scenario: texts of series. Guarantees: one plain selector is read, anything else refused.
    #[test]
    fn series_are_plain_selectors() {
        let read = labels(r#"node_load1{host="a"}"#).unwrap();
        assert_eq!(read.to_string(), r#"node_load1{host="a"}"#);
        for bad in ["", "1", "a + b", r#"a{b=~"c|d"}"#, r#"{b="c"}"#] {
            assert!(labels(bad).is_err(), "{bad}");
        }
    }
}
