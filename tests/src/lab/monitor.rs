//! The emulator's own control socket (QMP): properties of emulated devices are changed while the guest runs.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// A session in command mode.
pub struct Monitor {
    stream: BufReader<UnixStream>,
}

impl Monitor {
    /// Greets the emulator.
    pub fn over(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut monitor = Self { stream: BufReader::new(stream) };
        monitor.read();
        monitor.ask(&json!({ "execute": "qmp_capabilities" }));
        monitor
    }

    /// Sets a property of a device that has an id, such as `nv0`.
    pub fn set(&mut self, device: &str, property: &str, value: &Value) {
        let path = format!("/machine/peripheral/{device}");
        let arguments = json!({ "path": path, "property": property, "value": value });
        self.ask(&json!({ "execute": "qom-set", "arguments": arguments }));
    }

    fn ask(&mut self, request: &Value) {
        self.stream.get_mut().write_all(format!("{request}\n").as_bytes()).unwrap();
        let answer = loop {
            let said = self.read();
            // Events come in between.
            if said.get("event").is_none() {
                break said;
            }
        };
        assert!(answer.get("return").is_some(), "{request}: {answer}");
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}
