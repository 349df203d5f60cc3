//! Whether a server serves, and why not.

use crate::refusal::Reason;
use agent_probe::Sink;
use shared_model::Metric;

/// The two metrics of an engine.
#[derive(Debug)]
pub(crate) struct Availability {
    /// 1 when the server answered a query in this round, 0 when it refused or did not answer.
    pub(crate) up: &'static Metric,
    /// 1 for the reason why it did not serve, 0 for all others.
    pub(crate) refused: &'static Metric,
}

impl Availability {
    /// The server answered.
    pub(crate) fn up(&self, sink: &mut Sink) {
        self.put(sink, None);
    }

    /// The server refused or did not answer.
    pub(crate) fn down(&self, sink: &mut Sink, reason: Reason) {
        self.put(sink, Some(reason));
    }

    fn put(&self, sink: &mut Sink, refused: Option<Reason>) {
        sink.put(self.up, &[], if refused.is_none() { 1.0 } else { 0.0 });
        for reason in Reason::ALL {
            let value = if refused == Some(reason) { 1.0 } else { 0.0 };
            sink.put(self.refused, &[("reason", reason.as_str())], value);
        }
    }
}
