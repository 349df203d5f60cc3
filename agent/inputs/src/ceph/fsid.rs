//! Which cluster it is.

use super::Ceph;
use super::daemon::Daemon;
use super::daemons::daemons;
use super::settings::is_fsid;
use crate::complaint::Complaints;
use std::path::Path;
use std::time::Duration;

/// Most bytes of `ceph.conf` that are looked at.
const MAX_CONF_BYTES: u64 = 256 << 10;
/// Most daemons that are asked in turn.
const MAX_ASKED: usize = 8;
/// How long one may take.
const PATIENCE: Duration = Duration::from_millis(200);

/// The fsid that the configuration or Ceph's own names; `None` when neither does.
pub(super) fn configured(settings: &Ceph) -> Option<String> {
    if let Some(fsid) = &settings.fsid {
        return Some(fsid.clone());
    }
    let small = std::fs::metadata(&settings.conf).is_ok_and(|m| m.len() <= MAX_CONF_BYTES);
    let text = small.then(|| std::fs::read_to_string(&settings.conf).ok()).flatten()?;
    in_conf(&text)
}

/// The cluster that the first daemon of this node to answer belongs to.
pub(super) async fn of_daemons(asok_dir: &Path) -> Option<String> {
    let daemons = daemons(asok_dir, &mut Complaints::default()).ok()?;
    for daemon in daemons.iter().take(MAX_ASKED) {
        if let Some(fsid) = of_daemon(daemon).await {
            return Some(fsid);
        }
    }
    None
}

async fn of_daemon(daemon: &Daemon) -> Option<String> {
    let answers = tokio::time::timeout(PATIENCE, daemon.ask()).await.ok()?.ok()?;
    answers.fsid().filter(|fsid| is_fsid(fsid)).map(str::to_owned)
}

/// The key `fsid` in the section `[global]`, or before any section.
fn in_conf(text: &str) -> Option<String> {
    let mut in_global = true;
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default().trim();
        if let Some(section) = line.strip_prefix('[') {
            in_global = section.trim_end_matches(']').trim() == "global";
        }
        if let Some((key, value)) = line.split_once('=')
            && in_global
            && key.trim() == "fsid"
        {
            let fsid = value.trim().to_ascii_lowercase();
            return is_fsid(&fsid).then_some(fsid);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: configurations with the key where it counts, elsewhere, commented out, and malformed. Guarantees: only a UUID of
    /// `[global]` is taken.
    #[test]
    fn only_the_global_fsid_counts() {
        let fsid = "154ac1da-0e3d-4c3a-afb5-2d5c41ed247c";
        for (text, found) in [
            (format!("[global]\n fsid = {fsid} ; ours\n"), true),
            (format!("fsid={}\n", fsid.to_uppercase()), true),
            (format!("[mon.a]\nfsid = {fsid}\n"), false),
            (format!("[global]\n# fsid = {fsid}\n"), false),
            ("[global]\nfsid = ceph\n".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(in_conf(&text).as_deref(), found.then_some(fsid), "{text}");
        }
    }
}
