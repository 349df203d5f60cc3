//! The one admin command that is sent to a controller: Get Log Page 0x02, which changes nothing.
//!
//! Shape: `struct nvme_passthru_cmd` in include/uapi/linux/nvme_ioctl.h.
#![allow(unsafe_code, reason = "the kernel offers the health log by an ioctl with a pointer only")]

use super::health::BYTES;
use rustix::ioctl::{self, Opcode, Updater, opcode};
use std::fs::File;
use std::io;
use std::path::Path;

/// `struct nvme_passthru_cmd`.
#[repr(C)]
#[derive(Default)]
struct Command {
    opcode: u8,
    flags: u8,
    reserved: u16,
    namespace: u32,
    dwords_2_3: [u32; 2],
    metadata: u64,
    address: u64,
    metadata_bytes: u32,
    data_bytes: u32,
    dwords_10_15: [u32; 6],
    timeout_ms: u32,
    result: u32,
}

const _: () = assert!(size_of::<Command>() == 72, "as the kernel's");

/// `NVME_IOCTL_ADMIN_CMD`.
const ADMIN_COMMAND: Opcode = opcode::read_write::<Command>(b'N', 0x41);

const _: () = assert!(ADMIN_COMMAND == 0xc048_4e41, "as the kernel's");

const GET_LOG_PAGE: u8 = 0x02;
const HEALTH: u32 = 0x02;
const ALL_NAMESPACES: u32 = u32::MAX;

/// Below the probe's own timeout; the kernel aborts the command then and resets the controller only if that fails too.
const TIMEOUT_MS: u32 = 5_000;

/// The health log of the controller at `path`.
///
/// # Errors
/// The device cannot be opened, the command may not be sent, or the drive refused it.
pub(super) fn health_log(path: &Path) -> io::Result<[u8; BYTES]> {
    let file = File::open(path)?;
    let mut log = [0_u8; BYTES];
    let dwords = u32::try_from(BYTES / 4 - 1).unwrap_or_default();
    let mut command = Command {
        opcode: GET_LOG_PAGE,
        namespace: ALL_NAMESPACES,
        address: log.as_mut_ptr().expose_provenance() as u64,
        data_bytes: u32::try_from(BYTES).unwrap_or_default(),
        dwords_10_15: [HEALTH | dwords << 16, 0, 0, 0, 0, 0],
        timeout_ms: TIMEOUT_MS,
        ..Command::default()
    };
    // SAFETY: the opcode is the one whose argument is a `struct nvme_passthru_cmd`, which `Command` is field by field.
    let update = unsafe { Updater::<ADMIN_COMMAND, Command>::new(&mut command) };
    // SAFETY: the kernel writes to `command`, borrowed by `update`, and at most `data_bytes` to `address`, which is `log`:
    // 512 bytes that live and are not touched otherwise until the call returns. A device that is not NVMe answers ENOTTY.
    unsafe { ioctl::ioctl(&file, update) }?;
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a device that is no NVMe controller, and none at all. Guarantees: the kernel refuses the one, and both are
    /// errors.
    #[test]
    fn other_devices_are_refused() {
        let other = health_log(Path::new("/dev/null")).expect_err("no controller");
        assert_eq!(other.raw_os_error(), Some(rustix::io::Errno::NOTTY.raw_os_error()), "{other}");
        let none = health_log(Path::new("/dev/no-such-device")).expect_err("no device");
        assert_eq!(none.kind(), io::ErrorKind::NotFound);
    }
}
