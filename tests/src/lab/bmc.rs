//! A management controller (BMC) outside the emulator, which gives the guest's IPMI interface the wire that a real one has.
//!
//! It has two power supplies with a sensor each and an event log, answers what the kernel's driver and `ipmitool` ask, and can
//! be slow.

mod commands;
mod records;
mod wire;

use records::{Event, SUPPLIES};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wire::Deframer;

/// A power supply that is plugged in (IPMI 2.0 table 42-3, sensor type 08h, offset 0), and one that failed besides.
const PRESENT: u16 = 0b01;
const FAILED: u16 = 0b11;

/// Time of a slow controller for one answer. Listing the sensors takes some twenty.
const SLOW: Duration = Duration::from_millis(300);

/// What the controller knows.
pub(crate) struct State {
    /// Discrete states of each power supply.
    supplies: [u16; SUPPLIES.len()],
    log: Vec<Event>,
    delay: Duration,
}

/// The controller; its thread ends with the emulator's connection.
pub struct Bmc {
    state: Arc<Mutex<State>>,
}

impl Bmc {
    /// Over a connected socket. The emulator must be the side that listens: it would not survive a controller that is there
    /// before its interface is.
    pub fn over(stream: UnixStream) -> Self {
        let state =
            State { supplies: [PRESENT; SUPPLIES.len()], log: Vec::new(), delay: Duration::ZERO };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || serve(stream, &shared));
        Self { state }
    }

    /// The first power supply fails, and the controller logs that.
    pub fn supply_fails(&self) {
        let mut state = self.state.lock().unwrap();
        state.supplies[0] = FAILED;
        state.log.push(Event::SUPPLY_FAILED);
    }

    /// It is replaced.
    pub fn supply_recovers(&self) {
        self.state.lock().unwrap().supplies[0] = PRESENT;
    }

    /// A memory error that could not be corrected comes into the log.
    pub fn memory_error(&self) {
        self.state.lock().unwrap().log.push(Event::MEMORY_ERROR);
    }

    /// Whether it takes its time for each answer.
    pub fn set_slow(&self, slow: bool) {
        self.state.lock().unwrap().delay = if slow { SLOW } else { Duration::ZERO };
    }
}

fn serve(mut stream: UnixStream, state: &Mutex<State>) {
    let mut deframer = Deframer::default();
    let mut bytes = [0; 256];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        for request in bytes[..count].iter().filter_map(|byte| deframer.push(*byte)) {
            let delay = state.lock().unwrap().delay;
            std::thread::sleep(delay);
            let answer = commands::answer(&request, &state.lock().unwrap());
            if stream.write_all(&wire::frame(&answer)).is_err() {
                return;
            }
        }
    }
}
