//! Every probe on files that are damaged at random: a moment each in the short form, a minute each in the long one
//! (`WARDROUND_FUZZ_SECONDS` sets it). A failure names probe, file and seed; `WARDROUND_SEED` begins with it.

use crate::robustness::{FILES, check_rounds};
use crate::round::{Samples, copy, first_round, fixture};
use agent_probes::NAMES;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const TREES: [&str; 4] = ["captured", "infiniband", "server", "parts"];

/// Beyond what 64 bits hold, and at their ends.
const HUGE: [&str; 4] =
    ["18446744073709551616", "99999999999999999999999999", "-18446744073709551617", "1e400"];

/// A small generator (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16;
        usize::try_from(drawn).unwrap_or(0) % limit.max(1)
    }
}

/// One damage of several: bytes changed, put in or taken out, lines lost or twice, the end cut, numbers that are too large.
fn damage(content: &[u8], random: &mut Random) -> Vec<u8> {
    let mut damaged = content.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(damaged.len());
        match random.below(8) {
            0 => damaged.truncate(at),
            1 if !damaged.is_empty() => damaged[at] ^= 1 << random.below(8),
            2 => damaged.insert(at, b"\n :0919-.kxE\xff\0"[random.below(13)]),
            3 if !damaged.is_empty() => drop(damaged.remove(at)),
            4 => damaged = lines(&damaged, |kept, line| kept.retain(|at| at != line), random),
            5 => damaged = lines(&damaged, |kept, line| kept.push(*line), random),
            6 => damaged.splice(at..at, [0xff, 0xfe, 0]).for_each(drop),
            _ => {
                if let Some((from, to)) = number(&damaged, at) {
                    let huge = HUGE[random.below(HUGE.len())];
                    damaged.splice(from..to, huge.bytes()).for_each(drop);
                }
            }
        }
    }
    damaged
}

/// Changes the list of a text's lines; the second argument is one of them.
fn lines(
    content: &[u8],
    change: impl FnOnce(&mut Vec<usize>, &usize),
    random: &mut Random,
) -> Vec<u8> {
    let all: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
    let mut kept: Vec<usize> = (0..all.len()).collect();
    if !all.is_empty() {
        change(&mut kept, &random.below(all.len()));
    }
    kept.into_iter().filter_map(|at| all.get(at)).copied().flatten().copied().collect()
}

/// Where the next number at or after `at` begins and ends.
fn number(content: &[u8], at: usize) -> Option<(usize, usize)> {
    let is_digit = |at: &usize| content.get(*at).is_some_and(u8::is_ascii_digit);
    let from = (at..content.len()).find(is_digit)?;
    let to = (from..content.len()).find(|at| !is_digit(at)).unwrap_or(content.len());
    Some((from, to))
}

/// A probe on a copy of its tree, and what it reads of it.
struct Subject {
    name: &'static str,
    tree: tempfile::TempDir,
    files: Vec<PathBuf>,
    whole: Samples,
}

impl Subject {
    /// With the files that change something when they are empty; in the short form those that are listed.
    fn of(name: &'static str, tree: &str, is_long: bool) -> Self {
        let folder = copy(tree);
        let whole = first_round(folder.path(), name).1;
        let mut files = Vec::new();
        if is_long {
            collect(folder.path(), &mut files);
            files.retain(|file| {
                let content = fs::read(file).expect("a file");
                fs::write(file, "").expect("a file");
                let is_read = first_round(folder.path(), name).1 != whole;
                fs::write(file, content).expect("a file");
                is_read
            });
        } else {
            let listed = FILES.iter().filter(|(probe, of, _)| *probe == name && *of == tree);
            files.extend(listed.map(|(.., file)| folder.path().join(file)));
        }
        Self { name, tree: folder, files, whole }
    }

    /// Damages one file, reads, and puts it back.
    fn strike(&self, seed: u64) {
        let mut random = Random(seed | 1);
        let file = &self.files[random.below(self.files.len())];
        let original = fs::read(file).expect("a file");
        let damaged = damage(&original, &mut random);
        fs::write(file, &damaged).expect("a file");
        check_rounds(self.name, self.tree.path());
        self.overflow(file, &original, &mut random);
        fs::write(file, original).expect("a file");
    }

    /// One number is too large for 64 bits. What it stood for has no value then, or a large one; never what is left of it.
    fn overflow(&self, file: &Path, original: &[u8], random: &mut Random) {
        let Some((from, to)) = number(original, random.below(original.len())) else { return };
        let digits = String::from_utf8_lossy(&original[from..to]).into_owned();
        let Ok(was) = digits.parse::<f64>() else { return };
        let mut damaged = original.to_vec();
        damaged.splice(from..to, b"18446744073709551616".iter().copied()).for_each(drop);
        fs::write(file, damaged).expect("a file");
        let (_, now) = first_round(self.tree.path(), self.name);
        for (series, value) in &self.whole {
            // A small number is what several things are, counts of lines among them.
            let is_its = value.to_bits() == was.to_bits() && was >= 1e3;
            if let Some(now) =
                now.get(series).filter(|now| is_its && now.to_bits() != value.to_bits())
            {
                assert!(*now >= 1e15, "{series} {value} became {now}");
            }
        }
    }
}

/// Every regular file below a folder; links are other ways to the same.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            collect(&entry.path(), files);
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
}

/// Scenario: for each probe, one after another of the files that it reads is damaged. Guarantees: no panic, an outcome that fits the
/// samples, plain numbers, and never the rest of a number that was too large.
#[test]
fn damaged_trees_are_survived() {
    let is_long = std::env::var("WARDROUND_TESTS").as_deref() == Ok("long");
    let setting = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let span = match setting("WARDROUND_FUZZ_SECONDS") {
        Some(seconds) => Duration::from_secs(seconds),
        None if is_long => Duration::from_secs(60),
        None => Duration::from_millis(50),
    };
    let waiting = Mutex::new(NAMES.to_vec());
    let next = || waiting.lock().expect("no panic while it is held").pop();
    let work = || {
        while let Some(name) = next() {
            let subjects: Vec<Subject> = TREES
                .iter()
                .filter(|tree| !first_round(&fixture(tree), name).1.is_empty())
                .map(|tree| Subject::of(name, tree, is_long))
                .filter(|subject| !subject.files.is_empty())
                .collect();
            strike_all(name, &subjects, span, setting("WARDROUND_SEED").unwrap_or(1));
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for worker in (0..workers).map(|_| scope.spawn(work)).collect::<Vec<_>>() {
            worker.join().expect("a worker");
        }
    });
}

#[allow(clippy::print_stderr, reason = "what a long run did is told")]
fn strike_all(name: &str, subjects: &[Subject], span: Duration, seed: u64) {
    #[allow(clippy::disallowed_methods, reason = "how long it goes on is real time")]
    let start = Instant::now();
    let mut seed = seed;
    while !subjects.is_empty() && start.elapsed() < span {
        for subject in subjects {
            let struck = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                subject.strike(seed);
            }));
            assert!(struck.is_ok(), "{name}: WARDROUND_SEED={seed}");
        }
        seed += 1;
    }
    if span.as_secs() > 0 {
        let files: usize = subjects.iter().map(|subject| subject.files.len()).sum();
        eprintln!("{name}: {files} files, damaged {} times", seed * subjects.len() as u64);
    }
}
