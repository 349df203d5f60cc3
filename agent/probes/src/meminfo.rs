//! Probe `meminfo`: how memory is used, from `/proc/meminfo`.
//!
//! The fields are those that node_exporter names, and the newer ones of the kernel named by the same rule. A field
//! that is not in the table is left out: a metric must be declared before it is emitted.

use crate::context::Context;
use crate::field;
use crate::metric::gauge;
use crate::tally;
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::time::Duration;

pub(crate) const NAME: &str = "meminfo";

metric_table! { KEYS: &[u8], METRICS;
    b"MemTotal" => gauge(
        "node_memory_MemTotal_bytes", Unit::Bytes,
        "Usable memory.", "/proc/meminfo MemTotal"),
    b"MemFree" => gauge(
        "node_memory_MemFree_bytes", Unit::Bytes,
        "Memory that nobody uses.", "/proc/meminfo MemFree"),
    b"MemAvailable" => gauge(
        "node_memory_MemAvailable_bytes", Unit::Bytes,
        "Memory that new programs can get without swapping.", "/proc/meminfo MemAvailable"),
    b"Buffers" => gauge(
        "node_memory_Buffers_bytes", Unit::Bytes,
        "Cache of block devices.", "/proc/meminfo Buffers"),
    b"Cached" => gauge(
        "node_memory_Cached_bytes", Unit::Bytes,
        "Page cache without SwapCached.", "/proc/meminfo Cached"),
    b"SwapCached" => gauge(
        "node_memory_SwapCached_bytes", Unit::Bytes,
        "Swapped out once, in memory again and still in swap.", "/proc/meminfo SwapCached"),
    b"Active" => gauge(
        "node_memory_Active_bytes", Unit::Bytes,
        "Recently used memory.", "/proc/meminfo Active"),
    b"Inactive" => gauge(
        "node_memory_Inactive_bytes", Unit::Bytes,
        "Memory that is reclaimed first.", "/proc/meminfo Inactive"),
    b"Active(anon)" => gauge(
        "node_memory_Active_anon_bytes", Unit::Bytes,
        "Recently used anonymous memory.", "/proc/meminfo Active(anon)"),
    b"Inactive(anon)" => gauge(
        "node_memory_Inactive_anon_bytes", Unit::Bytes,
        "Anonymous memory that is swapped out first.", "/proc/meminfo Inactive(anon)"),
    b"Active(file)" => gauge(
        "node_memory_Active_file_bytes", Unit::Bytes,
        "Recently used page cache.", "/proc/meminfo Active(file)"),
    b"Inactive(file)" => gauge(
        "node_memory_Inactive_file_bytes", Unit::Bytes,
        "Page cache that is reclaimed first.", "/proc/meminfo Inactive(file)"),
    b"Unevictable" => gauge(
        "node_memory_Unevictable_bytes", Unit::Bytes,
        "Memory that cannot be reclaimed.", "/proc/meminfo Unevictable"),
    b"Mlocked" => gauge(
        "node_memory_Mlocked_bytes", Unit::Bytes,
        "Memory locked with mlock.", "/proc/meminfo Mlocked"),
    b"SwapTotal" => gauge(
        "node_memory_SwapTotal_bytes", Unit::Bytes,
        "Swap space.", "/proc/meminfo SwapTotal"),
    b"SwapFree" => gauge(
        "node_memory_SwapFree_bytes", Unit::Bytes,
        "Swap space that nobody uses.", "/proc/meminfo SwapFree"),
    b"Zswap" => gauge(
        "node_memory_Zswap_bytes", Unit::Bytes,
        "Memory that compressed swap takes.", "/proc/meminfo Zswap"),
    b"Zswapped" => gauge(
        "node_memory_Zswapped_bytes", Unit::Bytes,
        "Memory stored in compressed swap.", "/proc/meminfo Zswapped"),
    b"Dirty" => gauge(
        "node_memory_Dirty_bytes", Unit::Bytes,
        "Memory that waits to be written to disk.", "/proc/meminfo Dirty"),
    b"Writeback" => gauge(
        "node_memory_Writeback_bytes", Unit::Bytes,
        "Memory that is being written to disk.", "/proc/meminfo Writeback"),
    b"AnonPages" => gauge(
        "node_memory_AnonPages_bytes", Unit::Bytes,
        "Anonymous memory in page tables.", "/proc/meminfo AnonPages"),
    b"Mapped" => gauge(
        "node_memory_Mapped_bytes", Unit::Bytes,
        "Files mapped into memory.", "/proc/meminfo Mapped"),
    b"Shmem" => gauge(
        "node_memory_Shmem_bytes", Unit::Bytes,
        "Shared memory and tmpfs.", "/proc/meminfo Shmem"),
    b"KReclaimable" => gauge(
        "node_memory_KReclaimable_bytes", Unit::Bytes,
        "Kernel memory that can be reclaimed under pressure.", "/proc/meminfo KReclaimable"),
    b"Slab" => gauge(
        "node_memory_Slab_bytes", Unit::Bytes,
        "The kernel's own data structures.", "/proc/meminfo Slab"),
    b"SReclaimable" => gauge(
        "node_memory_SReclaimable_bytes", Unit::Bytes,
        "Part of Slab that can be reclaimed.", "/proc/meminfo SReclaimable"),
    b"SUnreclaim" => gauge(
        "node_memory_SUnreclaim_bytes", Unit::Bytes,
        "Part of Slab that cannot be reclaimed.", "/proc/meminfo SUnreclaim"),
    b"KernelStack" => gauge(
        "node_memory_KernelStack_bytes", Unit::Bytes,
        "Kernel stacks of all tasks.", "/proc/meminfo KernelStack"),
    b"PageTables" => gauge(
        "node_memory_PageTables_bytes", Unit::Bytes,
        "Page tables of user space.", "/proc/meminfo PageTables"),
    b"SecPageTables" => gauge(
        "node_memory_SecPageTables_bytes", Unit::Bytes,
        "Secondary page tables, such as those of guests.", "/proc/meminfo SecPageTables"),
    b"NFS_Unstable" => gauge(
        "node_memory_NFS_Unstable_bytes", Unit::Bytes,
        "NFS pages sent but not committed (always 0 since Linux 5.8).", "/proc/meminfo NFS_Unstable"),
    b"Bounce" => gauge(
        "node_memory_Bounce_bytes", Unit::Bytes,
        "Bounce buffers of block devices.", "/proc/meminfo Bounce"),
    b"WritebackTmp" => gauge(
        "node_memory_WritebackTmp_bytes", Unit::Bytes,
        "Temporary buffers of FUSE.", "/proc/meminfo WritebackTmp"),
    b"CommitLimit" => gauge(
        "node_memory_CommitLimit_bytes", Unit::Bytes,
        "Most memory that may be committed under strict overcommit.", "/proc/meminfo CommitLimit"),
    b"Committed_AS" => gauge(
        "node_memory_Committed_AS_bytes", Unit::Bytes,
        "Memory that programs were promised.", "/proc/meminfo Committed_AS"),
    b"VmallocTotal" => gauge(
        "node_memory_VmallocTotal_bytes", Unit::Bytes,
        "Size of the vmalloc area.", "/proc/meminfo VmallocTotal"),
    b"VmallocUsed" => gauge(
        "node_memory_VmallocUsed_bytes", Unit::Bytes,
        "Used part of the vmalloc area.", "/proc/meminfo VmallocUsed"),
    b"VmallocChunk" => gauge(
        "node_memory_VmallocChunk_bytes", Unit::Bytes,
        "Largest free block of the vmalloc area (0 since Linux 4.4).", "/proc/meminfo VmallocChunk"),
    b"Percpu" => gauge(
        "node_memory_Percpu_bytes", Unit::Bytes,
        "Memory of the per-CPU allocator.", "/proc/meminfo Percpu"),
    b"HardwareCorrupted" => gauge(
        "node_memory_HardwareCorrupted_bytes", Unit::Bytes,
        "Memory that the kernel took out of use because of hardware errors.", "/proc/meminfo HardwareCorrupted"),
    b"AnonHugePages" => gauge(
        "node_memory_AnonHugePages_bytes", Unit::Bytes,
        "Anonymous memory in transparent huge pages.", "/proc/meminfo AnonHugePages"),
    b"ShmemHugePages" => gauge(
        "node_memory_ShmemHugePages_bytes", Unit::Bytes,
        "Shared memory in transparent huge pages.", "/proc/meminfo ShmemHugePages"),
    b"ShmemPmdMapped" => gauge(
        "node_memory_ShmemPmdMapped_bytes", Unit::Bytes,
        "Shared memory mapped with huge pages.", "/proc/meminfo ShmemPmdMapped"),
    b"FileHugePages" => gauge(
        "node_memory_FileHugePages_bytes", Unit::Bytes,
        "Page cache in transparent huge pages.", "/proc/meminfo FileHugePages"),
    b"FilePmdMapped" => gauge(
        "node_memory_FilePmdMapped_bytes", Unit::Bytes,
        "Page cache mapped with huge pages.", "/proc/meminfo FilePmdMapped"),
    b"CmaTotal" => gauge(
        "node_memory_CmaTotal_bytes", Unit::Bytes,
        "Memory reserved for contiguous allocation.", "/proc/meminfo CmaTotal"),
    b"CmaFree" => gauge(
        "node_memory_CmaFree_bytes", Unit::Bytes,
        "Free part of the memory reserved for contiguous allocation.", "/proc/meminfo CmaFree"),
    b"Balloon" => gauge(
        "node_memory_Balloon_bytes", Unit::Bytes,
        "Memory that the host took back from this guest.", "/proc/meminfo Balloon"),
    b"Unaccepted" => gauge(
        "node_memory_Unaccepted_bytes", Unit::Bytes,
        "Memory that this confidential guest has not accepted yet.", "/proc/meminfo Unaccepted"),
    b"HugePages_Total" => gauge(
        "node_memory_HugePages_Total", Unit::None,
        "Huge pages in the pool.", "/proc/meminfo HugePages_Total"),
    b"HugePages_Free" => gauge(
        "node_memory_HugePages_Free", Unit::None,
        "Huge pages of the pool that are not allocated.", "/proc/meminfo HugePages_Free"),
    b"HugePages_Rsvd" => gauge(
        "node_memory_HugePages_Rsvd", Unit::None,
        "Huge pages promised but not allocated yet.", "/proc/meminfo HugePages_Rsvd"),
    b"HugePages_Surp" => gauge(
        "node_memory_HugePages_Surp", Unit::None,
        "Huge pages above the pool's configured size.", "/proc/meminfo HugePages_Surp"),
    b"Hugepagesize" => gauge(
        "node_memory_Hugepagesize_bytes", Unit::Bytes,
        "Size of a default huge page.", "/proc/meminfo Hugepagesize"),
    b"Hugetlb" => gauge(
        "node_memory_Hugetlb_bytes", Unit::Bytes,
        "Memory taken by huge pages of all sizes.", "/proc/meminfo Hugetlb"),
    b"DirectMap4k" => gauge(
        "node_memory_DirectMap4k_bytes", Unit::Bytes,
        "Memory mapped by the kernel in 4 KiB pages.", "/proc/meminfo DirectMap4k"),
    b"DirectMap2M" => gauge(
        "node_memory_DirectMap2M_bytes", Unit::Bytes,
        "Memory mapped by the kernel in 2 MiB pages.", "/proc/meminfo DirectMap2M"),
    b"DirectMap4M" => gauge(
        "node_memory_DirectMap4M_bytes", Unit::Bytes,
        "Memory mapped by the kernel in 4 MiB pages.", "/proc/meminfo DirectMap4M"),
    b"DirectMap1G" => gauge(
        "node_memory_DirectMap1G_bytes", Unit::Bytes,
        "Memory mapped by the kernel in 1 GiB pages.", "/proc/meminfo DirectMap1G"),
}

