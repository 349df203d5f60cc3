//! Receivers of notifications.

use super::server::{Admin, done};
use serde::{Deserialize, Serialize};

/// About receivers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum WebhookRequest {
    /// Send a message that says of itself that it is a test; answers what came of it in words.
    Test { name: String },
}

impl Admin {
    pub(super) async fn webhook(
        &self,
        request: WebhookRequest,
    ) -> anyhow::Result<serde_json::Value> {
        let WebhookRequest::Test { name } = request;
        done(self.notifier.test(&name).await?)
    }
}
