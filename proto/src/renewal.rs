//! What the old key signs to renew a certificate.

/// Separates these signatures from any other use of the key.
const CONTEXT: &[u8] = b"wardround renew v1\0";

/// The bytes that `RenewRequest.signature` covers.
pub fn renewal_message(csr_der: &[u8]) -> Vec<u8> {
    [CONTEXT, csr_der].concat()
}
