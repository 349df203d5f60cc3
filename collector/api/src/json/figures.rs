//! The contract's figures as JSON, each with what it is made of.

use super::scalar::TimeJson;
use collector_domain::{Downtime, Figures, IncidentId, Period, Ratio};
use serde::Serialize;

/// All figures of a period.
#[derive(Serialize, Debug)]
pub(crate) struct FiguresJson {
    from: TimeJson,
    to: TimeJson,
    /// Version of the contract profile.
    contract: String,
    /// Figures of another scale than 1 prove nothing.
    time_scale: u32,
    response: RatioJson,
    answered: RatioJson,
    level_1: RatioJson,
    /// 二级及以上 read as levels 1 and 2.
    level_1_2: RatioJson,
    level_2_3: RatioJson,
    level_2_3_4: RatioJson,
    /// Which of these three readings the contract asks for.
    level_2_up_required: Vec<&'static str>,
    resolved: RatioJson,
    onsite: RatioJson,
    downtime: Vec<DowntimeJson>,
    cancelled: Vec<String>,
    merged: Vec<String>,
    late: Vec<String>,
    disputed: Vec<String>,
}

#[derive(Serialize, Debug)]
struct RatioJson {
    numerator: u64,
    denominator: u64,
    /// `null` without anything to count.
    value: Option<f64>,
    required: f64,
    /// Nothing to count is met.
    met: bool,
    one_more_miss_fails: bool,
    missed: Vec<String>,
    excluded: Vec<ExcludedJson>,
}

#[derive(Serialize, Debug)]
struct ExcludedJson {
    id: String,
    why: &'static str,
}

#[derive(Serialize, Debug)]
struct DowntimeJson {
    service: String,
    observed_from: TimeJson,
    observed_to: TimeJson,
    /// `false`: it was enrolled after the period had begun.
    observed_from_begin: bool,
    down_seconds: f64,
    planned_seconds: f64,
    /// Length of the deducted windows.
    windows_seconds: f64,
    unknown_seconds: f64,
    /// What acceptance counts: down and unknown.
    worst_seconds: f64,
    allowed_seconds: f64,
    met: bool,
    availability: Option<f64>,
    deducted: Vec<String>,
    not_deducted: Vec<ExcludedJson>,
}

impl FiguresJson {
    /// `required` are the readings of "二级及以上" that the contract asks for.
    pub(crate) fn of(figures: &Figures, required: [bool; 3]) -> Self {
        let Period { from, to } = figures.period;
        let [level_1_2, level_2_3, level_2_3_4] = figures.level_2_up.each_ref().map(Into::into);
        let readings = ["level_1_2", "level_2_3", "level_2_3_4"].into_iter().zip(required);
        Self {
            from: TimeJson(from),
            to: TimeJson(to),
            contract: figures.contract.clone(),
            time_scale: figures.time_scale,
            response: (&figures.response).into(),
            answered: (&figures.answered).into(),
            level_1: (&figures.level_1).into(),
            level_1_2,
            level_2_3,
            level_2_3_4,
            level_2_up_required: readings.filter(|(_, is)| *is).map(|(name, _)| name).collect(),
            resolved: (&figures.resolved).into(),
            onsite: (&figures.onsite).into(),
            downtime: figures.downtime.iter().map(Into::into).collect(),
            cancelled: names(&figures.cancelled),
            merged: names(&figures.merged),
            late: names(&figures.late),
            disputed: names(&figures.disputed),
        }
    }
}

impl From<&Ratio> for RatioJson {
    fn from(ratio: &Ratio) -> Self {
        let excluded =
            ratio.excluded.iter().map(|(id, why)| ExcludedJson { id: id.to_string(), why });
        Self {
            numerator: ratio.met,
            denominator: ratio.counted(),
            value: ratio.value(),
            required: ratio.required,
            met: ratio.is_met(),
            one_more_miss_fails: ratio.one_more_fails(),
            missed: names(&ratio.missed),
            excluded: excluded.collect(),
        }
    }
}

impl From<&Downtime> for DowntimeJson {
    fn from(downtime: &Downtime) -> Self {
        let not = downtime.not_deducted.iter();
        Self {
            service: downtime.service.clone(),
            observed_from: TimeJson(downtime.observed.from),
            observed_to: TimeJson(downtime.observed.to),
            observed_from_begin: downtime.from_begin,
            down_seconds: downtime.down.as_secs_f64(),
            planned_seconds: downtime.planned.as_secs_f64(),
            windows_seconds: downtime.windows.as_secs_f64(),
            unknown_seconds: downtime.unknown.as_secs_f64(),
            worst_seconds: downtime.worst().as_secs_f64(),
            allowed_seconds: downtime.allowed.as_secs_f64(),
            met: downtime.is_met(),
            availability: downtime.availability(),
            deducted: downtime.deducted.iter().map(ToString::to_string).collect(),
            not_deducted: not.map(|(id, why)| ExcludedJson { id: id.to_string(), why }).collect(),
        }
    }
}

fn names(ids: &[IncidentId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}
