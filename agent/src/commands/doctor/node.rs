//! What can be seen on this node alone.

use super::Check;
use crate::config::Config;
use agent_uplink::spool::summary;
use agent_uplink::{SpoolError, read_boot_id};
use rustix::process::{Resource, geteuid, getrlimit};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use shared_model::{Clock, Timestamp};
use shared_runtime::SystemClock;
use shared_runtime::telemetry::chain;
use shared_runtime::tls::{NodeCredentials, identity_of, validity_of};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// Less than this left of a certificate that is renewed at a third of its life means that renewals fail.
const CERTIFICATE_LEFT: Duration = Duration::from_secs(3 * 86_400);

/// Descriptors of a node with 64 databases: one connection each, some 150 files of `/proc` and `/sys`, the spool.
const DESCRIPTORS: u64 = 512;

pub(super) fn checks(config: &Config) -> Vec<Check> {
    let dir = config.data_dir();
    vec![
        account(),
        descriptors(),
        boot_id(),
        data_folder(&dir),
        space(&dir, config),
        certificate(&dir, SystemClock.wall()),
        spool(&dir),
    ]
    .into_iter()
    .chain(echo(config))
    .collect()
}

/// Whether peers can be probed as they are configured to.
fn echo(config: &Config) -> Option<Check> {
    let asks = config.peer.iter().any(|peer| peer.method == "icmp");
    asks.then(|| match agent_peers::may_echo() {
        Ok(()) => Check::ok("icmp echo", "permitted"),
        Err(error) => Check::fail(
            "icmp echo",
            error.to_string(),
            "sysctl net.ipv4.ping_group_range='0 2147483647', or method = \"tcp:22\" for each peer",
        ),
    })
}

fn account() -> Check {
    let uid = geteuid();
    if uid.is_root() {
        return Check::warn(
            "account",
            "root",
            "the agent needs no privilege: run it as an account of its own, such as wardround",
        );
    }
    Check::ok("account", format!("uid {}", uid.as_raw()))
}

fn descriptors() -> Check {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < DESCRIPTORS => Check::warn(
            "descriptors",
            format!("at most {limit}"),
            format!("allow {DESCRIPTORS}: LimitNOFILE= of the service, or 'ulimit -n'"),
        ),
        Some(limit) => Check::ok("descriptors", format!("at most {limit}")),
        None => Check::ok("descriptors", "no limit"),
    }
}

fn boot_id() -> Check {
    match read_boot_id() {
        Ok(id) => {
            let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            Check::ok("boot id", hex)
        }
        Err(error) => Check::fail(
            "boot id",
            error.to_string(),
            "make /proc/sys/kernel/random/boot_id readable: without it a loss of power cannot be told from a restart",
        ),
    }
}

fn data_folder(dir: &Path) -> Check {
    const NAME: &str = "data folder";
    let found = match std::fs::metadata(dir) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => {
            return Check::fail(NAME, format!("{} is no folder", dir.display()), "move it away");
        }
        Err(error) => {
            let advice = "run 'wardround-agent join', which makes it, or set data_dir";
            return Check::fail(NAME, format!("{}: {error}", dir.display()), advice);
        }
    };
    let mode = found.permissions().mode() & 0o777;
    let words = format!("{} of uid {}, mode {mode:04o}", dir.display(), found.uid());
    let mine = geteuid().is_root() || found.uid() == geteuid().as_raw();
    if !mine {
        return Check::fail(NAME, words, "run as its owner, or give it to this account with chown");
    }
    if mode & 0o022 != 0 {
        return Check::warn(NAME, words, "take the others' right to write: chmod go-w");
    }
    Check::ok(NAME, words)
}

fn space(dir: &Path, config: &Config) -> Check {
    const NAME: &str = "space";
    let stat = match rustix::fs::statvfs(dir) {
        Ok(stat) => stat,
        Err(error) => {
            return Check::fail(NAME, error.to_string(), "see the check of the data folder");
        }
    };
    if stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        let advice = "mount it for writing: until then records are kept in memory only";
        return Check::fail(NAME, "the file system is read-only", advice);
    }
    let (total, free) = (stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize);
    let words = format!("{} MiB free of {} MiB", free >> 20, total >> 20);
    let limits = config.spool_limits();
    let floor = (total as f64 * limits.min_free_ratio) as u64;
    if free <= floor {
        let advice = "free some, or lower spool.min_free_ratio: the spool keeps one segment only";
        return Check::warn(NAME, words, advice);
    }
    Check::ok(NAME, words)
}

