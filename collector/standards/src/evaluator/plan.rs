//! Rules made ready under a contract.

use crate::machine::Terms;
use crate::pack::{Pack, Value, compile};
use collector_domain::{Contract, Matcher};
use collector_promql::Expr;
use shared_model::Labels;
use std::sync::Arc;
use std::time::Duration;

/// A host is never silent before this: three sampling periods of a second and a half.
const SILENCE_AT_LEAST: Duration = Duration::from_millis(3_500);
/// Absence of single values may fire this long after silence of their host would have, so that the cause comes first.
const AFTER_SILENCE: Duration = Duration::from_secs(1);

/// One rule under a contract.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) id: Arc<str>,
    pub(super) terms: Terms,
    /// Scaled; `None` for the rule that judges silence of hosts.
    pub(super) expr: Option<Expr>,
    /// What its selectors ask for, one list per selector.
    selectors: Vec<Vec<Matcher>>,
}

/// All rules of a pack, by their position in it.
#[derive(Debug)]
pub(super) struct Plans(Vec<Plan>);

/// How long nothing may be heard from a host.
pub(super) fn silence_limit(contract: &Contract) -> Duration {
    contract.scaled(contract.silent_after).max(SILENCE_AT_LEAST)
}

impl Plans {
    pub(super) fn new(pack: &Pack, contract: &Contract) -> Self {
        let rules = pack.rules().iter().zip(pack.standards());
        Self(
            rules
                .map(|(rule, standard)| {
                    let value = compile(&standard.value, contract)
                        .expect("the pack was checked, and a contract only fills in numbers");
                    let expr = match value {
                        Value::Expression(expr) => Some(expr.scaled(contract.time_scale)),
                        Value::NodeSilence => None,
                    };
                    let sustained = contract.scaled(standard.sustained);
                    Plan {
                        id: Arc::clone(&rule.id),
                        selectors: expr
                            .as_ref()
                            .map(collector_promql::required_matchers)
                            .unwrap_or_default(),
                        expr,
                        terms: Terms {
                            breach: standard.breach,
                            clear: standard.clear,
                            sustained,
                            min_samples: standard.min_samples,
                            no_data: standard.no_data,
                            absent_for: sustained.max(silence_limit(contract) + AFTER_SILENCE),
                        },
                    }
                })
                .collect(),
        )
    }

    pub(super) fn get(&self, rule: u16) -> Option<&Plan> {
        self.0.get(usize::from(rule))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &Plan)> {
        (0..).zip(&self.0)
    }

    /// The rule that judges silence of hosts, if the pack has one.
    pub(super) fn node_silence(&self) -> Option<&Plan> {
        self.0.iter().find(|plan| plan.expr.is_none())
    }

    /// Whether any rule reads a series with these labels.
    pub(super) fn reads(&self, labels: &Labels) -> bool {
        self.0.iter().any(|plan| plan.reads(labels))
    }
}

impl Plan {
    /// Whether a selector of this rule takes a series with these labels.
    pub(super) fn reads(&self, labels: &Labels) -> bool {
        self.selectors.iter().any(|selector| selector.iter().all(|matcher| matcher.matches(labels)))
    }
}
