//! The signature of a message: HMAC-SHA256 over timestamp, a full stop, and the body.
//!
//! A receiver checks it, and that the timestamp is recent, so that nobody can forge or replay a message. In Python:
//!
//! ```python
//! stamp, sent = headers["X-Wardround-Timestamp"], headers["X-Wardround-Signature"]
//! mac = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
//! if not hmac.compare_digest(f"v1={mac}", sent) or abs(time.time() - int(stamp)) > 300:
//!     raise PermissionError("not from our collector")
//! if already_seen(headers["Idempotency-Key"]): return 200
//! ```

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use shared_runtime::Secret;

/// The value of the header `X-Wardround-Signature`.
pub fn signature(secret: &Secret, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1={}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()))
}

/// Base64 of an HMAC-SHA256, as chat robots want it.
pub(super) fn base64_hmac(key: &[u8], message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    data_encoding::BASE64.encode(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a message signed by another program (`printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac k1`), and each
    /// part changed. Guarantees: the same signature, and another one as soon as anything differs.
    #[test]
    fn openssl_agrees() {
        let sign = |secret: &str, stamp: &str, body: &[u8]| {
            signature(&Secret::new(secret.to_owned()), stamp, body)
        };
        let expected = "v1=1b80cbba0dfec88e0ea923cb4edf3dd8b2ee808ed46cb08669691d0e3d9e197b";
        assert_eq!(sign("k1", "1700000000", b"{\"a\":1}"), expected);
        assert_ne!(sign("k2", "1700000000", b"{\"a\":1}"), expected);
        assert_ne!(sign("k1", "1700000001", b"{\"a\":1}"), expected);
        assert_ne!(sign("k1", "1700000000", b"{\"a\":2}"), expected);
    }
}