fn certificate(dir: &Path, now: Timestamp) -> Check {
    const NAME: &str = "certificate";
    const JOIN: &str = "run 'wardround-agent join' with a token of the collector";
    let credentials = match NodeCredentials::load(dir) {
        Ok(credentials) => credentials,
        Err(error) => return Check::fail(NAME, chain(&error), JOIN),
    };
    let key = dir.join("node.key");
    let is_open = std::fs::metadata(&key).is_ok_and(|m| m.permissions().mode() & 0o077 != 0);
    if is_open {
        let advice = format!("chmod 600 {}; if others may have read it, join again", key.display());
        return Check::fail(NAME, "others can read the node's key", advice);
    }
    let read = CertificateDer::from_pem_slice(credentials.certificate_pem.as_bytes());
    let Ok(certificate) = read else {
        return Check::fail(NAME, "node.crt is not PEM", JOIN);
    };
    let (identity, validity) = match (identity_of(&certificate), validity_of(&certificate)) {
        (Ok(identity), Ok(validity)) => (identity, validity),
        (Err(error), _) | (_, Err(error)) => return Check::fail(NAME, chain(&error), JOIN),
    };
    let (from, until) = validity;
    let words = format!("{identity}, valid until {until}");
    if now < from {
        let advice = "set this node's clock: the certificate begins later than now";
        return Check::fail(NAME, format!("{identity}, valid from {from}"), advice);
    }
    if now > until {
        return Check::fail(NAME, format!("{identity}, expired at {until}"), JOIN);
    }
    if until.since(now) < CERTIFICATE_LEFT {
        let advice = "a running agent renews it at a third of its life: see why its renewals fail in its log";
        return Check::warn(NAME, words, advice);
    }
    Check::ok(NAME, words)
}

fn spool(dir: &Path) -> Check {
    const NAME: &str = "spool";
    match summary(dir) {
        Ok(found) => {
            let lost: u64 = found.gaps.values().map(|(_, records)| records).sum();
            let words = format!(
                "{} rounds and {} events in {} bytes, {lost} records declared lost",
                found.batches, found.events, found.bytes
            );
            if let Some(why) = found.degraded {
                return Check::fail(NAME, format!("{why}: {words}"), "see the check of the space");
            }
            if found.damaged > 0 {
                let words = format!("{} damaged records; {words}", found.damaged);
                let advice =
                    "they are declared lost to the collector; check the disk (smartctl, dmesg)";
                return Check::warn(NAME, words, advice);
            }
            Check::ok(NAME, words)
        }
        Err(SpoolError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Check::ok(NAME, "none yet: the first run makes it")
        }
        Err(error) => Check::fail(NAME, chain(&error), "the agent's log says more"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use shared_runtime::tls::{Authority, NodeKey};

    /// Scenario: a data folder that is missing, a file, writable for others, and in order.
    /// Guarantees: each is told apart, and what is wrong comes with what to do.
    #[test]
    fn the_data_folder_is_judged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        assert_eq!(data_folder(&path).verdict, Verdict::Fail);
        std::fs::write(&path, "").unwrap();
        assert_eq!(data_folder(&path).verdict, Verdict::Fail);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        for (mode, verdict) in [
            (0o700, Verdict::Ok),
            (0o755, Verdict::Ok),
            (0o775, Verdict::Warn),
            (0o702, Verdict::Warn),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let check = data_folder(&path);
            assert_eq!(check.verdict, verdict, "{mode:o}: {check:?}");
            assert_eq!(check.advice.is_some(), verdict != Verdict::Ok);
        }
    }

    /// Scenario: a certificate of ten days looked at before, in, near the end of and after its life, with an open key, and
    /// none at all. Guarantees: each verdict at its edge.
    #[test]
    fn the_certificate_is_judged() {
        let dir = tempfile::tempdir().unwrap();
        let now = SystemClock.wall();
        assert_eq!(certificate(dir.path(), now).verdict, Verdict::Fail);
        let authority = Authority::open(dir.path(), now).unwrap();
        let key = NodeKey::generate().unwrap();
        let node = shared_model::NodeIdentity::new("p", "h", "a", "n").unwrap();
        let issued = authority
            .issue_node(&key.request_der().unwrap(), &node, now, Duration::from_secs(10 * 86_400))
            .unwrap();
        let credentials = NodeCredentials {
            key_pem: key.pem(),
            certificate_pem: issued.certificate_pem,
            ca_pem: authority.certificate_pem().to_owned(),
        };
        credentials.store(dir.path()).unwrap();
        let day = Duration::from_secs(86_400);
        for (at, verdict) in [
            (now.minus(day), Verdict::Fail),
            (now, Verdict::Ok),
            (now.plus(day * 6), Verdict::Ok),
            (now.plus(day * 8), Verdict::Warn),
            (now.plus(day * 11), Verdict::Fail),
        ] {
            let check = certificate(dir.path(), at);
            assert_eq!(check.verdict, verdict, "{check:?}");
        }
        let open = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(dir.path().join("node.key"), open).unwrap();
        assert!(certificate(dir.path(), now).found.contains("others can read"));
    }
}
