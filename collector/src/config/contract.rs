//! The contract profile of the hospital, as the configuration has it.

use collector_domain::Contract;
use serde::Deserialize;
use shared_runtime::config::{ConfigErrors, Span};

/// The contract profile; spans are those of the signed standard, before scaling.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ContractKeys {
    /// Name or version that every figure carries. Default `default`.
    pub(crate) version: Option<String>,
    /// Divides windows, `for`, deadlines and watch, for demonstrations and tests; 1 to 1000. Default 1.
    pub(crate) time_scale: Option<u32>,
    /// Watch after a repair (§3.2). Default `24h`.
    pub(crate) watch: Option<Span>,
    /// Silence of a node that a second witness sees alive. Default `10s`.
    pub(crate) silent_after: Option<Span>,
    /// Silence of a node that nobody else sees. Default `120s`.
    pub(crate) unknown_after: Option<Span>,
    /// Largest replication lag of a usable standby. Default `60s`.
    pub(crate) standby_lag_max: Option<Span>,
    /// Arrival at the appliance after a dispatch, or after a fault became level 1 (M-061). Default `5m`.
    pub(crate) onsite: Option<Span>,
    /// How long a level 1 must be normal until its core counts as restored (M-035). Default `2m`.
    pub(crate) restored_after_level_1: Option<Span>,
    /// The same for level 2 (M-036). Default `5m`.
    pub(crate) restored_after_level_2: Option<Span>,
    /// Findings that began within this of their cause are linked to it; not scaled. Default `60s`.
    pub(crate) link_within: Option<Span>,
    /// Whether an incident is closed only when the hospital has signed it (M-142). Default `true`.
    pub(crate) signature_required: Option<bool>,
}

impl ContractKeys {
    /// The profile with the standard's defaults.
    pub(crate) fn contract(&self) -> Contract {
        let standard = Contract::default();
        let or = |span: Option<Span>, default| span.map_or(default, Span::get);
        Contract {
            version: self.version.clone().unwrap_or(standard.version),
            time_scale: self.time_scale.unwrap_or(standard.time_scale),
            watch: or(self.watch, standard.watch),
            silent_after: or(self.silent_after, standard.silent_after),
            unknown_after: or(self.unknown_after, standard.unknown_after),
            standby_lag_max: or(self.standby_lag_max, standard.standby_lag_max),
            onsite: or(self.onsite, standard.onsite),
            restored_after: [
                or(self.restored_after_level_1, standard.restored_after[0]),
                or(self.restored_after_level_2, standard.restored_after[1]),
            ],
            link_within: or(self.link_within, standard.link_within),
            signature_required: self.signature_required.unwrap_or(standard.signature_required),
        }
    }

    pub(super) fn check(&self, errors: &mut ConfigErrors) {
        if self.time_scale.is_some_and(|s| !(1..=1000).contains(&s)) {
            errors.add("contract.time_scale", "must be 1 to 1000");
        }
        if self.version.as_ref().is_some_and(String::is_empty) {
            errors.add("contract.version", "is empty: write what the contract calls itself");
        }
        for (key, span) in [
            ("watch", self.watch),
            ("silent_after", self.silent_after),
            ("unknown_after", self.unknown_after),
            ("standby_lag_max", self.standby_lag_max),
            ("onsite", self.onsite),
            ("restored_after_level_1", self.restored_after_level_1),
            ("restored_after_level_2", self.restored_after_level_2),
            ("link_within", self.link_within),
        ] {
            if span.is_some_and(|span| span < Span::secs(1)) {
                errors.add(format!("contract.{key}"), "must be at least \"1s\"");
            }
        }
    }
}
