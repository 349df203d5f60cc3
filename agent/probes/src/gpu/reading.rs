//! What is known of one GPU, and its samples.

use crate::metric::{counter, gauge, info};
use agent_probe::Sink;
use shared_model::{Metric, Unit};

static INFO: Metric =
    info("wardround_gpu_info", "The GPU: model, UUID, driver.", "NVML: name, UUID, driver version");
static LOST: Metric = gauge(
    "wardround_gpu_lost",
    Unit::None,
    "Whether the GPU does not answer any more: fallen off the bus, or waiting for a reset.",
    "NVML: GPU_IS_LOST, or no handle",
);
static UTILIZATION: Metric = gauge(
    "wardround_gpu_utilization_ratio",
    Unit::Ratio,
    "Share of the last sample period in which the GPU worked.",
    "NVML: utilization rates",
);
static MEMORY_USED: Metric =
    gauge("wardround_gpu_memory_used_bytes", Unit::Bytes, "Memory in use.", "NVML: memory info");
static MEMORY_TOTAL: Metric =
    gauge("wardround_gpu_memory_total_bytes", Unit::Bytes, "Memory.", "NVML: memory info");
static TEMPERATURE: Metric = gauge(
    "wardround_gpu_temperature_celsius",
    Unit::None,
    "Temperature of the chip.",
    "NVML: temperature",
);
static POWER: Metric =
    gauge("wardround_gpu_power_watts", Unit::None, "Power drawn.", "NVML: power usage");
static POWER_LIMIT: Metric = gauge(
    "wardround_gpu_power_limit_watts",
    Unit::None,
    "Power at which the GPU slows down.",
    "NVML: enforced power limit",
);
static ECC: Metric = counter(
    "wardround_gpu_ecc_errors_total",
    Unit::None,
    "Memory errors over the GPU's life, corrected and uncorrected.",
    "NVML: total ECC errors, aggregate",
);
static XIDS: Metric = counter(
    "wardround_gpu_xid_events_total",
    Unit::None,
    "Xid errors since the agent started: `application` for those that a faulty program causes, else `hardware`.",
    "NVML: critical Xid events",
);
pub(super) static METRICS: [&Metric; 10] = [
    &INFO,
    &LOST,
    &UTILIZATION,
    &MEMORY_USED,
    &MEMORY_TOTAL,
    &TEMPERATURE,
    &POWER,
    &POWER_LIMIT,
    &ECC,
    &XIDS,
];

/// Who is to blame for an Xid error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum XidKind {
    /// A program: 13 engine exception, 31 page fault, 43 and 45 stopped or cleaned up, 68 video.
    Application,
    /// The GPU, its memory, its bus or its driver.
    Hardware,
}

impl XidKind {
    pub(super) const ALL: [Self; 2] = [Self::Application, Self::Hardware];

    pub(super) fn of(number: u64) -> Self {
        match number {
            13 | 31 | 43 | 45 | 68 => Self::Application,
            _ => Self::Hardware,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Hardware => "hardware",
        }
    }
}

/// Bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) used: u64,
    pub(super) total: u64,
}

/// One GPU; `None` for what it does not have or did not answer.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) index: u32,
    pub(super) is_lost: bool,
    pub(super) model: String,
    pub(super) uuid: String,
    pub(super) driver: String,
    pub(super) utilization_percent: Option<u32>,
    pub(super) memory: Option<Memory>,
    pub(super) temperature_celsius: Option<u32>,
    pub(super) power_milliwatts: Option<u32>,
    pub(super) power_limit_milliwatts: Option<u32>,
    pub(super) ecc_corrected: Option<u64>,
    pub(super) ecc_uncorrected: Option<u64>,
    pub(super) xids: Option<[u64; XidKind::ALL.len()]>,
}

