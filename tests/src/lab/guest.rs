//! The guest: a whole machine in an emulator without hardware support, so that it runs wherever the tests run.

use super::bmc::Bmc;
use super::channel::Channel;
use super::image::Image;
use super::monitor::Monitor;
use crate::wait;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// From within, the host's loopback.
pub const HOST: &str = "10.0.2.2";

/// The NVMe drive's id at the emulator.
pub const NVME: &str = "nv0";

/// Memory: the initramfs twice (packed and unpacked) and room for the agent.
const MEMORY: &str = "768";

/// File and serial number of each disk, MiB. The guest's init knows them by the serial numbers.
const DISKS: [(&str, u64); 3] = [("data", 64), ("member-a", 32), ("member-b", 32)];
const NVME_MIB: u64 = 64;

/// A running guest; dropping it kills the emulator by pid.
pub struct Guest {
    dir: PathBuf,
    emulator: Child,
    channel: Channel,
    monitor: Monitor,
    /// Its management controller.
    pub bmc: Bmc,
}

impl Guest {
    /// Switches it on; [`Self::run`] waits until it is up.
    pub fn boot(dir: &Path, image: &Image) -> Self {
        for (name, size) in DISKS {
            disk(dir, name, size);
        }
        disk(dir, "nvme", NVME_MIB);
        let made = Command::new("/sbin/mkfs.ext4").arg("-q").arg(dir.join("data")).status();
        assert!(made.unwrap().success(), "mkfs.ext4");
        let log = File::create(dir.join("emulator.log")).unwrap();
        // A busy host must not look like a slow disk; and the emulator ends with the tests, however these end.
        let mut command = Command::new("nice");
        command.args(["-n", "-10", "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"]);
        command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.arg("-kernel").arg(&image.kernel).arg("-initrd").arg(&image.initramfs);
        command.args(machine());
        let mut emulator = command.spawn().unwrap();
        let mut connect = |name: &str| {
            wait::until("the emulator's sockets", Duration::from_secs(30), || {
                let ended = emulator.try_wait().unwrap();
                let log = || std::fs::read_to_string(dir.join("emulator.log")).unwrap();
                assert!(ended.is_none(), "the emulator ended: {ended:?}: {}", log());
                UnixStream::connect(dir.join(name)).ok()
            })
        };
        let channel = Channel::over(connect("channel"));
        let monitor = Monitor::over(connect("monitor"));
        let bmc = Bmc::over(connect("bmc"));
        Self { dir: dir.to_owned(), emulator, channel, monitor, bmc }
    }

    /// Runs a line of shell in the guest; its output, or a failure with all that the guest said.
    pub fn run(&mut self, command: &str) -> String {
        match self.channel.run(command) {
            Ok((said, 0)) => said,
            Ok((said, status)) => {
                panic!("{command:?} ended with {status}: {said}\n{}", self.console())
            }
            Err(lost) => panic!("{lost}\n{}", self.console()),
        }
    }

    /// Sets a property of an emulated device.
    pub fn set(&mut self, device: &str, property: &str, value: u8) {
        self.monitor.set(device, property, &value.into());
    }

    /// What the kernel and init printed.
    pub fn console(&self) -> String {
        let bytes = std::fs::read(self.dir.join("console.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        drop(self.emulator.kill());
        drop(self.emulator.wait());
    }
}

fn disk(dir: &Path, name: &str, mib: u64) {
    File::create(dir.join(name)).unwrap().set_len(mib << 20).unwrap();
}

/// Everything but the kernel. Paths are relative to the laboratory's folder.
fn machine() -> Vec<String> {
    let fixed = "-machine q35,accel=tcg -cpu Nehalem -smp 2 -nodefaults -no-reboot -display none \
        -serial file:console.log -qmp unix:monitor,server=on,wait=off \
        -device virtio-serial -chardev socket,id=lab,path=channel,server=on,wait=off \
        -device virtserialport,chardev=lab,name=lab \
        -netdev user,id=uplink -device virtio-net-pci,netdev=uplink,mac=52:54:00:00:00:01 \
        -chardev socket,id=bmc-wire,path=bmc,server=on,wait=off -device ipmi-bmc-extern,id=bmc,chardev=bmc-wire \
        -device isa-ipmi-kcs,bmc=bmc,ioport=0xca2";
    let mut all: Vec<String> = fixed.split_ascii_whitespace().map(str::to_owned).collect();
    let mut add = |option: &str, value: String| all.extend([option.to_owned(), value]);
    add("-m", MEMORY.to_owned());
    add("-append", "console=ttyS0 quiet panic=-1".to_owned());
    // Two cards on a wire of their own, for soft RoCE.
    for at in 1..=2 {
        add("-netdev", format!("hubport,id=ib{at},hubid=1"));
        add(
            "-device",
            format!(
                "virtio-net-pci,netdev=ib{at},mac=52:54:00:00:00:1{at},speed=10000,duplex=full"
            ),
        );
    }
    for (name, _) in DISKS {
        add("-drive", format!("file={name},if=none,id={name},format=raw"));
        add("-device", format!("virtio-blk-pci,drive={name},serial={name}"));
    }
    add("-drive", "file=nvme,if=none,id=nvme,format=raw".to_owned());
    add("-device", format!("nvme,id={NVME},drive=nvme,serial=LAB0001"));
    all
}
