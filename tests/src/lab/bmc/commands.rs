//! What the controller answers (IPMI 2.0, appendix G): enough for the kernel's driver and for `ipmitool`'s listings.

use super::State;
use super::records::{self, SUPPLIES};
use super::wire::{Answer, Request};

/// Completion codes (table 5-2).
const INVALID_COMMAND: u8 = 0xc1;
const TOO_SHORT: u8 = 0xc7;
const NOT_PRESENT: u8 = 0xcb;

/// The one reservation that is ever given: nothing changes while it is used that would void it.
const RESERVATION: [u8; 2] = [1, 0];

/// After the last record.
const END: u16 = 0xffff;

/// Version of the sensor and log records, 1.5 and later.
const VERSION: u8 = 0x51;
/// Free space and two times, which nobody reads here; reserving is supported.
const REST_OF_INFO: [u8; 11] = [0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0x02];

pub(super) fn answer(request: &Request, state: &State) -> Answer {
    let Request { id, function, command, data } = request;
    let result = match (function, command) {
        (0x00, 0x01) => Ok(vec![0x01, 0, 0, 0]), // chassis: power is on, no fault
        (0x04, 0x2d) => reading(data, state),
        (0x06, 0x01) => Ok(device_id()),
        (0x06, 0x2e | 0x30) => Ok(Vec::new()), // enables are taken, flags cleared
        (0x06, 0x2f | 0x31) => Ok(vec![0]),    // and there are none
        (0x0a, 0x20) => Ok(info(records::sensors().len())),
        (0x0a, 0x22 | 0x42) => Ok(RESERVATION.to_vec()),
        (0x0a, 0x23) => entry(data, &records::sensors()),
        (0x0a, 0x40) => Ok(info(state.log.len())),
        (0x0a, 0x43) => entry(data, &log(state)),
        (0x0a, 0x48) => Ok(vec![0; 4]), // the log's clock
        _ => Err(INVALID_COMMAND),
    };
    Answer { id: *id, function: *function, command: *command, result }
}

/// IPMI 2.0; has sensors, their records, a log and a chassis.
fn device_id() -> Vec<u8> {
    vec![0x20, 0, 1, 0, 0x02, 0b1000_0111, 0, 0, 0, 0, 0]
}

fn info(count: usize) -> Vec<u8> {
    let [low, high] = u16::try_from(count).unwrap().to_le_bytes();
    let mut info = vec![VERSION, low, high];
    info.extend(REST_OF_INFO);
    info
}

fn log(state: &State) -> Vec<Vec<u8>> {
    (1..).zip(&state.log).map(|(id, event)| event.record(id).to_vec()).collect()
}

/// No analog reading, scanning on, and the discrete states.
fn reading(data: &[u8], state: &State) -> Result<Vec<u8>, u8> {
    let sensor = data.first().ok_or(TOO_SHORT)?;
    let at = SUPPLIES.iter().position(|(number, ..)| number == sensor).ok_or(NOT_PRESENT)?;
    let [low, high] = state.supplies[at].to_le_bytes();
    Ok(vec![0, 0xc0, low, high | 0x80])
}

/// A part of a record by its id, 0 for the first and `END` for the last; before it the id of the next.
fn entry(data: &[u8], records: &[Vec<u8>]) -> Result<Vec<u8>, u8> {
    let &[_, _, low, high, offset, count] = data else { return Err(TOO_SHORT) };
    let at = match u16::from_le_bytes([low, high]) {
        0 => 0,
        END => records.len().wrapping_sub(1),
        id => usize::from(id) - 1,
    };
    let record = records.get(at).ok_or(NOT_PRESENT)?;
    let next = if at + 1 < records.len() { u16::try_from(at + 2).unwrap() } else { END };
    let part = record.iter().skip(offset.into()).take(count.into());
    Ok(next.to_le_bytes().iter().chain(part).copied().collect())
}
