//! The reconnect window that the collector announced, remembered over a restart in `DATA/reconnect_window_ms`.

use crate::link::chain;
use proto::limits::MAX_RECONNECT_WINDOW;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("reconnect_window_ms")
}

/// What was announced last, `None` when nothing was or the file is not readable: it only spreads attempts.
pub(crate) fn read(data_dir: &Path) -> Option<Duration> {
    let text = std::fs::read_to_string(path(data_dir)).ok()?;
    let window = Duration::from_millis(text.trim().parse().ok()?);
    (window <= MAX_RECONNECT_WINDOW).then_some(window)
}

/// Remembers a window.
pub(crate) fn write(data_dir: &Path, window: Duration) {
    let text = format!("{}\n", window.as_millis());
    let written = shared_runtime::replace_file(&path(data_dir), text.as_bytes(), 0o644);
    if let Err(error) = written {
        // Without it the next start is not spread, which one node alone does not need.
        tracing::debug!(error = chain(&error), "the reconnect window is not remembered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: no file, a window at the limit and above it, and nonsense. Guarantees: only a window that a collector may
    /// announce comes back.
    #[test]
    fn only_a_sound_window_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), None);
        write(dir.path(), MAX_RECONNECT_WINDOW);
        assert_eq!(read(dir.path()), Some(MAX_RECONNECT_WINDOW));
        for text in ["600001", "-1", "soon", ""] {
            std::fs::write(path(dir.path()), text).unwrap();
            assert_eq!(read(dir.path()), None, "{text}");
        }
    }
}
