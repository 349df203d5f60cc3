//! `/proc/PID/mountinfo` and which of its mounts are of interest (proc(5)).

use crate::field;
use std::collections::BTreeMap;

/// One mount that is to be sampled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mount {
    pub(super) device: Box<str>,
    pub(super) point: Box<str>,
    pub(super) kind: Box<str>,
    pub(super) major: Box<str>,
    pub(super) minor: Box<str>,
    pub(super) is_read_only: bool,
}

impl Mount {
    /// Whether both are the same device on the same point, whatever number the kernel gave it.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        (&self.device, &self.point, &self.kind) == (&other.device, &other.point, &other.kind)
    }
}

/// Mount points that were asked for, each with everything below it.
#[derive(Clone, Default, Debug)]
pub(super) struct Choice {
    /// These alone; empty for all.
    pub(super) include: Vec<String>,
    /// These not.
    pub(super) exclude: Vec<String>,
}

/// The mounts that are not left out, and the numbers of lines that were not understood. Of several on one point only the last
/// can be asked: it hides the others.
pub(super) fn parse(text: &[u8], choice: &Choice) -> (Vec<Mount>, Vec<usize>) {
    let mut mounts: Vec<Mount> = Vec::new();
    let mut bad_lines = Vec::new();
    for (number, line) in field::lines(text) {
        match parse_line(line) {
            Some(mount) => mounts.push(mount),
            None => bad_lines.push(number),
        }
    }
    let last: BTreeMap<Box<str>, usize> =
        mounts.iter().enumerate().map(|(at, mount)| (mount.point.clone(), at)).collect();
    let kept = mounts
        .into_iter()
        .enumerate()
        .filter(|(at, mount)| last.get(&mount.point) == Some(at) && !is_excluded(mount, choice));
    (kept.map(|(_, mount)| mount).collect(), bad_lines)
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|b| *b == b' ');
    let numbers = words.nth(2)?;
    let colon = numbers.iter().position(|b| *b == b':')?;
    let point = unescape(words.nth(1)?);
    let options = words.next()?;
    // Any number of optional fields, ended by a hyphen.
    words.find(|word| *word == b"-")?;
    let kind = words.next()?;
    let device = words.next()?;
    let super_options = words.next()?;
    let number = |word: &[u8]| Some(field::number(word)?.to_string().into());
    Some(Mount {
        device: unescape(device),
        point,
        kind: unescape(kind),
        major: number(numbers.get(..colon)?)?,
        minor: number(numbers.get(colon + 1..)?)?,
        is_read_only: is_read_only(options) || is_read_only(super_options),
    })
}

fn is_read_only(options: &[u8]) -> bool {
    options.split(|b| *b == b',').any(|option| matches!(option, b"ro" | b"emergency_ro"))
}

/// The kernel writes blank, tab, line feed and backslash as three octal digits (`mangle` in fs/seq_file.c).
fn unescape(word: &[u8]) -> Box<str> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, behind)) = rest.split_first() {
        let (byte, behind) = match behind {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', behind @ ..] if *first == b'\\' => {
                ((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'), behind)
            }
            behind => (*first, behind),
        };
        plain.push(byte);
        rest = behind;
    }
    String::from_utf8_lossy(&plain).into()
}

/// File systems without space of their own: node_exporter's default list.
const EXCLUDED_KINDS: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "erofs",
    "sysfs",
    "tracefs",
];

/// These and everything below them: node_exporter's default list.
const EXCLUDED_TREES: &[&str] = &["/dev", "/proc", "/sys"];

/// Everything below these, but not themselves: node_exporter's default list.
const EXCLUDED_BELOW: &[&str] =
    &["/run/credentials/", "/var/lib/docker/", "/var/lib/containers/storage/"];

