//! The uplink's task: one session after the other.

use crate::backoff::Backoff;
use crate::link::{chain, connect};
use crate::session::{self, Ended};
use crate::spool::{Spool, SpoolError, space_of, spool_dir};
use crate::sync::{Syncer, orders};
use crate::uplink::{Shared, Uplink, UplinkConfig};
use rustls::ClientConfig;
use shared_journal::Disk;
use shared_model::Clock;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// The sender. Runs until it is told to stop.
pub struct UplinkTask {
    shared: Arc<Shared>,
    _syncer: Syncer,
}

/// Opens the spool. Nothing is sent before [`UplinkTask::run`] runs, but rounds can be offered. What is offered is
/// brought to disk until the task is dropped, which waits for a sync that is under way.
pub fn start(
    config: UplinkConfig,
    tls: Arc<ClientConfig>,
    clock: Arc<dyn Clock>,
) -> Result<(Uplink, UplinkTask), SpoolError> {
    let dir = spool_dir(&config.data_dir);
    let probed = config.data_dir.clone();
    let space = Box::new(move || space_of(&probed));
    let spool = Spool::open(&dir, config.boot_id, config.limits, space, Arc::new(Disk))?;
    let (syncs, received) = orders();
    let shared = Arc::new(Shared::new(config, spool, tls, clock, syncs)?);
    let syncer = Syncer::start(&shared, received).map_err(SpoolError::Thread)?;
    Ok((Uplink(Arc::clone(&shared)), UplinkTask { shared, _syncer: syncer }))
}

impl UplinkTask {
    /// Keeps a session with the collector until `stop` is ready; then says goodbye, syncs the spool and marks it clean.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let shared = &self.shared;
        let (stopping, stopped) = watch::channel(false);
        let mut sessions = pin!(sessions(shared, stopped));
        tokio::select! {
            () = &mut sessions => return,
            () = stop => {}
        }
        stopping.send_replace(true);
        // The session gets the chance to say goodbye, but a stalled network does not hold up the end.
        if timeout(GOODBYE, sessions).await.is_err() {
            tracing::debug!("the collector did not take the goodbye in time");
        }
        let closed = shared.lock().spool.close();
        if let Err(error) = closed {
            tracing::error!(error = chain(&error), "the spool was not closed in order");
        }
    }
}

/// One session after the other, until told to stop.
async fn sessions(shared: &Shared, mut stopped: watch::Receiver<bool>) {
    let mut backoff = Backoff::remembering(shared.lock().announced);
    let first = backoff.at_start(random());
    tokio::select! {
        () = sleep(first) => {}
        () = told_to_stop(&mut stopped) => return,
    }
    loop {
        let mut ending = stopped.clone();
        let ended = tokio::select! {
            ended = one_session(shared, &mut ending) => ended,
            // Before the session is open there is nobody to say goodbye to.
            () = stop_before_welcome(shared, &mut stopped) => return,
        };
        if matches!(ended, Ended::Renewed) {
            tracing::info!("moving to a connection with the new certificate");
            shared.lock().connected = false;
            continue;
        }
        let Some((wait, failure)) = after(ended, &mut backoff) else { return };
        note_failure(shared, failure, wait);
        tokio::select! {
            () = sleep(wait) => {}
            () = told_to_stop(&mut stopped) => return,
        }
    }
}

/// Notes why there is no session; a lasting outage is logged once a minute.
fn note_failure(shared: &Shared, failure: String, wait: Duration) {
    let mut state = shared.lock();
    match state.outage.failed(shared.clock.boot()) {
        Some(1) => tracing::warn!(wait_ms = wait.as_millis() as u64, "{failure}"),
        Some(failures) => tracing::warn!(failures, "still no session: {failure}"),
        None => tracing::debug!(wait_ms = wait.as_millis() as u64, "{failure}"),
    }
    state.connected = false;
    state.last_failure = Some(failure);
    drop(state);
    // What it left unconfirmed waited for the collector only.
    shared.sync_if_needed();
}

/// Ready when the task is to stop, also when whoever would say so is gone.
pub(crate) async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stop| *stop).await);
}

/// Ready when the task is to stop while no session is open.
async fn stop_before_welcome(shared: &Shared, stopped: &mut watch::Receiver<bool>) {
    told_to_stop(stopped).await;
    if shared.lock().connected {
        std::future::pending::<()>().await;
    }
}

async fn one_session(shared: &Shared, stopped: &mut watch::Receiver<bool>) -> Ended {
    let mut renewed = shared.tls.subscribe();
    let tls = Arc::clone(&renewed.borrow_and_update());
    match connect(&shared.config.address, tls).await {
        Ok(channel) => session::run(shared, channel, &mut renewed, stopped).await,
        Err(error) => Ended::NoSession(error),
    }
}

/// Without randomness all nodes would come back at once, which the collector survives.
fn random() -> u64 {
    getrandom::u64().unwrap_or_default()
}

/// How long to wait before the next attempt, and what went wrong; `None` to end.
fn after(ended: Ended, backoff: &mut Backoff) -> Option<(Duration, String)> {
    let random = random();
    Some(match ended {
        Ended::Stopped => return None,
        Ended::Renewed => (Duration::ZERO, "the certificate was renewed".to_owned()),
        Ended::NoSession(error) => (backoff.after_failure(random), chain(&error)),
        Ended::Lost { lived, window, error } => {
            backoff.announced(window);
            (backoff.after_session(lived, random), chain(&error))
        }
        Ended::Drained { window, reason } => {
            backoff.announced(window);
            let wait = backoff.after_drain(random);
            (wait, format!("the collector is about to stop: {reason}"))
        }
        Ended::Revoked { reason } => {
            let wait = backoff.after_revocation(random);
            let text = "this node's certificate was revoked; to let it back in, run 'wardround-agent join' with a new token";
            (wait, format!("{text} ({reason})"))
        }
    })
}
