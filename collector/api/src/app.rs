//! What the handlers share.

use crate::auth::{Lockouts, Remembered, Sessions};
use crate::password::PasswordError;
use crate::{Desk, Options, password};
use shared_model::Clock;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Shared by all handlers of one router.
pub(crate) struct App {
    pub(crate) desk: Arc<dyn Desk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sessions: Sessions,
    /// Sessions of programs that send their password each time.
    pub(crate) basics: Remembered,
    pub(crate) lockouts: Lockouts,
    /// One permit per password hash computed at once.
    pub(crate) verifications: Arc<Semaphore>,
    /// One permit per query evaluated at once.
    pub(crate) queries: Arc<Semaphore>,
    /// One permit per open stream.
    pub(crate) streams: Arc<Semaphore>,
    /// Verified against when an account does not exist, so that the answer takes as long as for one that does.
    pub(crate) decoy_hash: String,
}

impl App {
    pub(crate) fn new(
        desk: Arc<dyn Desk>,
        clock: Arc<dyn Clock>,
        options: &Options,
    ) -> Result<Self, PasswordError> {
        Ok(Self {
            desk,
            clock,
            sessions: Sessions::new(options),
            basics: Remembered::default(),
            lockouts: Lockouts::new(options),
            verifications: Arc::new(Semaphore::new(options.verifications_max)),
            queries: Arc::new(Semaphore::new(options.queries_max)),
            streams: Arc::new(Semaphore::new(options.streams_max)),
            decoy_hash: password::hash("an account that does not exist")?,
        })
    }
}
