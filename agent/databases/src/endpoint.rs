//! Where a database is and how it is read, as every engine's configuration has it.

use serde::Deserialize;
use shared_runtime::config::{ConfigErrors, Span};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The shortest interval and timeout: a shorter one measures the network rather than the database.
const SHORTEST: Duration = Duration::from_millis(100);

/// The longest timeout: a round that hangs longer than this would hide a dead database for too long.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest interval that still tells a down database apart from an unknown one.
const LONGEST_INTERVAL: Duration = Duration::from_secs(300);

/// The shortest and the longest time between inspections: evidence must be of the day it is judged on.
const SHORTEST_INSPECTION: Duration = Duration::from_secs(1);
const LONGEST_INSPECTION: Duration = Duration::from_secs(86_400);

/// Whether and how the connection is encrypted, with libpq's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Never.
    Disable,
    /// When the server offers it, without checking who the server is.
    #[default]
    Prefer,
    /// Always, without checking who the server is.
    Require,
    /// Always, and the server's certificate must be issued by `ca_file` for `host`.
    VerifyFull,
}

/// Where a connection goes, as both kinds of probe need it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) database: String,
    pub(crate) sslmode: SslMode,
    pub(crate) ca_file: Option<PathBuf>,
}

impl Endpoint {
    /// `host:port`, the label `instance`.
    pub(crate) fn instance(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Where an instance is looked for by default: on the node itself.
pub(crate) fn default_host() -> String {
    "127.0.0.1".into()
}

/// The agent's account by default, as the scripts in `deploy/sql` make it.
pub(crate) fn default_user() -> String {
    "wardround".into()
}

/// Adds every fault of an endpoint that types cannot express; `path` is where its table stands, `postgres[0]`.
pub(crate) fn check_endpoint(endpoint: &Endpoint, path: &str, errors: &mut ConfigErrors) {
    check_host(&endpoint.host, endpoint.port, path, errors);
    check_names(&[("user", &endpoint.user), ("database", &endpoint.database)], path, errors);
    match (endpoint.sslmode, &endpoint.ca_file) {
        (SslMode::VerifyFull, None) => {
            errors.add(format!("{path}.ca_file"), "sslmode verify-full needs the file of the CA");
        }
        (SslMode::VerifyFull, Some(_)) | (_, None) => {}
        (_, Some(_)) => errors.add(
            format!("{path}.ca_file"),
            "only sslmode = \"verify-full\" checks the certificate; set it or remove ca_file",
        ),
    }
    if endpoint.sslmode == SslMode::VerifyFull && Path::new(&endpoint.host).is_absolute() {
        errors.add(format!("{path}.sslmode"), "a Unix socket has no certificate to verify");
    }
}

/// The same of host and port.
pub(crate) fn check_host(host: &str, port: u16, path: &str, errors: &mut ConfigErrors) {
    // It becomes part of the label `instance`, which takes these; 253 bytes is the longest DNS name.
    if !(1..=253).contains(&host.len()) || !host.bytes().all(|b| b.is_ascii_graphic()) {
        errors.add(format!("{path}.host"), "write 1 to 253 ASCII characters without spaces");
    }
    if port == 0 {
        errors.add(format!("{path}.port"), "write 1 to 65535");
    }
}

/// The same of names that the server knows.
pub(crate) fn check_names(names: &[(&str, &str)], path: &str, errors: &mut ConfigErrors) {
    for (key, text) in names {
        // PostgreSQL cuts names at 63 bytes (NAMEDATALEN), MySQL allows 64 characters of a schema and 32 of an account.
        if !(1..=63).contains(&text.len()) || text.chars().any(char::is_control) {
            errors.add(format!("{path}.{key}"), "write 1 to 63 bytes");
        }
    }
}

/// The same of interval and timeout.
pub(crate) fn check_pace(interval: Span, timeout: Span, path: &str, errors: &mut ConfigErrors) {
    for (key, span, longest) in
        [("interval", interval, LONGEST_INTERVAL), ("timeout", timeout, LONGEST_TIMEOUT)]
    {
        if !(SHORTEST..=longest).contains(&span.get()) {
            let longest = longest.as_secs();
            errors.add(format!("{path}.{key}"), format!("write a span from 100ms to {longest}s"));
        }
    }
}

/// The same of what an inspection reads: its interval, and the accounts that are meant to have their rights.
pub(crate) fn check_inspection(
    interval: Span,
    allowed: &[String],
    path: &str,
    errors: &mut ConfigErrors,
) {
    if !(SHORTEST_INSPECTION..=LONGEST_INSPECTION).contains(&interval.get()) {
        errors.add(format!("{path}.inspection_interval"), "write a span from 1s to 1d");
    }
    let is_name = |text: &String| (1..=320).contains(&text.len());
    if allowed.len() > 256 || !allowed.iter().all(is_name) {
        errors.add(format!("{path}.allowed_accounts"), "write up to 256 names of 1 to 320 bytes");
    }
}
