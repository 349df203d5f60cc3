//! The append-only segment log that the agent's spool, the collector's journal and the ledger stand on.
//!
//! [`Log`] is the one writer of a directory, [`Reader`] any number of readers in this or another process, and
//! [`verify`] looks at a directory that nobody has open. What is read is right or named as damaged; bytes from the
//! disk never cause a panic.
//!
//! # On disk
//!
//! A log is a directory of `<first lsn as 20 digits>.seg` and a file `lock`. Numbers are little-endian. Log sequence
//! numbers ([`Lsn`]) start at 1 and are dense: a segment ends where the next one's name begins.
//!
//! Segment header, 24 bytes; here the segment `00000000000000000001.seg`:
//!
//! ```text
//! 00  57 52 4a 4f 55 52 4e 4c   magic "WRJOURNL"
//! 08  01 00 00 00               format version 1
//! 0c  01 00 00 00 00 00 00 00   first lsn
//! 14  0a b2 73 a2               crc32c of the 20 bytes before
//! ```
//!
//! Record, 17 bytes and the payload; here the payload `hi` of kind 7 as record 1:
//!
//! ```text
//! 18  02 00 00 00               payload length
//! 1c  07                        kind, the caller's
//! 1d  01 00 00 00 00 00 00 00   lsn
//! 25  19 3f 1a 8f               crc32c of kind, lsn and payload
//! 29  68 69                     payload
//! ```
//!
//! A damaged header loses nothing: it repeats the file's name. A record is trusted when its checksum fits and its
//! number is the one that must come there; past a damaged one, the next trusted record is searched byte by byte.
//!
//! # What is durable
//!
//! [`Log::append`] puts a record into memory, [`Log::flush`] into the file (it survives the death of the process) and
//! [`Log::sync`] onto the disk (it survives the loss of power): one group of records costs one write and one
//! fdatasync. A failed fsync poisons the log, because Linux forgets the pages that it could not write and a second
//! fsync would succeed without them.

mod directory;
mod error;
mod format;
mod io;
mod log;
mod lsn;
mod reader;
mod recovery;
mod segment;

#[cfg(test)]
mod damage;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod spans;

pub use error::JournalError;
pub use io::{Disk, Io};
pub use log::{Log, Options};
pub use lsn::{Lsn, LsnRange};
pub use reader::{Item, Reader};
pub use recovery::{Damage, Recovery, Scan, Summary, Tail, TornTail, verify};
