//! What a session does with each message.

use super::ending::{Ending, invalid};
use super::{Conversation, Talk};
use crate::inbound::{Inbound, RefusedRecord};
use crate::validate::{RefusedBatch, body_bytes};
use bytes::Bytes;
use collector_domain::AuditAction;
use prost::Message as _;
use proto::wire::{self, NackCode};
use proto::{clock_from_wire, down, event_from_wire, gap_from_wire};
use std::time::Duration;
use tokio::time::Instant;
use tonic::Status;

impl Conversation {
    /// Takes one message of an open session.
    pub(super) async fn take(
        &self,
        message: wire::up::Message,
        talk: &mut Talk,
    ) -> Result<(), Ending> {
        let (session, malformed) = (self.id, |e| Ending::new("malformed", e));
        let now = self.shared.clock.boot();
        let wait = match &message {
            wire::up::Message::Batch(batch) => {
                self.account.reading(body_bytes(&batch.zbody, batch.raw_len), now)
            }
            wire::up::Message::Catalog(catalog) => {
                self.account.reading_catalog(body_bytes(&catalog.zbody, catalog.raw_len), now)
            }
            _ => self.account.reading(0, now),
        };
        talk.read_from = Instant::now() + wait;
        match message {
            wire::up::Message::Batch(batch) => self.batch(batch, talk).await,
            wire::up::Message::Catalog(message) => {
                let validator = &mut talk.validator;
                let bytes = body_bytes(&message.zbody, message.raw_len) + validator.known_bytes();
                let taken = self.shared.heavy.run(bytes, || validator.catalog(message, now)).await;
                self.catalogs(taken.map_err(malformed)?).await
            }
            wire::up::Message::Gap(gap) => {
                let (seq, gap) = gap_from_wire(&gap).map_err(|e| malformed(invalid(&e)))?;
                self.tell(Inbound::Gap { session, seq, gap }).await
            }
            wire::up::Message::Event(message) => self.event(&message, talk).await,
            wire::up::Message::Heartbeat(beat) => {
                let received_us = self.wall().as_micros();
                clock_from_wire("Heartbeat.clock", beat.clock.as_ref())
                    .map_err(|e| malformed(invalid(&e)))?;
                self.tell(Inbound::Heartbeat { session, clock_offset_us: beat.clock_offset_us })
                    .await?;
                let clock = Some(self.clocks().into());
                self.send(down(wire::HeartbeatReply { number: beat.number, received_us, clock }))
                    .await
            }
            wire::up::Message::Hello(_) => {
                let text = "Hello came twice in one session";
                Err(malformed(Status::failed_precondition(text)))
            }
            wire::up::Message::Goodbye(_) => Ok(()),
        }
    }

    async fn event(&self, message: &wire::Event, talk: &mut Talk) -> Result<(), Ending> {
        match event_from_wire(message) {
            Ok((seq, event)) => self.tell(Inbound::Event { session: self.id, seq, event }).await,
            Err(error) => {
                let (seq, code) = (shared_model::Seq(message.seq), NackCode::Invalid);
                let (retry_after, detail) =
                    (Duration::ZERO, shared_runtime::telemetry::chain(&error));
                self.nack(RefusedRecord { seq, code, retry_after, detail }, talk).await
            }
        }
    }

    async fn batch(&self, batch: wire::Batch, talk: &mut Talk) -> Result<(), Ending> {
        let now = self.shared.clock.boot();
        // Definitions that had to wait for their turn go before the batches that need them.
        let validator = &mut talk.validator;
        if validator.may_be_due(now) {
            let bytes = validator.known_bytes();
            let due = self.shared.heavy.run(bytes, || validator.due(now)).await;
            self.catalogs(due.map_err(|e| Ending::new("malformed", e))?).await?;
        }
        let bytes = body_bytes(&batch.zbody, batch.raw_len);
        match self.shared.heavy.run(bytes, || validator.batch(&batch, now)).await {
            Ok((seq, lane, decoded)) => {
                let wire::Batch { raw_len, crc32c, zbody: body, .. } = batch;
                let cells: usize = decoded.blocks.iter().map(|b| b.values.len()).sum();
                let bytes = body.len() + cells * size_of::<Option<f64>>();
                let held = self.shared.budget.take(bytes).await;
                self.tell(Inbound::Batch {
                    session: self.id,
                    seq,
                    lane,
                    raw_len,
                    crc32c,
                    body,
                    batch: decoded,
                    held,
                })
                .await
            }
            Err(RefusedBatch { code, retry_after, detail }) => {
                let seq = shared_model::Seq(batch.seq);
                self.nack(RefusedRecord { seq, code, retry_after, detail }, talk).await
            }
        }
    }

    async fn catalogs(&self, taken: Vec<wire::Catalog>) -> Result<(), Ending> {
        for message in taken {
            let wire = Bytes::from(message.encode_to_vec());
            self.tell(Inbound::Catalog { session: self.id, wire }).await?;
        }
        Ok(())
    }

    /// Tells the agent of a record that is not taken.
    pub(super) async fn nack(&self, record: RefusedRecord, talk: &mut Talk) -> Result<(), Ending> {
        let RefusedRecord { seq, code, retry_after, detail } = record;
        let word = code_word(code);
        if talk.logged.insert(word) {
            // The first of its kind in a session: a flood of them must not flood the log.
            tracing::warn!(node = %self.node.identity, %seq, word, detail, "refused a record");
        }
        let action = AuditAction::Record;
        self.shared.admissions.refused(&self.caller, action, "record", word, &detail);
        let retry_after_ms = u32::try_from(retry_after.as_millis()).unwrap_or(u32::MAX);
        self.send(down(wire::Nack { seq: seq.0, code: code.into(), retry_after_ms, detail })).await
    }
}

/// The label of a refusal's count.
fn code_word(code: NackCode) -> &'static str {
    match code {
        NackCode::Unspecified => "unspecified",
        NackCode::Busy => "busy",
        NackCode::UnknownCatalog => "unknown_catalog",
        NackCode::Checksum => "checksum",
        NackCode::Invalid => "invalid",
        NackCode::TooManySeries => "too_many_series",
    }
}