pub(crate) struct Meminfo {
    file: HostFile,
}

impl Meminfo {
    pub(crate) fn new(context: &Context) -> Self {
        Self { file: HostFile::new(context.root.proc("meminfo")) }
    }
}

impl Probe for Meminfo {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            default_interval: Duration::from_secs(1),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        tally::read_one(&mut self.file, "lines such as MemTotal: 1 kB", |text, tally| {
            // The table stands in the kernel's order, so the search begins where the last line was found.
            let mut cursor = 0;
            for (number, line) in field::lines(text) {
                let Some(colon) = line.iter().position(|b| *b == b':') else {
                    tally.bad_line(number, "NAME: NUMBER kB");
                    continue;
                };
                let (key, rest) = line.split_at(colon);
                let Some(at) = find(key, cursor) else { continue };
                cursor = at + 1;
                match (value(rest.get(1..).unwrap_or_default()), METRICS.get(at)) {
                    (Some(value), Some(metric)) => {
                        sink.put(metric, &[], value);
                        tally.sampled();
                    }
                    _ => tally.bad_line(number, "NAME: NUMBER kB"),
                }
            }
        })
    }
}

fn find(key: &[u8], from: usize) -> Option<usize> {
    let after = KEYS.iter().skip(from).position(|known| *known == key);
    after.map(|at| at + from).or_else(|| KEYS.iter().position(|known| *known == key))
}

/// A number, in bytes when `kB` follows: the kernel means 1024 by it.
fn value(rest: &[u8]) -> Option<f64> {
    let mut words = field::words(rest);
    let number = field::number(words.next()?)? as f64;
    match words.next() {
        None => Some(number),
        Some(b"kB") => Some(number * 1024.0),
        Some(_) => None,
    }
}
