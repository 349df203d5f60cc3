//! Memory modules out of the firmware's table (DMTF DSP0134, structure type 17), which root alone may read.

use agent_probe::{HostFile, HostRoot};

/// Structures of the table at most; a large server has a few hundred.
const MAX_STRUCTURES: usize = 8192;

const MEMORY_DEVICE: u8 = 17;
const END_OF_TABLE: u8 = 127;

/// Every module that is plugged in: slot, size, maker, serial number, part number. Empty where the table cannot be read.
pub(super) fn memory(root: &HostRoot) -> Vec<String> {
    let mut file = HostFile::new(root.sys("firmware/dmi/tables/DMI"));
    file.read().map(modules).unwrap_or_default()
}

fn modules(table: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = table;
    for _ in 0..MAX_STRUCTURES {
        let (Some(kind), Some(length)) = (rest.first(), rest.get(1)) else { break };
        let length = usize::from(*length);
        let (Some(body), Some(behind)) = (rest.get(..length), rest.get(length..)) else { break };
        // Strings follow, each ended by a zero; two zeros end the structure.
        let Some(end) = behind.windows(2).position(|two| two == [0, 0]) else { break };
        let strings = behind.get(..end).unwrap_or_default();
        if *kind == END_OF_TABLE || length < 4 {
            break;
        }
        if *kind == MEMORY_DEVICE {
            found.extend(module(body, strings));
        }
        rest = behind.get(end + 2..).unwrap_or_default();
    }
    found
}

/// `None` for an empty slot.
fn module(body: &[u8], strings: &[u8]) -> Option<String> {
    let size = u16::from_le_bytes([*body.get(0x0c)?, *body.get(0x0d)?]);
    if size == 0 {
        return None;
    }
    // Beyond 32 GiB the size stands further behind.
    let extended = body.get(0x1c..0x20).unwrap_or_default();
    let text = |at: usize| {
        let number = usize::from(*body.get(at)?);
        let text = strings.split(|b| *b == 0).nth(number.checked_sub(1)?)?;
        Some(String::from_utf8_lossy(text).trim().to_owned())
    };
    let texts = [0x10, 0x17, 0x18, 0x1a].map(|at| text(at).unwrap_or_default());
    Some(format!("{}|{size}|{extended:?}", texts.join("|")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(size: u16, serial: &str) -> Vec<u8> {
        let mut body = vec![0; 0x28];
        body[0] = MEMORY_DEVICE;
        body[1] = 0x28;
        body[0x0c..0x0e].copy_from_slice(&size.to_le_bytes());
        body[0x10] = 1;
        body[0x18] = 2;
        body.extend_from_slice(format!("DIMM A1\0{serial}\0\0").as_bytes());
        body
    }

    /// Scenario: a table with other structures, modules, an empty slot, and that table cut at every place. Guarantees: the
    /// modules that are plugged in are found with their serial numbers, and no cut panics or makes one up.
    #[test]
    fn modules_are_found() {
        let mut table = vec![1, 4, 0, 0, 0, 0];
        table.extend(device(16_384, "S1"));
        table.extend(device(0, "none"));
        table.extend(device(0x7fff, "S2"));
        table.extend([END_OF_TABLE, 4, 0, 0, 0, 0]);
        let whole = modules(&table);
        assert_eq!(whole.len(), 2);
        assert!(whole[0].starts_with("DIMM A1||S1|") && whole[1].contains("|S2|"), "{whole:?}");
        for end in 0..table.len() {
            let cut = modules(&table[..end]);
            assert_eq!(cut[..], whole[..cut.len()], "cut at {end}");
        }
    }
}
