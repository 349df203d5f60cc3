//! The same samples by Prometheus remote write 1.0 (snappy), for servers that speak it.

use super::fleet::node_name;
use super::http::Http;
use super::replay::Replay;
use anyhow::Result;
use hyper::Method;
use prost::Message;
use shared_model::Timestamp;
use std::net::SocketAddr;
use std::sync::Arc;

/// Samples per request, about: Prometheus' own default for a sender (`max_samples_per_send`).
const SAMPLES_PER_REQUEST: usize = 2000;
/// Requests at a time.
const CONNECTIONS: usize = 2;

/// `prometheus.WriteRequest`, as far as samples need it.
#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp_ms: i64,
}

/// A sender that goes through the rounds as the simulated nodes do.
pub struct RemoteWriter {
    address: SocketAddr,
    path: &'static str,
    replay: Arc<Replay>,
    start: Timestamp,
    nodes: usize,
    next_round: usize,
}

impl RemoteWriter {
    /// For `nodes` nodes that read `replay`, round 0 at `start`; nothing is sent yet.
    pub fn new(
        address: SocketAddr,
        path: &'static str,
        replay: &Arc<Replay>,
        nodes: usize,
        start: Timestamp,
    ) -> Self {
        Self { address, path, replay: Arc::clone(replay), start, nodes, next_round: 0 }
    }

    /// Sends `rounds` more rounds of every node and waits until all are answered.
    pub async fn advance(&mut self, rounds: usize) -> Result<()> {
        let per_request = (SAMPLES_PER_REQUEST / self.replay.lines.len()).max(1);
        let nodes: Vec<usize> = (0..self.nodes).collect();
        let mut shares = vec![Vec::new(); CONNECTIONS];
        for (at, group) in nodes.chunks(per_request).enumerate() {
            shares[at % CONNECTIONS].push(group.to_vec());
        }
        let until = self.next_round + rounds;
        let sending = shares.into_iter().map(|groups| self.send(groups, until));
        futures_util::future::try_join_all(sending).await?;
        self.next_round = until;
        Ok(())
    }

    async fn send(&self, groups: Vec<Vec<usize>>, until: usize) -> Result<()> {
        let mut http = Http::plain(self.address).await?;
        let mut requests: Vec<WriteRequest> =
            groups.iter().map(|nodes| self.request(nodes)).collect();
        let mut snappy = snap::raw::Encoder::new();
        let headers = [
            ("content-type", "application/x-protobuf"),
            ("content-encoding", "snappy"),
            ("x-prometheus-remote-write-version", "0.1.0"),
        ];
        for round in self.next_round..until {
            for (nodes, request) in groups.iter().zip(&mut requests) {
                self.fill(request, nodes, round)?;
                let body = snappy.compress_vec(&request.encode_to_vec())?;
                http.call(Method::POST, self.path, &headers, body).await?;
            }
        }
        Ok(())
    }

    fn request(&self, nodes: &[usize]) -> WriteRequest {
        let timeseries = nodes.iter().flat_map(|&node| {
            self.replay.lines.iter().map(move |line| {
                let own = [
                    ("__name__".to_owned(), line.name.clone()),
                    ("instance".to_owned(), node_name(node)),
                    ("job".to_owned(), "node".to_owned()),
                ];
                let labels = line.labels.iter().cloned().chain(own);
                let mut labels: Vec<Label> =
                    labels.map(|(name, value)| Label { name, value }).collect();
                labels.sort_by(|a, b| a.name.cmp(&b.name));
                TimeSeries { labels, samples: vec![Sample::default()] }
            })
        });
        WriteRequest { timeseries: timeseries.collect() }
    }

    fn fill(&self, request: &mut WriteRequest, nodes: &[usize], round: usize) -> Result<()> {
        let timestamp_ms = self.start.as_millis() + i64::try_from(round)? * 1_000;
        let width = self.replay.lines.len();
        for (&node, series) in nodes.iter().zip(request.timeseries.chunks_mut(width)) {
            for (line, series) in series.iter_mut().enumerate() {
                let value = self.replay.value(line, node, round);
                series.samples = vec![Sample { value, timestamp_ms }];
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a request of two nodes in round 5. Guarantees: labels in byte order with the node's own, the node's value and
    /// the round's time, and the bytes of the published layout.
    #[test]
    fn requests_carry_the_round() {
        let replay = Arc::new(Replay::new(None, 100, 50).unwrap());
        let start = Timestamp::from_millis(1_000_000);
        let writer = RemoteWriter::new(([127, 0, 0, 1], 1).into(), "/", &replay, 2, start);
        let mut request = writer.request(&[0, 1]);
        writer.fill(&mut request, &[0, 1], 5).unwrap();
        assert_eq!(request.timeseries.len(), 200);
        for (at, series) in request.timeseries.iter().enumerate() {
            assert!(series.labels.windows(2).all(|w| w[0].name < w[1].name), "{series:?}");
            let value = replay.value(at % 100, at / 100, 5);
            assert_eq!(series.samples, [Sample { value, timestamp_ms: 1_005_000 }]);
        }
        let label =
            |name: &str, value: &str| Label { name: name.to_owned(), value: value.to_owned() };
        let sample = Sample { value: 1.0, timestamp_ms: 3 };
        let one = TimeSeries { labels: vec![label("a", "b")], samples: vec![sample] };
        let bytes = WriteRequest { timeseries: vec![one] }.encode_to_vec();
        let expected =
            b"\x0a\x15\x0a\x06\x0a\x01a\x12\x01b\x12\x0b\x09\0\0\0\0\0\0\xf0\x3f\x10\x03";
        assert_eq!(bytes, expected);
    }
}
