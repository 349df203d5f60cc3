//! What the configuration says about an endpoint.

use crate::http::{Endpoint, Target};
use crate::names::is_metric_name;
use crate::pace;
use serde::Deserialize;
use shared_runtime::config::{ByteSize, ConfigErrors, Span};
use std::path::PathBuf;

/// Most bytes of an answer that can be asked for.
const LARGEST_BODY: ByteSize = ByteSize::mib(32);
/// Most series that can be asked for: a quarter of what an agent may have.
const MOST_SERIES: usize = 5_000;
/// Most prefixes of one endpoint.
const MOST_PREFIXES: usize = 256;
/// Jobs whose series decide levels: no foreign endpoint may speak in their name.
const OWN_JOBS: [&str; 8] =
    ["node", "postgres", "mysql", "oracle", "sqlserver", "ceph", "wardround", "collector"];

/// One endpoint: `[[scrape]]`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scrape {
    /// Name of the endpoint, 1 to 64 of `a-z 0-9 - _ .`.
    pub name: String,
    /// Where it is: `http://127.0.0.1:9100/metrics`.
    pub url: String,
    /// Becomes the label `job`; none of the agent's own (`node`, `postgres`, …). Default: the name.
    pub job: Option<String>,
    /// Becomes the label `instance`. Default: host and port of the URL.
    pub instance: Option<String>,
    /// Beginnings of the metric names that are taken, such as `["node_filesystem_", "up"]`. Default: all.
    #[serde(default)]
    pub include: Vec<String>,
    /// PEM file of the authorities that `https` trusts. Default: the machine's own.
    pub ca_file: Option<PathBuf>,
    /// File whose first line is sent as bearer token; readable by its owner only. Default: none.
    pub bearer_token_file: Option<PathBuf>,
    /// Time between rounds, `100ms` to `5m`. Default `10s`.
    #[serde(default = "pace::ten_seconds")]
    pub interval: Span,
    /// A round that takes longer is cut and the endpoint counts as down, `100ms` to `60s`. Default `5s`.
    #[serde(default = "pace::five_seconds")]
    pub timeout: Span,
    /// Longest answer, at most `32MiB`. Default `8MiB`.
    #[serde(default = "body_bytes")]
    pub max_body_bytes: ByteSize,
    /// Most series, at most 5000; what comes after them is left out and complained of. Default 5000.
    #[serde(default = "series")]
    pub max_series: usize,
}

fn body_bytes() -> ByteSize {
    ByteSize::mib(8)
}

fn series() -> usize {
    MOST_SERIES
}

impl Scrape {
    /// Adds every fault that types cannot express to `errors`; `path` is where this table stands, `scrape[0]`.
    pub fn check(&self, path: &str, errors: &mut ConfigErrors) {
        if !pace::is_input_name(&self.name) {
            errors.add(format!("{path}.name"), "write 1 to 64 of a-z 0-9 - _ .");
        }
        if let Err(what) = self.url.parse::<Target>() {
            errors.add(format!("{path}.url"), what);
        }
        check_job(self.job.as_deref().unwrap_or(&self.name), path, errors);
        if self.instance.as_ref().is_some_and(|i| !(1..=128).contains(&i.len())) {
            errors.add(format!("{path}.instance"), "write 1 to 128 bytes");
        }
        if self.include.len() > MOST_PREFIXES {
            errors.add(format!("{path}.include"), format!("at most {MOST_PREFIXES} prefixes"));
        }
        if let Some(bad) = self.include.iter().find(|prefix| !is_metric_name(prefix)) {
            let what = format!("'{bad}' begins no metric name: write for example \"node_\"");
            errors.add(format!("{path}.include"), what);
        }
        if self.bearer_token_file.is_some() && self.url.starts_with("http://") {
            let what = "a token over http can be read on the way: use https";
            errors.add_from([format!("{path}.url")], format!("{path}.bearer_token_file"), what);
        }
        if !(ByteSize(1)..=LARGEST_BODY).contains(&self.max_body_bytes) {
            errors.add(format!("{path}.max_body_bytes"), "write a size up to \"32MiB\"");
        }
        if !(1..=MOST_SERIES).contains(&self.max_series) {
            errors.add(format!("{path}.max_series"), format!("write 1 to {MOST_SERIES}"));
        }
        pace::check(self.interval, self.timeout, path, errors);
    }

    /// Becomes the label `instance`.
    pub(super) fn instance(&self) -> String {
        let of_url = || self.url.parse::<Target>().map(|target| target.instance());
        self.instance.clone().unwrap_or_else(|| of_url().unwrap_or_default())
    }

    /// The endpoint, or what is wrong with its URL.
    pub(super) fn endpoint(&self) -> Result<Endpoint, String> {
        let limit = usize::try_from(self.max_body_bytes.get()).unwrap_or(usize::MAX);
        let (ca_file, token) = (self.ca_file.clone(), self.bearer_token_file.clone());
        Ok(Endpoint::new(self.url.parse()?, ca_file, token, limit))
    }
}

/// Adds what is wrong with a job's name.
pub(crate) fn check_job(job: &str, path: &str, errors: &mut ConfigErrors) {
    if OWN_JOBS.contains(&job) {
        let what = format!("the job '{job}' is the agent's own; write another");
        errors.add(format!("{path}.job"), what);
    } else if !(1..=63).contains(&job.len()) || job.chars().any(char::is_control) {
        errors.add(format!("{path}.job"), "write 1 to 63 bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let settings: Scrape = toml::from_str(text).unwrap();
        let mut errors = ConfigErrors::default();
        settings.check("scrape[0]", &mut errors);
        errors.faults.iter().map(|f| format!("{}: {}", f.path, f.what)).collect()
    }

    /// Scenario: an endpoint with two keys, and one with every fault. Guarantees: two keys are enough; each fault is told with
    /// its key, among them a job of the agent's own and a token over plain HTTP.
    #[test]
    fn settings_are_checked() {
        let short = "name = \"san\"\nurl = \"http://127.0.0.1:9100/metrics\"";
        assert_eq!(faults(short), Vec::<String>::new());
        let found = faults(
            "name = \"S A N\"\nurl = \"http://a/\"\njob = \"postgres\"\ninstance = \"\"\ninclude = [\"a-b\"]\n\
             bearer_token_file = \"/x\"\nmax_body_bytes = \"1GiB\"\nmax_series = 0\ninterval = \"10m\"\ntimeout = \"1ms\"",
        );
        for (fault, begin) in found.iter().zip([
            "scrape[0].name: write 1 to 64",
            "scrape[0].job: the job 'postgres' is the agent's own",
            "scrape[0].instance: ",
            "scrape[0].include: 'a-b' begins no metric name",
            "scrape[0].bearer_token_file: a token over http",
            "scrape[0].max_body_bytes: ",
            "scrape[0].max_series: ",
            "scrape[0].interval: ",
            "scrape[0].timeout: ",
        ]) {
            assert!(fault.starts_with(begin), "{fault} for {begin}");
        }
        assert_eq!(found.len(), 9, "{found:#?}");
    }
}
