//! Sessions: opaque random tokens, kept in memory only, so that a restart signs everybody out.
//!
//! The table holds SHA-256 digests of tokens: a token cannot be read back from it, and looking one up takes no time that
//! depends on how much of it was guessed. Time is boot time, which steps of the wall clock do not move.

use crate::{Account, Options};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use shared_model::BootTime;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Name of the cookie. The prefix makes browsers insist on `Secure`, `Path=/` and no `Domain`.
pub(crate) const COOKIE: &str = "__Host-wardround";

type Fingerprint = [u8; 32];

/// The open sessions, at most [`Options::sessions_max`].
pub(crate) struct Sessions {
    table: Mutex<BTreeMap<Fingerprint, Session>>,
    max: usize,
    idle: Duration,
    lifetime: Duration,
}

struct Session {
    account: String,
    /// Of the account's password hash: a changed password ends the session.
    credential: Fingerprint,
    opened: BootTime,
    used: BootTime,
}

impl Sessions {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            table: Mutex::default(),
            max: options.sessions_max,
            idle: options.session_idle,
            lifetime: options.session_lifetime,
        }
    }

    /// Opens a session and returns its token, 256 random bits in base64url. Fails only when the system has no randomness.
    pub(crate) fn open(
        &self,
        account: &Account,
        now: BootTime,
    ) -> Result<String, getrandom::Error> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        let token = BASE64URL_NOPAD.encode(&random);
        let session = Session {
            account: account.name.clone(),
            credential: fingerprint(&account.password_hash),
            opened: now,
            used: now,
        };
        let mut table = self.lock();
        table.retain(|_, s| !self.is_over(s, now));
        while table.len() >= self.max {
            let Some(oldest) = table.iter().min_by_key(|(_, s)| s.used).map(|(k, _)| *k) else {
                break;
            };
            table.remove(&oldest);
        }
        table.insert(fingerprint(&token), session);
        Ok(token)
    }

    /// The account name behind a token, and that the session was used now. `None` when it is unknown or over.
    pub(crate) fn touch(&self, token: &str, now: BootTime) -> Option<String> {
        let key = fingerprint(token);
        let mut table = self.lock();
        let session = table.get_mut(&key)?;
        if self.is_over(session, now) {
            table.remove(&key);
            return None;
        }
        session.used = now;
        Some(session.account.clone())
    }

    /// Whether the session was opened with the password that the account has now. Ends it when not.
    pub(crate) fn still_fits(&self, token: &str, account: &Account) -> bool {
        let key = fingerprint(token);
        let mut table = self.lock();
        let fits =
            table.get(&key).is_some_and(|s| s.credential == fingerprint(&account.password_hash));
        if !fits {
            table.remove(&key);
        }
        fits
    }

    /// Ends a session. Ending one twice is no error.
    pub(crate) fn close(&self, token: &str) {
        self.lock().remove(&fingerprint(token));
    }

    /// How many sessions are kept, ended ones that nobody asked for again included.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn is_over(&self, session: &Session, now: BootTime) -> bool {
        now.since(session.used) >= self.idle || now.since(session.opened) >= self.lifetime
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Fingerprint, Session>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fingerprint(text: &str) -> Fingerprint {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use collector_domain::Role;

    fn account(password_hash: &str) -> Account {
        Account {
            name: "wang".to_owned(),
            role: Role::Viewer,
            password_hash: password_hash.to_owned(),
        }
    }

    fn at(secs: u64) -> BootTime {
        BootTime::from_micros(secs * 1_000_000)
    }

    /// Scenario: a session used just before and at its idle limit, and kept alive up to its lifetime.
    /// Guarantees: both limits end it, to the second, and it does not come back.
    #[test]
    fn both_limits_end_a_session() {
        let sessions = Sessions::new(&Options::default());
        let token = sessions.open(&account("h"), at(0)).unwrap();
        assert_eq!(sessions.touch(&token, at(1_799)).as_deref(), Some("wang"));
        assert_eq!(sessions.touch(&token, at(1_799 + 1_800)), None);
        assert_eq!(sessions.touch(&token, at(1_800)), None);

        let token = sessions.open(&account("h"), at(0)).unwrap();
        for secs in (0..12 * 3_600).step_by(1_000) {
            assert!(sessions.touch(&token, at(secs)).is_some(), "{secs}");
        }
        assert_eq!(sessions.touch(&token, at(12 * 3_600)), None);
    }

    /// Scenario: more sessions than the table holds. Guarantees: the least recently used makes room, the size is bounded.
    #[test]
    fn the_least_recently_used_makes_room() {
        let options = Options { sessions_max: 2, ..Options::default() };
        let sessions = Sessions::new(&options);
        let first = sessions.open(&account("h"), at(0)).unwrap();
        let second = sessions.open(&account("h"), at(1)).unwrap();
        assert!(sessions.touch(&first, at(2)).is_some());
        let third = sessions.open(&account("h"), at(3)).unwrap();
        let open = [&first, &second, &third].map(|t| sessions.touch(t, at(4)).is_some());
        assert_eq!((open, sessions.count()), ([true, false, true], 2));
    }

    /// Scenario: the password changes under an open session. Guarantees: the session ends.
    #[test]
    fn a_changed_password_ends_the_session() {
        let sessions = Sessions::new(&Options::default());
        let token = sessions.open(&account("old"), at(0)).unwrap();
        assert!(sessions.still_fits(&token, &account("old")));
        assert!(!sessions.still_fits(&token, &account("new")));
        assert_eq!(sessions.touch(&token, at(1)), None);
    }

    /// Scenario: tokens of two sessions. Guarantees: 256 bits each, different, without padding.
    #[test]
    fn tokens_are_opaque() {
        let sessions = Sessions::new(&Options::default());
        let [a, b] = [0, 0].map(|t| sessions.open(&account("h"), at(t)).unwrap());
        assert_ne!(a, b);
        assert_eq!(BASE64URL_NOPAD.decode(a.as_bytes()).unwrap().len(), 32);
    }
}
