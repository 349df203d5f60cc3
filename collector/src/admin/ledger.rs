//! The ledger.

use super::server::{Admin, done};
use serde::{Deserialize, Serialize};

/// About the ledger.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LedgerRequest {
    /// Sign what is on disk now; answers the checkpoint's file as a text.
    Checkpoint,
}

impl Admin {
    pub(super) async fn ledger(&self, request: LedgerRequest) -> anyhow::Result<serde_json::Value> {
        let LedgerRequest::Checkpoint = request;
        done(self.checkpoints.take().await?.to_json())
    }
}
