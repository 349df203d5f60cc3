//! Management datagrams: 256 bytes, big-endian (InfiniBand Architecture Specification, volume 1, 13.4 and 14.2).
//!
//! Only reading requests (`Get`) are made here; nothing on the fabric is ever changed.

use crate::bytes::{be16, be32, put};

/// Bytes of every datagram.
pub(crate) const MAD_BYTES: usize = 256;

/// Where the attribute's data begins in directed-route subnet management and in performance management alike.
const DATA_AT: usize = 64;

/// Links between the asking port and the asked node at most: the path has 64 bytes, the first of which is not used.
pub(crate) const HOPS_MAX: usize = 63;

/// Method `Get` and what answers it.
const GET: u8 = 0x01;
const GET_RESPONSE: u8 = 0x81;

/// What can be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attribute {
    /// Name of a node, 64 bytes.
    NodeDescription,
    /// Kind, identity and number of ports of a node.
    NodeInfo,
    /// State of a port; the modifier is its number.
    PortInfo,
    /// State of the subnet manager behind a port.
    SmInfo,
    /// Error counters of a port.
    PortCounters,
    /// Traffic counters of a port, 64 bits wide.
    PortCountersExtended,
}

impl Attribute {
    fn number(self) -> u16 {
        match self {
            Self::NodeDescription => 0x10,
            Self::NodeInfo => 0x11,
            Self::PortInfo => 0x15,
            Self::SmInfo => 0x20,
            Self::PortCounters => 0x12,
            Self::PortCountersExtended => 0x1D,
        }
    }
}

/// Management class: who answers and how it is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Subnet management along a path of ports, which works before any address is given out.
    DirectedSubnet,
    /// Performance management at an address.
    Performance,
}

impl Class {
    /// Its number on the wire.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::DirectedSubnet => 0x81,
            Self::Performance => 0x04,
        }
    }
}

/// One datagram.
pub(crate) type Mad = [u8; MAD_BYTES];

/// A question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Question {
    /// Of a node along a path: the port by which each node on the way is left.
    Subnet {
        /// At most [`HOPS_MAX`].
        path: Vec<u8>,
        attribute: Attribute,
        modifier: u32,
    },
    /// Of a port of the node with this address.
    Performance { lid: u16, port: u8, attribute: Attribute },
}

/// Why a datagram is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It belongs to another question, or is none at all.
    Foreign,
    /// The node answered with this status, which is not 0.
    Status(u16),
}

impl Question {
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Subnet { .. } => Class::DirectedSubnet,
            Self::Performance { .. } => Class::Performance,
        }
    }

    fn attribute(&self) -> Attribute {
        match self {
            Self::Subnet { attribute, .. } | Self::Performance { attribute, .. } => *attribute,
        }
    }

    /// The datagram that asks it. `transaction` is what the answer repeats; the kernel writes its own half above it.
    pub(crate) fn encode(&self, transaction: u32) -> Mad {
        let mut mad = [0; MAD_BYTES];
        put(&mut mad, 0, &[1, self.class().number(), 1, GET]);
        put(&mut mad, 12, &transaction.to_be_bytes());
        put(&mut mad, 16, &self.attribute().number().to_be_bytes());
        match self {
            Self::Subnet { path, modifier, .. } => {
                let path = path.get(..HOPS_MAX).unwrap_or(path);
                let hops = u8::try_from(path.len()).expect("a path is cut to 63 hops");
                put(&mut mad, 7, &[hops]);
                put(&mut mad, 20, &modifier.to_be_bytes());
                // Both ends are reached by the path alone, not by an address.
                put(&mut mad, 32, &[0xFF; 4]);
                put(&mut mad, 129, path);
            }
            Self::Performance { port, .. } => put(&mut mad, DATA_AT + 1, &[*port]),
        }
        mad
    }

    /// The data of an answer to this question.
    pub(crate) fn decode<'a>(&self, transaction: u32, mad: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let is_ours = be32(mad, 12) == Some(transaction)
            && mad.get(1) == Some(&self.class().number())
            && mad.get(3).is_some_and(|method| *method == GET_RESPONSE)
            && be16(mad, 16) == Some(self.attribute().number());
        let end = match self.class() {
            Class::DirectedSubnet => DATA_AT + 64,
            Class::Performance => MAD_BYTES,
        };
        let (true, Some(data), Some(status)) = (is_ours, mad.get(DATA_AT..end), be16(mad, 4))
        else {
            return Err(Refusal::Foreign);
        };
        // The highest bit of a directed answer says that it is on its way back.
        match status & 0x7FFF {
            0 => Ok(data),
            status => Err(Refusal::Status(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn question(path: Vec<u8>) -> Question {
        Question::Subnet { path, attribute: Attribute::PortInfo, modifier: 7 }
    }

    /// Scenario: a question along two hops, and one of an address. Guarantees: every field is where the specification says.
    #[test]
    fn questions_are_laid_out_as_specified() {
        let mad = question(vec![3, 9]).encode(0x0102_0304);
        assert_eq!(mad[..8], [1, 0x81, 1, 1, 0, 0, 0, 2]);
        assert_eq!(mad[8..18], [0, 0, 0, 0, 1, 2, 3, 4, 0, 0x15]);
        assert_eq!((&mad[20..24], &mad[32..36]), (&[0, 0, 0, 7][..], &[0xFF; 4][..]));
        assert_eq!(mad[128..132], [0, 3, 9, 0]);
        let counters = Attribute::PortCountersExtended;
        let mad = Question::Performance { lid: 5, port: 12, attribute: counters }.encode(1);
        assert_eq!((&mad[..4], &mad[16..18], mad[65]), (&[1, 4, 1, 1][..], &[0, 0x1D][..], 12));
    }

    /// Scenario: an answer, the answer to another question, one with a status, one that is cut. Guarantees: only the first
    /// gives data; the status is told.
    #[test]
    fn only_the_answer_to_the_question_counts() {
        let ask = question(vec![1]);
        let mut answer = ask.encode(9);
        answer[3] = GET_RESPONSE;
        answer[4] = 0x80;
        answer[64] = 42;
        assert_eq!(ask.decode(9, &answer).map(|data| (data.len(), data[0])), Ok((64, 42)));
        assert_eq!(ask.decode(8, &answer), Err(Refusal::Foreign));
        assert_eq!(ask.decode(9, &answer[..127]), Err(Refusal::Foreign));
        answer[5] = 0x0C;
        assert_eq!(ask.decode(9, &answer), Err(Refusal::Status(0x0C)));
        assert_eq!(ask.decode(9, &ask.encode(9)), Err(Refusal::Foreign), "a question is no answer");
    }

    proptest! {
        /// Scenario: any bytes as an answer, any path in a question. Guarantees: no panic, and a question is 256 bytes.
        #[test]
        fn any_bytes_are_survived(mad in prop::collection::vec(any::<u8>(), 0..300), path in prop::collection::vec(any::<u8>(), 0..80), transaction: u32) {
            let ask = question(path);
            prop_assert_eq!(ask.encode(transaction).len(), MAD_BYTES);
            prop_assert!(ask.decode(transaction, &mad).is_ok_and(|data| data.len() == 64) || ask.decode(transaction, &mad).is_err());
            let ask = Question::Performance { lid: 1, port: 2, attribute: Attribute::PortCounters };
            prop_assert!(ask.decode(transaction, &mad).is_ok_and(|data| data.len() == 192) || ask.decode(transaction, &mad).is_err());
        }
    }
}
