//! What the node says of its host when it joins, and the kernel's boot id.

use crate::spool::sixteen;
use proto::limits::MAX_TEXT_BYTES;
use proto::wire::HostFacts;
use std::io;

/// The kernel's boot id, /proc/sys/kernel/random/boot_id.
pub fn read_boot_id() -> io::Result<[u8; 16]> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    sixteen(&digits).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a boot id"))
}

/// uname(2), os-release and machine-id; what cannot be read stays empty.
pub(crate) fn host_facts() -> HostFacts {
    let uname = rustix::system::uname();
    let text = |text: &std::ffi::CStr| short(&text.to_string_lossy());
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let machine_id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    HostFacts {
        hostname: text(uname.nodename()),
        os: pretty_name(&release),
        kernel: text(uname.release()),
        architecture: text(uname.machine()),
        machine_id: sixteen(machine_id.trim())
            .map(|_| machine_id.trim().to_owned())
            .unwrap_or_default(),
    }
}

/// `PRETTY_NAME` of an os-release file.
fn pretty_name(release: &str) -> String {
    let line = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    short(line.unwrap_or_default().trim().trim_matches('"'))
}

fn short(text: &str) -> String {
    text.chars().take(MAX_TEXT_BYTES / 4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: os-release files with quotes, without the line, and empty. Guarantees: the name, or nothing.
    #[test]
    fn the_pretty_name_is_found() {
        for (text, expected) in [
            (
                "ID=x\nPRETTY_NAME=\"Kylin Linux Advanced Server V10\"\n",
                "Kylin Linux Advanced Server V10",
            ),
            ("PRETTY_NAME=plain", "plain"),
            ("ID=x", ""),
            ("", ""),
        ] {
            assert_eq!(pretty_name(text), expected);
        }
    }

    /// Scenario: this machine. Guarantees: a boot id that stays the same.
    #[test]
    fn the_boot_id_is_stable() {
        assert_eq!(read_boot_id().unwrap(), read_boot_id().unwrap());
    }
}
