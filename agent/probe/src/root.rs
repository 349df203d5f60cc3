//! The injectable root of the host's file systems.

use std::path::{Path, PathBuf};

/// Where `/proc`, `/sys` and the rest are found: `/` on a live node, a captured tree under `--root DIR`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostRoot(PathBuf);

impl HostRoot {
    /// The live host.
    pub fn live() -> Self {
        Self(PathBuf::from("/"))
    }

    /// A tree with `proc/`, `sys/` and `udev/` in it.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self(dir.into())
    }

    /// Whether this is the live host, so that system calls describe the same machine as the files.
    pub fn is_live(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// A path under `/proc`.
    pub fn proc(&self, path: &str) -> PathBuf {
        self.0.join("proc").join(path)
    }

    /// A path under `/sys`.
    pub fn sys(&self, path: &str) -> PathBuf {
        self.0.join("sys").join(path)
    }

    /// A path of the host's root file system, such as a mount point.
    pub fn host(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }
}
