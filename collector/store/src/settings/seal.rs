//! Sealing the records of one settings log, so that who takes the disk reads nothing and changes nothing unnoticed.
//!
//! The first record of a sealed log, of kind 2, is open: `version u8 = 1, log id [16], key check [16]`. The log id is random
//! and another one after each conversion or compaction; the key check is the start of
//! `HMAC-SHA-256(key, "wardround settings check v1\n" log id)` and tells a wrong key from a damaged record.
//!
//! Every other record, of kind 3, is `salt [16], ChaCha20-Poly1305 of its JSON`. Each is sealed with a key of its own,
//! `HMAC-SHA-256(key, "wardround settings record v1\n" log id, number u64 LE, salt)`, under the nonce zero: a number that is
//! given out again after a torn end still meets another random salt, so no key and nonce ever come together twice. The
//! tag of the record before is authenticated along, so that a record fits only its place in its own log.

use super::SettingsError;
use super::key::SettingsKey;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac::{self, HMAC_SHA256};
use std::fmt;
use zeroize::Zeroizing;

/// Kind of the open first record.
pub(super) const HEADER_KIND: u8 = 2;
/// Kind of a sealed record.
pub(super) const SEALED_KIND: u8 = 3;

const VERSION: u8 = 1;
const ID_BYTES: usize = 16;
const CHECK_BYTES: usize = 16;
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
const CHECK_DOMAIN: &[u8] = b"wardround settings check v1\n";
const RECORD_DOMAIN: &[u8] = b"wardround settings record v1\n";

/// Seals and opens the records of one log, in their order.
pub(super) struct Seal {
    key: hmac::Key,
    log_id: [u8; ID_BYTES],
    /// Tag of the last record; of the header its key check.
    last_tag: [u8; TAG_BYTES],
}

impl Seal {
    /// A seal for a new log, and the log's first record.
    pub(super) fn begin(key: &SettingsKey) -> Result<(Self, Vec<u8>), SettingsError> {
        let mut log_id = [0; ID_BYTES];
        getrandom::fill(&mut log_id).map_err(|_| SettingsError::NoRandomness)?;
        let key = hmac::Key::new(HMAC_SHA256, key.bytes());
        let check = check(&key, &log_id);
        let header = [&[VERSION][..], &log_id, &check].concat();
        Ok((Self { key, log_id, last_tag: check }, header))
    }

    /// The seal of a log that begins with this first record.
    pub(super) fn resume(key: &SettingsKey, header: &[u8]) -> Result<Self, SettingsError> {
        let damaged = |why: &str| SettingsError::Damaged { number: 1, why: why.to_owned() };
        let Some((&VERSION, rest)) = header.split_first() else {
            return Err(damaged("its first record is of another version"));
        };
        let parts = rest.split_first_chunk::<ID_BYTES>();
        let parts =
            parts.and_then(|(id, rest)| Some((*id, <[u8; CHECK_BYTES]>::try_from(rest).ok()?)));
        let (log_id, found) = parts.ok_or_else(|| damaged("its first record is malformed"))?;
        let key = hmac::Key::new(HMAC_SHA256, key.bytes());
        let check = check(&key, &log_id);
        if check != found {
            return Err(SettingsError::WrongKey);
        }
        Ok(Self { key, log_id, last_tag: check })
    }

    /// The payload of record `number`. The record counts as the last one after [`Seal::sealed`].
    pub(super) fn seal(&self, number: u64, plain: &[u8]) -> Result<Vec<u8>, SettingsError> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| SettingsError::NoRandomness)?;
        let mut payload = Vec::with_capacity(SALT_BYTES + plain.len() + TAG_BYTES);
        payload.extend_from_slice(&salt);
        let mut body = plain.to_vec();
        let tag = self
            .record_key(number, &salt)
            .seal_in_place_separate_tag(zero_nonce(), self.context(), &mut body)
            .map_err(|_| SettingsError::NoRandomness)?;
        payload.extend_from_slice(&body);
        payload.extend_from_slice(tag.as_ref());
        Ok(payload)
    }

    /// Takes a record that [`Seal::seal`] made as the last one of the log.
    pub(super) fn sealed(&mut self, payload: &[u8]) {
        if let Some(tag) = payload.last_chunk::<TAG_BYTES>() {
            self.last_tag = *tag;
        }
    }

    /// What record `number` says, and takes it as the last one.
    pub(super) fn open(
        &mut self,
        number: u64,
        payload: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SettingsError> {
        let broken = || SettingsError::Damaged {
            number,
            why: "its seal does not hold: it was changed, or it belongs to another place or log"
                .to_owned(),
        };
        let (salt, sealed) = payload.split_first_chunk::<SALT_BYTES>().ok_or_else(broken)?;
        let tag = *sealed.last_chunk::<TAG_BYTES>().ok_or_else(broken)?;
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let plain = self
            .record_key(number, salt)
            .open_in_place(zero_nonce(), self.context(), &mut bytes)
            .map_err(|_| broken())?
            .len();
        bytes.truncate(plain);
        self.last_tag = tag;
        Ok(bytes)
    }

    fn record_key(&self, number: u64, salt: &[u8; SALT_BYTES]) -> LessSafeKey {
        let mut derive = hmac::Context::with_key(&self.key);
        derive.update(RECORD_DOMAIN);
        derive.update(&self.log_id);
        derive.update(&number.to_le_bytes());
        derive.update(salt);
        let key = derive.sign();
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_ref());
        LessSafeKey::new(key.expect("an HMAC-SHA-256 has the 32 bytes of a ChaCha20 key"))
    }

    fn context(&self) -> Aad<[u8; TAG_BYTES]> {
        Aad::from(self.last_tag)
    }
}

/// Every key is used for one record only.
fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn check(key: &hmac::Key, log_id: &[u8; ID_BYTES]) -> [u8; CHECK_BYTES] {
    let mut context = hmac::Context::with_key(key);
    context.update(CHECK_DOMAIN);
    context.update(log_id);
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&context.sign().as_ref()[..CHECK_BYTES]);
    check
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}
