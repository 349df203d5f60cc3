//! Asking through a `umad` device file (Documentation/infiniband/user_mad.rst): one question at a time, each with a limit of
//! time.

mod ffi;

use crate::bytes::put;
use crate::mad::{Class, MAD_BYTES, Question, Refusal};
use ffi::{DeviceFile, REGISTRATION_BYTES};
use shared_model::Clock;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Header before each datagram: the old form without an index of the partition key. Every kernel takes both, the simulator
/// this one only.
const HEADER_BYTES: usize = 56;

/// How long the kernel waits for an answer before it asks again: a port answers within microseconds, a busy switch within
/// some milliseconds.
const TIMEOUT_MILLIS: u32 = 100;

/// How often it asks again: datagrams are dropped without notice when a buffer is full.
const RETRIES: u32 = 2;

/// The kernel says that nobody answered after this at most; what it does not say by then is lost.
const PATIENCE: Duration = Duration::from_millis(100 * 3 + 400);

/// Queue pair and key of performance management; those of subnet management are 0.
const GENERAL_QP: u32 = 1;
const GENERAL_KEY: u32 = 0x8001_0000;

/// The address that stands for "by the path alone".
const PERMISSIVE_LID: u16 = 0xFFFF;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nobody answered in time.
    #[error("no answer")]
    NoAnswer,
    /// The node refused, with this status of its answer.
    #[error("refused with status {0:#06x}")]
    Refused(u16),
    /// The answer is not as long as it must be, or holds what cannot be.
    #[error("an answer that makes no sense")]
    Nonsense,
    /// The device failed.
    #[error("the device failed")]
    Device(#[source] io::Error),
}

/// Whoever answers questions: a device, or a fabric made up by a test.
pub(crate) trait Ask {
    /// The attribute's data: 64 bytes of subnet management, 192 of performance management.
    fn ask(&mut self, question: &Question) -> Result<Vec<u8>, AskError>;
}

/// An open device with its two agents registered.
pub(crate) struct Umad {
    file: DeviceFile,
    clock: Arc<dyn Clock>,
    subnet: u32,
    performance: u32,
    transaction: u32,
}

impl Umad {
    /// Opens a device such as `/dev/infiniband/umad0`. Needs root or a group on the file, and the kernel's `ib_umad`.
    pub(crate) fn open(path: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let file = DeviceFile::open(path)?;
        let subnet = register(&file, Class::DirectedSubnet)?;
        let performance = register(&file, Class::Performance)?;
        Ok(Self { file, clock, subnet, performance, transaction: 0 })
    }

    fn send(&mut self, question: &Question) -> Result<(), AskError> {
        self.transaction = self.transaction.wrapping_add(1);
        let mut message = [0; HEADER_BYTES + MAD_BYTES];
        let (agent, qp, key, lid) = match question {
            Question::Subnet { .. } => (self.subnet, 0, 0, PERMISSIVE_LID),
            Question::Performance { lid, .. } => (self.performance, GENERAL_QP, GENERAL_KEY, *lid),
        };
        put(&mut message, 0, &agent.to_ne_bytes());
        put(&mut message, 8, &TIMEOUT_MILLIS.to_ne_bytes());
        put(&mut message, 12, &RETRIES.to_ne_bytes());
        put(&mut message, 20, &qp.to_be_bytes());
        put(&mut message, 24, &key.to_be_bytes());
        put(&mut message, 28, &lid.to_be_bytes());
        put(&mut message, HEADER_BYTES, &question.encode(self.transaction));
        match self.file.write(&message) {
            Ok(length) if length == message.len() => Ok(()),
            Ok(_) => Err(AskError::Device(io::ErrorKind::WriteZero.into())),
            // A node that has no address, or no way to it.
            Err(error) if is_unreachable(&error) => Err(AskError::NoAnswer),
            Err(error) => Err(AskError::Device(error)),
        }
    }

    /// One message: its status and its datagram; `None` when what came is no message.
    fn receive<'a>(
        &self,
        buffer: &'a mut [u8],
        left: Duration,
    ) -> Result<Option<(u32, &'a [u8])>, AskError> {
        let millis = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
        match self.file.wait(millis) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) if is_passing(&error) => return Ok(None),
            Err(error) => return Err(AskError::Device(error)),
        }
        let length = match self.file.read(buffer) {
            Ok(length) => length,
            Err(error) if is_passing(&error) => return Ok(None),
            Err(error) => return Err(AskError::Device(error)),
        };
        let message = buffer.get(..length).unwrap_or_default();
        let status = message.get(4..8).and_then(|status| status.try_into().ok());
        let (Some(status), Some(mad)) = (status, message.get(HEADER_BYTES..)) else {
            return Ok(None);
        };
        Ok(Some((u32::from_ne_bytes(status), mad)))
    }
}

impl Ask for Umad {
    fn ask(&mut self, question: &Question) -> Result<Vec<u8>, AskError> {
        self.send(question)?;
        let mut buffer = [0; HEADER_BYTES + MAD_BYTES];
        let begun = self.clock.boot();
        // Passes over what belongs to earlier questions.
        loop {
            let left = PATIENCE.saturating_sub(self.clock.boot().since(begun));
            if left.is_zero() {
                return Err(AskError::NoAnswer);
            }
            let Some((status, mad)) = self.receive(&mut buffer, left)? else { continue };
            // What nobody answered comes back itself, with the status ETIMEDOUT.
            let is_returned = status != 0 && crate::bytes::be32(mad, 12) == Some(self.transaction);
            if is_returned {
                return Err(AskError::NoAnswer);
            }
            match question.decode(self.transaction, mad) {
                Ok(data) => return Ok(data.to_vec()),
                Err(Refusal::Status(status)) => return Err(AskError::Refused(status)),
                Err(Refusal::Foreign) => {}
            }
        }
    }
}

fn register(file: &DeviceFile, class: Class) -> io::Result<u32> {
    let mut request = [0; REGISTRATION_BYTES];
    let qp = u8::from(class == Class::Performance);
    // Queue pair, class and its version; no methods, so that nothing comes unasked.
    put(&mut request, 20, &[qp, class.number(), 1]);
    file.register(&mut request)?;
    let [a, b, c, d, ..] = request;
    Ok(u32::from_ne_bytes([a, b, c, d]))
}

fn is_unreachable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::HostUnreachable)
}

/// The simulator says so at times although something was to be read.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
