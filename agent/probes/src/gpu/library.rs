//! `libnvidia-ml.so.1`, loaded at run time.

use super::reading::{Memory, Reading, XidKind};
use nvml_wrapper::bitmasks::event::EventTypes;
use nvml_wrapper::enum_wrappers::device::{EccCounter, MemoryError, TemperatureSensor};
use nvml_wrapper::enums::event::XidError;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, EventSet, Nvml};
use std::collections::BTreeMap;

/// More than a server has slots for.
const MAX_GPUS: u32 = 32;

/// Events taken in one round.
const MAX_EVENTS: usize = 256;

/// The library and the events it was asked for.
pub(super) struct Library {
    nvml: &'static Nvml,
    events: Option<EventSet<'static>>,
    /// Xid errors since the agent started, by the UUID of the GPU.
    xids: BTreeMap<String, [u64; XidKind::ALL.len()]>,
}

impl Library {
    /// Loads the library; what is missing in words otherwise.
    pub(super) fn load() -> Result<Self, String> {
        let nvml = Nvml::init().map_err(|error| error.to_string())?;
        // Kept for the life of the process: the set of events borrows it.
        let nvml: &'static Nvml = Box::leak(Box::new(nvml));
        Ok(Self { nvml, events: events(nvml), xids: BTreeMap::new() })
    }

    /// Every GPU. One that does not answer is left out of everything but its index.
    pub(super) fn read(&mut self) -> Result<Vec<Reading>, String> {
        self.take_events();
        let count = self.nvml.device_count().map_err(|error| error.to_string())?;
        let mut readings = Vec::new();
        for index in 0..count.min(MAX_GPUS) {
            readings.push(match self.nvml.device_by_index(index) {
                Ok(device) => self.one(index, &device),
                Err(_) => Reading { index, is_lost: true, ..Reading::default() },
            });
        }
        Ok(readings)
    }

    fn one(&self, index: u32, device: &Device<'_>) -> Reading {
        let uuid = device.uuid().unwrap_or_default();
        let ecc = |kind| device.total_ecc_errors(kind, EccCounter::Aggregate).ok();
        let utilization = device.utilization_rates();
        Reading {
            index,
            is_lost: matches!(utilization, Err(NvmlError::GpuLost)),
            model: device.name().unwrap_or_default(),
            driver: self.nvml.sys_driver_version().unwrap_or_default(),
            utilization_percent: utilization.ok().map(|rates| rates.gpu),
            memory: device.memory_info().ok().map(|of| Memory { used: of.used, total: of.total }),
            temperature_celsius: device.temperature(TemperatureSensor::Gpu).ok(),
            power_milliwatts: device.power_usage().ok(),
            power_limit_milliwatts: device.enforced_power_limit().ok(),
            ecc_corrected: ecc(MemoryError::Corrected),
            ecc_uncorrected: ecc(MemoryError::Uncorrected),
            xids: self.events.is_some().then(|| self.xids.get(&uuid).copied().unwrap_or_default()),
            uuid,
        }
    }

    /// Takes what happened since the last round, without waiting.
    fn take_events(&mut self) {
        let Some(events) = &self.events else { return };
        for _ in 0..MAX_EVENTS {
            let Ok(event) = events.wait(0) else { break };
            let number = match event.event_data {
                Some(XidError::Value(number)) => number,
                Some(XidError::Unknown) => 0,
                None => continue,
            };
            let uuid = event.device.uuid().unwrap_or_default();
            let counts = self.xids.entry(uuid).or_default();
            if let Some(count) = counts.get_mut(XidKind::of(number) as usize) {
                *count += 1;
            }
        }
    }
}

/// Asks for Xid errors of every GPU; `None` where the driver has none to give.
fn events(nvml: &'static Nvml) -> Option<EventSet<'static>> {
    let mut set = nvml.create_event_set().ok()?;
    let mut is_used = false;
    for index in 0..nvml.device_count().ok()?.min(MAX_GPUS) {
        let Ok(device) = nvml.device_by_index(index) else { continue };
        let offered = device.supported_event_types();
        if !offered.is_ok_and(|types| types.contains(EventTypes::CRITICAL_XID_ERROR)) {
            continue;
        }
        match device.register_events(EventTypes::CRITICAL_XID_ERROR, set) {
            Ok(registered) => {
                set = registered;
                is_used = true;
            }
            // The set went with the error.
            Err(_) => {
                set = nvml.create_event_set().ok()?;
                is_used = false;
            }
        }
    }
    is_used.then_some(set)
}
