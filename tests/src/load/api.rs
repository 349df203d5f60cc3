//! The collector's REST API as a person's browser would use it.

use super::http::Http;
use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::Method;
use serde::de::DeserializeOwned;
use std::net::SocketAddr;

/// Labels of a series as JSON has them.
pub type Labels = std::collections::BTreeMap<String, String>;

/// A logged-in session. It connects again after the server closed an idle connection.
pub struct Api {
    http: Http,
    address: SocketAddr,
    ca_pem: Vec<u8>,
    bearer: String,
}

impl Api {
    /// Logs in.
    pub async fn login(
        address: SocketAddr,
        ca_pem: &[u8],
        name: &str,
        password: &str,
    ) -> Result<Self> {
        #[derive(serde::Deserialize)]
        struct Session {
            token: String,
        }
        let mut http = Http::tls(address, ca_pem).await?;
        let body = serde_json::json!({ "name": name, "password": password }).to_string();
        let headers = [("content-type", "application/json")];
        let answer = http.call(Method::POST, "/api/v1/session", &headers, body).await?;
        let Session { token } =
            serde_json::from_slice(&answer).context("the answer to the login")?;
        Ok(Self { http, address, ca_pem: ca_pem.to_vec(), bearer: format!("Bearer {token}") })
    }

    /// GETs JSON.
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T> {
        let body = self.text(path).await?;
        serde_json::from_slice(&body).with_context(|| format!("the answer to {path}"))
    }

    /// POSTs JSON; the answer's body.
    pub async fn post(&mut self, path: &str, body: &str) -> Result<Bytes> {
        let headers =
            [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        self.http.call(Method::POST, path, &headers, body.to_owned()).await
    }

    /// The series of a range selector such as `up[1h]` with their samples, seconds and values.
    pub async fn range(&mut self, expression: &str) -> Result<Vec<(Labels, Vec<(f64, f64)>)>> {
        #[derive(serde::Deserialize)]
        struct Answer {
            data: Data,
        }
        #[derive(serde::Deserialize)]
        struct Data {
            result: Vec<Series>,
        }
        #[derive(serde::Deserialize)]
        struct Series {
            metric: Labels,
            values: Vec<(f64, String)>,
        }
        let query: String = expression.bytes().map(|b| format!("%{b:02X}")).collect();
        let answer: Answer = self.get(&format!("/prometheus/api/v1/query?query={query}")).await?;
        let parse = |s: Series| {
            let values = s.values.into_iter().map(|(at, v)| Ok((at, v.parse()?)));
            Ok((s.metric, values.collect::<Result<_>>()?))
        };
        answer.data.result.into_iter().map(parse).collect()
    }

    /// Sends a request with a JSON body, which may be empty, and takes a JSON answer.
    pub async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<serde_json::Value> {
        self.connect_again().await?;
        let headers =
            [("authorization", self.bearer.as_str()), ("content-type", "application/json")];
        let answer = self.http.call(method, path, &headers, body).await?;
        serde_json::from_slice(&answer).with_context(|| format!("the answer to {path}"))
    }

    /// The sum of a family's values in `/metrics`.
    pub async fn metric(&mut self, name: &str) -> Result<f64> {
        let body = self.text("/metrics").await?;
        let text = String::from_utf8_lossy(&body);
        sum(&text, name).with_context(|| format!("/metrics has no {name}"))
    }

    async fn connect_again(&mut self) -> Result<()> {
        if self.http.is_closed() {
            self.http = Http::tls(self.address, &self.ca_pem).await?;
        }
        Ok(())
    }

    async fn text(&mut self, path: &str) -> Result<Bytes> {
        self.connect_again().await?;
        let headers = [("authorization", self.bearer.as_str())];
        let answer = self.http.call(Method::GET, path, &headers, Bytes::new()).await;
        if answer.is_ok() || !self.http.is_closed() {
            return answer;
        }
        // The server closed the idle connection, which showed only now.
        self.http = Http::tls(self.address, &self.ca_pem).await?;
        self.http.call(Method::GET, path, &headers, Bytes::new()).await
    }
}

/// Sum of the values of one family in the Prometheus text format; `None` when it is not there.
pub fn sum(text: &str, family: &str) -> Option<f64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(family)?;
        if !rest.starts_with([' ', '{']) {
            return None;
        }
        let value = rest.rsplit_once('}').map_or(rest, |(_, value)| value);
        value.split_ascii_whitespace().next()?.parse::<f64>().ok()
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

/// How many samples a page in the Prometheus text format has.
pub fn sample_count(text: &str) -> usize {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a family with labels, one whose name begins with another's, and one that is not there.
    /// Guarantees: only the family's own values are summed; absence is not zero.
    #[test]
    fn families_are_summed() {
        let text = "# TYPE a_total counter\na_total{x=\"} 9\"} 1\na_total{x=\"b\"} 2.5\na_total_more 7\nb 4 1000\n";
        assert_eq!(sum(text, "a_total"), Some(3.5));
        assert_eq!(sum(text, "b"), Some(4.0));
        assert_eq!(sum(text, "a"), None);
        assert_eq!(sample_count(text), 4);
    }
}
