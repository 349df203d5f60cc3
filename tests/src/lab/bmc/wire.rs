//! Messages between the emulator and a controller outside (QEMU's `hw/ipmi/ipmi_bmc_extern.c`; OpenIPMI's VM protocol).
//!
//! A message ends with A0h, a command about the connection with A1h; both and the escape AAh itself are escaped within. The
//! last byte makes the sum of a message zero.

const MESSAGE_END: u8 = 0xa0;
const COMMAND_END: u8 = 0xa1;
const ESCAPE: u8 = 0xaa;
const ESCAPED: u8 = 0x10;

/// The longest that the emulator sends.
const MAX_BYTES: usize = 300;

/// A request: what it is answered under, function and command, data.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) id: u8,
    pub(super) function: u8,
    pub(super) command: u8,
    pub(super) data: Vec<u8>,
}

/// An answer.
pub(super) struct Answer {
    pub(super) id: u8,
    pub(super) function: u8,
    pub(super) command: u8,
    /// Completion code, and the data when it is 0.
    pub(super) result: Result<Vec<u8>, u8>,
}

/// Finds messages in the stream. Commands about the connection (version, capabilities, reset) need no answer.
#[derive(Default)]
pub(super) struct Deframer {
    bytes: Vec<u8>,
    is_escaped: bool,
}

impl Deframer {
    /// Takes a byte; the request that it completes, if its checksum holds.
    pub(super) fn push(&mut self, byte: u8) -> Option<Request> {
        match byte {
            MESSAGE_END => {
                let bytes = std::mem::take(&mut self.bytes);
                (sum(&bytes) == 0).then_some(())?;
                let [id, function, command, data @ .., _checksum] = bytes.as_slice() else {
                    return None;
                };
                // The lowest bits are the logical unit.
                return Some(Request {
                    id: *id,
                    function: function >> 2,
                    command: *command,
                    data: data.to_vec(),
                });
            }
            COMMAND_END => self.bytes.clear(),
            ESCAPE => self.is_escaped = true,
            _ if self.bytes.len() == MAX_BYTES => self.bytes.clear(),
            _ => {
                let escaped = std::mem::take(&mut self.is_escaped);
                self.bytes.push(if escaped { byte & !ESCAPED } else { byte });
            }
        }
        None
    }
}

/// An answer's bytes.
pub(super) fn frame(answer: &Answer) -> Vec<u8> {
    let mut bytes = vec![answer.id, (answer.function | 1) << 2, answer.command];
    match &answer.result {
        Ok(data) => {
            bytes.push(0);
            bytes.extend(data);
        }
        Err(code) => bytes.push(*code),
    }
    bytes.push(sum(&bytes).wrapping_neg());
    let mut framed = Vec::with_capacity(bytes.len() + 1);
    for byte in bytes {
        match byte {
            MESSAGE_END | COMMAND_END | ESCAPE => framed.extend([ESCAPE, byte | ESCAPED]),
            _ => framed.push(byte),
        }
    }
    framed.push(MESSAGE_END);
    framed
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(deframer: &mut Deframer, bytes: &[u8]) -> Vec<Request> {
        bytes.iter().filter_map(|byte| deframer.push(*byte)).collect()
    }

    /// Scenario: a command about the connection, a request, one with a wrong checksum, one with an escaped byte. Guarantees:
    /// only whole requests come out, unescaped.
    #[test]
    fn requests_are_found() {
        let mut deframer = Deframer::default();
        assert_eq!(all(&mut deframer, &[0xff, 0x01, 0xa1]), []);
        let device_id = [7, 0x18, 0x01, 0xe0, 0xa0];
        let expected = Request { id: 7, function: 6, command: 1, data: vec![] };
        assert_eq!(all(&mut deframer, &device_id), [expected]);
        assert_eq!(all(&mut deframer, &[7, 0x18, 0x01, 0xe1, 0xa0]), []);
        // Data A0h travels as AAh B0h.
        let escaped = [1, 0x18, 0x2e, 0xaa, 0xb0, 0x19, 0xa0];
        let expected = Request { id: 1, function: 6, command: 0x2e, data: vec![0xa0] };
        assert_eq!(all(&mut deframer, &escaped), [expected]);
    }

    /// Scenario: an answer with data that must be escaped, and a refusal. Guarantees: the reading side of the same protocol
    /// gets back what was sent, under the answer's function.
    #[test]
    fn answers_are_framed() {
        let data = vec![0xa0, 0xa1, 0xaa, 0x00];
        for (result, expected) in
            [(Ok(data.clone()), [vec![0], data].concat()), (Err(0xc1), vec![0xc1])]
        {
            let answer = Answer { id: 9, function: 0x0a, command: 0x23, result };
            let found = all(&mut Deframer::default(), &frame(&answer));
            let expected = Request { id: 9, function: 0x0b, command: 0x23, data: expected };
            assert_eq!(found, [expected]);
        }
    }
}
