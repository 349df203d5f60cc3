//! What the configuration says about a document.

use super::mapping::Mapping;
use crate::pace;
use crate::scrape::settings::check_job;
use serde::Deserialize;
use shared_runtime::config::{ByteSize, ConfigErrors, Span};
use std::path::PathBuf;

/// Largest document. Parsed JSON takes up to thirty times its text, so this bounds the agent's memory.
const LARGEST: ByteSize = ByteSize::mib(4);
/// Most series that can be asked for.
const MOST_SERIES: usize = 5_000;
/// Longest request, bytes.
const LONGEST_REQUEST: usize = 4_096;

/// One document: `[[document]]`. Exactly one of `path` and `socket` says where it is.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Name of the document, 1 to 64 of `a-z 0-9 - _ .`.
    pub name: String,
    /// A regular file that another program writes.
    pub path: Option<PathBuf>,
    /// A Unix socket that answers with the document.
    pub socket: Option<PathBuf>,
    /// Sent to the socket first, such as `"status\n"`. Default: nothing.
    #[serde(default)]
    pub request: String,
    /// How the socket's answer ends: `end` of the connection, or `length`, four bytes in network order before it. Default `end`.
    #[serde(default)]
    pub framing: Framing,
    /// The mapping: a TOML file of `[[metric]]` tables.
    pub mapping: PathBuf,
    /// Becomes the label `job`; none of the agent's own. Default: the name.
    pub job: Option<String>,
    /// Becomes the label `instance`. Default: the node.
    #[serde(default)]
    pub instance: String,
    /// A file that was not written for longer than this is not read, `1s` to `7d`. Default: any age.
    pub max_age: Option<Span>,
    /// Time between rounds, `100ms` to `5m`. Default `10s`.
    #[serde(default = "pace::ten_seconds")]
    pub interval: Span,
    /// A round that takes longer is cut, `100ms` to `60s`. Default `5s`.
    #[serde(default = "pace::five_seconds")]
    pub timeout: Span,
    /// Largest document, at most `4MiB`. Default `1MiB`.
    #[serde(default = "bytes")]
    pub max_bytes: ByteSize,
    /// Most series, at most 5000; the others are left out and complained of. Default 1000.
    #[serde(default = "series")]
    pub max_series: usize,
}

/// How an answer of a socket ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// With the connection.
    #[default]
    End,
    /// After as many bytes as four bytes before it say, in network order.
    Length,
}

fn bytes() -> ByteSize {
    ByteSize::mib(1)
}

fn series() -> usize {
    1_000
}

impl Document {
    /// Adds every fault that types cannot express to `errors`, those of the mapping too; `path` is where this table stands.
    pub fn check(&self, path: &str, errors: &mut ConfigErrors) {
        if !pace::is_input_name(&self.name) {
            errors.add(format!("{path}.name"), "write 1 to 64 of a-z 0-9 - _ .");
        }
        if self.path.is_some() == self.socket.is_some() {
            let needs = ["path", "socket"].map(|key| format!("{path}.{key}"));
            errors.add_from(needs, path, "write either path or socket");
        }
        if self.socket.is_none() && (!self.request.is_empty() || self.framing == Framing::Length) {
            errors.add_from(
                [format!("{path}.socket")],
                path,
                "only a socket has a request or framing",
            );
        }
        if self.request.len() > LONGEST_REQUEST {
            errors.add(format!("{path}.request"), format!("at most {LONGEST_REQUEST} bytes"));
        }
        let span = Span::secs(1)..=Span::secs(7 * 86_400);
        if self.max_age.is_some_and(|age| !span.contains(&age) || self.path.is_none()) {
            errors.add(format!("{path}.max_age"), "write a span from 1s to 7d; only a file has it");
        }
        check_job(self.job.as_deref().unwrap_or(&self.name), path, errors);
        if self.instance.len() > 128 {
            errors.add(format!("{path}.instance"), "write up to 128 bytes");
        }
        if !(ByteSize(1)..=LARGEST).contains(&self.max_bytes) {
            errors.add(format!("{path}.max_bytes"), "write a size up to \"4MiB\"");
        }
        if !(1..=MOST_SERIES).contains(&self.max_series) {
            errors.add(format!("{path}.max_series"), format!("write 1 to {MOST_SERIES}"));
        }
        pace::check(self.interval, self.timeout, path, errors);
        if let Err(faults) = Mapping::load(&self.mapping) {
            errors.add(format!("{path}.mapping"), faults.to_string());
        }
    }
}
