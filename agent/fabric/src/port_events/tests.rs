use super::*;
use proptest::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Compiles the stand-in for libibverbs against the installed header; the pipe of each of its two adapters.
fn stand_in(folder: &Path) -> (String, [File; 2]) {
    let pipes = [0, 1].map(|number| {
        let path = folder.join(format!("adapter{number}"));
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        OpenOptions::new().read(true).write(true).open(path).unwrap()
    });
    let library = folder.join("libibverbs.so.1");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stand_in_verbs.c");
    let define = format!("-DFOLDER=\"{}\"", folder.display());
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-Wall", "-Werror", &define, source, "-o"]).arg(&library);
    assert!(compiler.status().unwrap().success(), "cc");
    (library.display().to_string(), pipes)
}

fn report(mut adapter: &File, event_type: i32, port: i32) {
    let mut event = [0; 8];
    event[..4].copy_from_slice(&event_type.to_ne_bytes());
    event[4..].copy_from_slice(&port.to_ne_bytes());
    adapter.write_all(&event).unwrap();
}

fn is_readable(events: &PortEvents) -> bool {
    let mut sources = [PollFd::new(events, PollFlags::IN)];
    poll(&mut sources, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
}

fn event(device: &str, port: u32, kind: PortEventKind) -> PortEvent {
    PortEvent { device: device.into(), port: Some(port), kind }
}

/// Scenario: a library built against the installed header, with two adapters of which one loses a link, regains it, and
/// reports what concerns a queue. Guarantees: readable at once and only while there is something, every event is told
/// with its adapter and port and acknowledged before the next, the queue's is not told.
#[test]
fn a_lost_link_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (library, pipes) = stand_in(folder.path());
    let mut events = PortEvents::open_with(&library).unwrap().unwrap();
    assert!(!is_readable(&events));
    report(&pipes[1], 10, 2);
    assert!(is_readable(&events));
    assert_eq!(events.take(), [event("stand_in_1", 2, PortEventKind::Error)]);
    assert!(!is_readable(&events) && events.take().is_empty());
    report(&pipes[1], 9, 2);
    report(&pipes[1], 1, 99);
    report(&pipes[0], 13, 1);
    let taken = events.take();
    let active = event("stand_in_1", 2, PortEventKind::Active);
    assert_eq!(taken, [event("stand_in_0", 1, PortEventKind::SubnetManagerChange), active]);
    drop(events);
    let closed = std::fs::read_to_string(folder.path().join("closed")).unwrap();
    assert_eq!(closed, "0 unacknowledged\n0 unacknowledged\n");
}

/// Scenario: an adapter cannot be read any more. Guarantees: it is reported dead once and wakes nobody again; the other goes on.
#[test]
fn a_dead_adapter_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (library, pipes) = stand_in(folder.path());
    let mut events = PortEvents::open_with(&library).unwrap().unwrap();
    report(&pipes[0], -5, 0);
    let dead =
        PortEvent { device: "stand_in_0".into(), port: None, kind: PortEventKind::DeviceFatal };
    assert_eq!(events.take(), [dead]);
    report(&pipes[0], 10, 1);
    assert!(!is_readable(&events) && events.take().is_empty());
    report(&pipes[1], 10, 1);
    assert_eq!(events.take(), [event("stand_in_1", 1, PortEventKind::Error)]);
}

/// Scenario: no library of the name, one that is another, and that of this machine. Guarantees: nothing rather than an error
/// where there is no adapter; a machine with one yields it or says why not.
#[test]
fn no_library_is_nothing() {
    assert!(PortEvents::open_with("libno-such-verbs.so.1").unwrap().is_none());
    assert!(PortEvents::open_with("libc.so.6").unwrap().is_none());
    let has_adapters = Path::new("/sys/class/infiniband").exists();
    match PortEvents::open() {
        Ok(found) => assert!(found.is_none() || has_adapters),
        Err(error) => assert!(has_adapters, "{error}"),
    }
}

proptest! {
    /// Scenario: any type and element. Guarantees: no panic; a port is told only of what happens to ports.
    #[test]
    fn any_event_is_survived(event_type: i32, element: u32) {
        if let Some((kind, port)) = decode(event_type, element) {
            prop_assert_eq!(port.is_none(), kind == PortEventKind::DeviceFatal);
        }
    }
}
