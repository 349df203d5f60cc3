//! Big-endian numbers in byte strings of any length: what lies outside is `None`, never a panic.

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The 16-bit number at `at`.
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// The 32-bit number at `at`.
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// The 64-bit number at `at`.
pub(crate) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}

/// Puts `content` at `at`; what does not fit is left out.
pub(crate) fn put(bytes: &mut [u8], at: usize, content: &[u8]) {
    let target = bytes.get_mut(at..).unwrap_or_default();
    for (target, byte) in target.iter_mut().zip(content) {
        *target = *byte;
    }
}
