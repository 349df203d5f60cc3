//! How much backfill an agent may have on the way.

use crate::wire;

/// What a collector grants, in `Welcome` and in each `Ack`. The default is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Credit {
    /// Bytes of backfill that may be unacknowledged on the wire, 0 for no limit.
    pub bytes: u32,
    /// Records of backfill that may be unacknowledged on the wire, 0 for no limit.
    pub batches: u32,
    /// No backfill at all for now.
    pub hold: bool,
}

impl Credit {
    /// The credit in an acknowledgement.
    pub fn of(ack: &wire::Ack) -> Self {
        Self { bytes: ack.credit_bytes, batches: ack.credit_batches, hold: ack.hold_backfill }
    }

    /// An acknowledgement with this credit.
    pub fn ack(self, durable: Vec<wire::Range>) -> wire::Ack {
        wire::Ack {
            durable,
            credit_bytes: self.bytes,
            credit_batches: self.batches,
            hold_backfill: self.hold,
        }
    }
}