impl Reading {
    pub(super) fn put(&self, sink: &mut Sink) {
        let index = self.index.to_string();
        let gpu = ("gpu", index.as_str());
        if !self.uuid.is_empty() {
            let labels = [
                gpu,
                ("model", self.model.as_str()),
                ("uuid", self.uuid.as_str()),
                ("driver", self.driver.as_str()),
            ];
            sink.put(&INFO, &labels, 1.0);
        }
        sink.put(&LOST, &[gpu], f64::from(u8::from(self.is_lost)));
        let watts = |milliwatts: Option<u32>| milliwatts.map(|value| f64::from(value) / 1000.0);
        for (metric, value) in [
            (&UTILIZATION, self.utilization_percent.map(|value| f64::from(value) / 100.0)),
            (&MEMORY_USED, self.memory.map(|memory| memory.used as f64)),
            (&MEMORY_TOTAL, self.memory.map(|memory| memory.total as f64)),
            (&TEMPERATURE, self.temperature_celsius.map(f64::from)),
            (&POWER, watts(self.power_milliwatts)),
            (&POWER_LIMIT, watts(self.power_limit_milliwatts)),
        ] {
            if let Some(value) = value {
                sink.put(metric, &[gpu], value);
            }
        }
        for (kind, count) in
            [("corrected", self.ecc_corrected), ("uncorrected", self.ecc_uncorrected)]
        {
            if let Some(count) = count {
                sink.put(&ECC, &[gpu, ("kind", kind)], count as f64);
            }
        }
        for (kind, count) in XidKind::ALL.iter().zip(self.xids.into_iter().flatten()) {
            sink.put(&XIDS, &[gpu, ("kind", kind.label())], count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(reading: &Reading) -> Vec<String> {
        let mut sink = Sink::default();
        reading.put(&mut sink);
        let line = |sample: &agent_probe::Sample| {
            let labels: Vec<_> =
                sample.labels().iter().map(|(name, value)| format!("{name}={value}")).collect();
            let name = sample.metric().name.trim_start_matches("wardround_gpu_");
            format!("{name} {} {}", labels.join(","), sample.value().unwrap_or(f64::NAN))
        };
        sink.samples().iter().map(line).collect()
    }

    /// Scenario: a GPU with every reading, and one that is lost. Guarantees: base units, nothing made up for what is not
    /// known, and lost is told.
    #[test]
    fn readings_become_samples() {
        let whole = Reading {
            index: 1,
            model: "Example".to_owned(),
            uuid: "GPU-1".to_owned(),
            driver: "550".to_owned(),
            utilization_percent: Some(42),
            memory: Some(Memory { used: 1 << 30, total: 4 << 30 }),
            temperature_celsius: Some(61),
            power_milliwatts: Some(70_500),
            power_limit_milliwatts: Some(250_000),
            ecc_corrected: Some(3),
            ecc_uncorrected: Some(0),
            xids: Some([2, 1]),
            ..Reading::default()
        };
        let expected = [
            "info gpu=1,model=Example,uuid=GPU-1,driver=550 1",
            "lost gpu=1 0",
            "utilization_ratio gpu=1 0.42",
            "memory_used_bytes gpu=1 1073741824",
            "memory_total_bytes gpu=1 4294967296",
            "temperature_celsius gpu=1 61",
            "power_watts gpu=1 70.5",
            "power_limit_watts gpu=1 250",
            "ecc_errors_total gpu=1,kind=corrected 3",
            "ecc_errors_total gpu=1,kind=uncorrected 0",
            "xid_events_total gpu=1,kind=application 2",
            "xid_events_total gpu=1,kind=hardware 1",
        ];
        assert_eq!(told(&whole), expected);
        let lost = Reading { is_lost: true, ..Reading::default() };
        assert_eq!(told(&lost), ["lost gpu=0 1"]);
    }

    /// Scenario: Xid errors of programs and of the hardware. Guarantees: an unknown one is the hardware's.
    #[test]
    fn errors_have_somebody_to_blame() {
        for (number, expected) in [
            (13, XidKind::Application),
            (31, XidKind::Application),
            (79, XidKind::Hardware),
            (48, XidKind::Hardware),
            (0, XidKind::Hardware),
        ] {
            assert_eq!(XidKind::of(number), expected, "{number}");
        }
    }
}
