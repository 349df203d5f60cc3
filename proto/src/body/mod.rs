//! The body of a batch: typed columns, one zstd frame, independent of any other batch. `batch.proto` describes the
//! bytes.
//!
//! Values come back with the same 64 bits: an integer class is used only where the way back is exact.

mod cursor;
mod decode;
mod encode;
mod number;
#[cfg(test)]
mod tests;

pub use decode::{BodyDecoder, DecodeError};
pub use encode::{BodyEncoder, EncodeError, EncodedBody};

/// First byte of every body.
const FORMAT: u8 = 1;

/// A column of one integer that does not change.
const CONSTANT: u8 = 0;
/// A column of integers.
const INTEGERS: u8 = 1;
/// A column of integers with a scale byte.
const SCALED: u8 = 2;
/// A column of raw 64-bit floats.
const FLOATS: u8 = 3;