fn is_excluded(mount: &Mount, choice: &Choice) -> bool {
    let point = &*mount.point;
    let in_tree = |tree: &str| {
        point.strip_prefix(tree).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    EXCLUDED_KINDS.contains(&&*mount.kind)
        || EXCLUDED_TREES.iter().any(|tree| in_tree(tree))
        || EXCLUDED_BELOW.iter().any(|tree| point.len() > tree.len() && point.starts_with(tree))
        || choice.exclude.iter().any(|tree| in_tree(tree.trim_end_matches('/')))
        || !(choice.include.is_empty()
            || choice.include.iter().any(|tree| in_tree(tree.trim_end_matches('/'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(include: &[&str], exclude: &[&str]) -> Choice {
        let owned = |points: &[&str]| points.iter().map(|&point| point.to_owned()).collect();
        Choice { include: owned(include), exclude: owned(exclude) }
    }

    const TABLE: &str = "\
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
28 27 0:25 / /dev/shm rw - tmpfs tmpfs rw
29 27 8:17 / /var/lib/data\\040one ro,noatime shared:2 master:3 - xfs /dev/sdb1 rw
30 27 8:33 / /backup rw - ext4 /dev/sdc1 ro,errors=remount-ro
31 27 0:30 / /var/lib/docker rw - ext4 /dev/sdd1 rw
32 27 0:31 / /var/lib/docker/x rw - ext4 /dev/sdd1 rw
33 27 0:32 / /mnt/scratch/a rw - nfs4 192.0.2.1:/x rw
34 27 0:33 / /mnt/scratched rw - nfs4 192.0.2.1:/y rw,emergency_ro
not a line of mountinfo
35 27 0:34 / /devices rw - overlay overlay rw
";

    /// Scenario: a table with escapes, optional fields, read-only flags, excluded places and a bad line. Guarantees: the
    /// right mounts remain, with their flags, and the bad line is named.
    #[test]
    fn mounts_of_interest_are_found() {
        let (mounts, bad) = parse(TABLE.as_bytes(), &choice(&[], &["/mnt/scratch/"]));
        let found: Vec<_> = mounts.iter().map(|m| (&*m.point, &*m.kind, m.is_read_only)).collect();
        let expected = [
            ("/", "ext4", false),
            ("/var/lib/data one", "xfs", true),
            ("/backup", "ext4", true),
            ("/var/lib/docker", "ext4", false),
            ("/mnt/scratched", "nfs4", true),
        ];
        assert_eq!(found, expected);
        assert_eq!(bad, [9]);
        assert_eq!(
            (&*mounts[1].major, &*mounts[1].minor, &*mounts[1].device),
            ("8", "17", "/dev/sdb1")
        );
    }

    /// Scenario: trees that are to be read alone, one of them with a place to leave out. Guarantees: these and what is below,
    /// the place not, nothing else.
    #[test]
    fn what_was_asked_for_is_read_alone() {
        let points = |choice: &Choice| -> Vec<String> {
            parse(TABLE.as_bytes(), choice).0.iter().map(|m| m.point.to_string()).collect()
        };
        assert_eq!(points(&choice(&["/backup"], &[])), ["/backup"]);
        assert_eq!(points(&choice(&["/mnt"], &["/mnt/scratched"])), ["/mnt/scratch/a"]);
        assert_eq!(points(&choice(&["/"], &[])).len(), 6);
        assert!(points(&choice(&["/absent"], &[])).is_empty());
    }

    /// Scenario: two servers mounted on one point, and a file system hidden by one without space of its own. Guarantees: the upper
    /// one alone, and none.
    #[test]
    fn what_is_hidden_is_not_asked() {
        let table = b"27 1 0:40 / /mnt rw - nfs4 a:/x rw
28 1 8:1 / /data rw - xfs /dev/sda1 rw
29 1 0:41 / /mnt rw - nfs4 b:/y rw
30 1 0:42 / /data rw - autofs auto rw
";
        let (mounts, bad) = parse(table, &Choice::default());
        assert_eq!(mounts.iter().map(|m| &*m.device).collect::<Vec<_>>(), ["b:/y"]);
        assert!(bad.is_empty());
    }

    /// Scenario: backslashes that are no escapes, and escapes of every byte range. Guarantees: never a panic, plain text
    /// stays as it is.
    #[test]
    fn unescaping_is_total() {
        for (word, expected) in [
            ("a\\040b", "a b"),
            ("\\", "\\"),
            ("\\04", "\\04"),
            ("\\048", "\\048"),
            ("\\134", "\\"),
            ("\\777", "\\777"),
            ("\\377", "\u{fffd}"),
        ] {
            assert_eq!(&*unescape(word.as_bytes()), expected, "{word}");
        }
    }
}
