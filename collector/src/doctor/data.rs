//! The data folder and the certificate authority in it.

use super::Finding;
use crate::config::Config;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use shared_model::{Clock, Timestamp};
use shared_runtime::SystemClock;
use shared_runtime::tls::validity_of;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Below this the journal of a busy second may not fit any more.
const FREE_FAIL_BYTES: u64 = 1 << 30;
/// Some days of samples of one appliance.
const FREE_WARN_BYTES: u64 = 10 << 30;
/// Every node joins anew under a new CA: a year to plan it.
const CA_WARN: Duration = Duration::from_secs(365 * 86_400);

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let dir = config.data_dir();
    let Ok(metadata) = dir.metadata() else {
        let found = format!("{} is not there", dir.display());
        let advice = "it is made at the first start; if it was there before, restore it or mount its file system";
        return vec![Finding::warn("data folder", found, advice)];
    };
    vec![
        owner(&dir, metadata.uid(), metadata.mode()),
        space(&dir),
        authority(&dir, SystemClock.wall()),
    ]
}

fn owner(dir: &Path, uid: u32, mode: u32) -> Finding {
    let check = "data folder";
    let found = format!("{} belongs to user id {uid}, mode {:04o}", dir.display(), mode & 0o7777);
    let own = rustix::process::geteuid().as_raw();
    if mode & 0o077 != 0 {
        return Finding::fail(
            check,
            found,
            format!("others can read it: chmod 700 {}", dir.display()),
        );
    }
    if uid != own && own != 0 {
        return Finding::fail(check, found, "run this as the user of the collector");
    }
    Finding::ok(check, found)
}

fn space(dir: &Path) -> Finding {
    let check = "space";
    let free = match rustix::fs::statvfs(dir) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return Finding::unknown(check, format!("{}: {error}", dir.display())),
    };
    judge_space(free)
}

fn judge_space(free_bytes: u64) -> Finding {
    let check = "space";
    let found = format!("{:.1} GiB free", free_bytes as f64 / f64::from(1 << 30));
    let advice = "make room, or lower store.retention and store.journal_max";
    match free_bytes {
        free if free < FREE_FAIL_BYTES => Finding::fail(check, found, advice),
        free if free < FREE_WARN_BYTES => Finding::warn(check, found, advice),
        _ => Finding::ok(check, found),
    }
}

fn authority(dir: &Path, now: Timestamp) -> Finding {
    let check = "certificate authority";
    let (key, certificate) = (dir.join("ca.key"), dir.join("ca.crt"));
    let (key_mode, pem) = match (key.metadata(), std::fs::read(&certificate)) {
        (Ok(key), Ok(pem)) => (key.mode() & 0o7777, pem),
        (Err(_), Err(_)) => {
            let advice = "both files are made at the first start; if there were some before, restore them from a backup, or every node must join again";
            return Finding::warn(check, "there is none", advice);
        }
        (Ok(_), Err(error)) => return half(&certificate, &error),
        (Err(error), Ok(_)) => return half(&key, &error),
    };
    if key_mode & 0o077 != 0 {
        let found = format!("{} has mode {key_mode:04o}", key.display());
        let advice = format!(
            "chmod 600 {}; if others could read it, start a new authority: who has it can pose as any node",
            key.display()
        );
        return Finding::fail(check, found, advice);
    }
    let der = CertificateDer::from_pem_slice(&pem).ok();
    match der.and_then(|der| validity_of(&der).ok()) {
        None => Finding::fail(
            check,
            format!("{} is not a certificate", certificate.display()),
            "restore it from a backup together with ca.key",
        ),
        Some((_, not_after)) => judge_expiry(not_after, now),
    }
}

fn judge_expiry(not_after: Timestamp, now: Timestamp) -> Finding {
    let check = "certificate authority";
    let found = format!("good until {not_after}");
    let advice = "move ca.key and ca.crt away to start a new authority, then let every node join again with a token";
    match not_after {
        end if now >= end => Finding::fail(check, found, advice),
        end if now.plus(CA_WARN) >= end => Finding::warn(check, found, advice),
        _ => Finding::ok(check, found),
    }
}

fn half(path: &Path, error: &std::io::Error) -> Finding {
    let found = format!("{}: {error}", path.display());
    let advice = "restore ca.key and ca.crt together from a backup, and read them as the user of the collector";
    Finding::fail("certificate authority", found, advice)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    /// Scenario: free space and the authority's end just below, at and above their limits. Guarantees: the verdict changes there
    /// and nowhere else.
    #[test]
    fn limits_are_where_they_are_written() {
        for (free, expected) in [
            (FREE_FAIL_BYTES - 1, Verdict::Fail),
            (FREE_FAIL_BYTES, Verdict::Warn),
            (FREE_WARN_BYTES - 1, Verdict::Warn),
            (FREE_WARN_BYTES, Verdict::Ok),
        ] {
            assert_eq!(judge_space(free).verdict, expected, "{free}");
        }
        let now = Timestamp::from_secs(1_000_000_000);
        let second = Duration::from_secs(1);
        for (end, expected) in [
            (now, Verdict::Fail),
            (now.plus(second), Verdict::Warn),
            (now.plus(CA_WARN), Verdict::Warn),
            (now.plus(CA_WARN).plus(second), Verdict::Ok),
        ] {
            assert_eq!(judge_expiry(end, now).verdict, expected, "{end}");
        }
    }
}
