//! What the guest boots: Debian's kernel, and an initramfs with the agent that was built with the tests.

use crate::binaries;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Kernel and initramfs.
pub struct Image {
    pub kernel: PathBuf,
    pub initramfs: PathBuf,
}

impl Image {
    /// Makes the initramfs in `dir`. The kernel is kept beside the built programs and downloaded only once.
    pub fn make(dir: &Path) -> Self {
        let programs = binaries::folder();
        let cache = programs.parent().expect("a profile's folder lies in the target folder");
        let initramfs = dir.join("initramfs");
        let mut command = Command::new(binaries::repository().join("tests/lab/image.sh"));
        command.arg(cache.join("lab")).arg(programs.join("wardround-agent")).arg(&initramfs);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "image.sh: {said}{errors}");
        Self { kernel: said.trim().into(), initramfs }
    }
}
