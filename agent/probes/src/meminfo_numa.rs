//! Probe `meminfo_numa`: how the memory of each NUMA node is used and where pages had to be taken from another node, from
//! `/sys/devices/system/node`.

use crate::attribute;
use crate::context::Context;
use crate::field;
use crate::metric::{counter, gauge};
use crate::tally::{self, Tally};
use agent_probe::{HostFile, Lane, Outcome, Probe, ProbeError, ProbeSpec, Sink};
use shared_model::{Metric, Unit};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const NAME: &str = "meminfo_numa";

metric_table! { MEMORY_KEYS: &[u8], MEMORY;
    b"MemTotal" => gauge("node_memory_numa_MemTotal", Unit::Bytes, "Usable memory, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo MemTotal"),
    b"MemFree" => gauge("node_memory_numa_MemFree", Unit::Bytes, "Memory that nobody uses, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo MemFree"),
    b"MemUsed" => gauge("node_memory_numa_MemUsed", Unit::Bytes, "Memory in use, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo MemUsed"),
    b"SwapCached" => gauge("node_memory_numa_SwapCached", Unit::Bytes, "Swapped out once, in memory again and still in swap, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo SwapCached"),
    b"Active" => gauge("node_memory_numa_Active", Unit::Bytes, "Recently used memory, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Active"),
    b"Inactive" => gauge("node_memory_numa_Inactive", Unit::Bytes, "Memory that is reclaimed first, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Inactive"),
    b"Active(anon)" => gauge("node_memory_numa_Active_anon", Unit::Bytes, "Recently used anonymous memory, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Active(anon)"),
    b"Inactive(anon)" => gauge("node_memory_numa_Inactive_anon", Unit::Bytes, "Anonymous memory that is swapped out first, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Inactive(anon)"),
    b"Active(file)" => gauge("node_memory_numa_Active_file", Unit::Bytes, "Recently used page cache, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Active(file)"),
    b"Inactive(file)" => gauge("node_memory_numa_Inactive_file", Unit::Bytes, "Page cache that is reclaimed first, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Inactive(file)"),
    b"Unevictable" => gauge("node_memory_numa_Unevictable", Unit::Bytes, "Memory that cannot be reclaimed, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Unevictable"),
    b"Mlocked" => gauge("node_memory_numa_Mlocked", Unit::Bytes, "Memory locked with mlock, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Mlocked"),
    b"Dirty" => gauge("node_memory_numa_Dirty", Unit::Bytes, "Memory that waits to be written to disk, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Dirty"),
    b"Writeback" => gauge("node_memory_numa_Writeback", Unit::Bytes, "Memory that is being written to disk, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Writeback"),
    b"FilePages" => gauge("node_memory_numa_FilePages", Unit::Bytes, "Page cache and buffers, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo FilePages"),
    b"Mapped" => gauge("node_memory_numa_Mapped", Unit::Bytes, "Files mapped into memory, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Mapped"),
    b"AnonPages" => gauge("node_memory_numa_AnonPages", Unit::Bytes, "Anonymous memory in page tables, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo AnonPages"),
    b"Shmem" => gauge("node_memory_numa_Shmem", Unit::Bytes, "Shared memory and tmpfs, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Shmem"),
    b"KernelStack" => gauge("node_memory_numa_KernelStack", Unit::Bytes, "Kernel stacks of all tasks, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo KernelStack"),
    b"PageTables" => gauge("node_memory_numa_PageTables", Unit::Bytes, "Page tables of user space, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo PageTables"),
    b"SecPageTables" => gauge("node_memory_numa_SecPageTables", Unit::Bytes, "Secondary page tables, such as those of guests, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo SecPageTables"),
    b"NFS_Unstable" => gauge("node_memory_numa_NFS_Unstable", Unit::Bytes, "NFS pages sent but not committed (always 0 since Linux 5.8), of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo NFS_Unstable"),
    b"Bounce" => gauge("node_memory_numa_Bounce", Unit::Bytes, "Bounce buffers of block devices, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Bounce"),
    b"WritebackTmp" => gauge("node_memory_numa_WritebackTmp", Unit::Bytes, "Temporary buffers of FUSE, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo WritebackTmp"),
    b"KReclaimable" => gauge("node_memory_numa_KReclaimable", Unit::Bytes, "Kernel memory that can be reclaimed under pressure, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo KReclaimable"),
    b"Slab" => gauge("node_memory_numa_Slab", Unit::Bytes, "The kernel's own data structures, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Slab"),
    b"SReclaimable" => gauge("node_memory_numa_SReclaimable", Unit::Bytes, "Part of Slab that can be reclaimed, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo SReclaimable"),
    b"SUnreclaim" => gauge("node_memory_numa_SUnreclaim", Unit::Bytes, "Part of Slab that cannot be reclaimed, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo SUnreclaim"),
    b"AnonHugePages" => gauge("node_memory_numa_AnonHugePages", Unit::Bytes, "Anonymous memory in transparent huge pages, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo AnonHugePages"),
    b"ShmemHugePages" => gauge("node_memory_numa_ShmemHugePages", Unit::Bytes, "Shared memory in transparent huge pages, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo ShmemHugePages"),
    b"ShmemPmdMapped" => gauge("node_memory_numa_ShmemPmdMapped", Unit::Bytes, "Shared memory mapped with huge pages, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo ShmemPmdMapped"),
    b"FileHugePages" => gauge("node_memory_numa_FileHugePages", Unit::Bytes, "Page cache in transparent huge pages, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo FileHugePages"),
    b"FilePmdMapped" => gauge("node_memory_numa_FilePmdMapped", Unit::Bytes, "Page cache mapped with huge pages, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo FilePmdMapped"),
    b"Unaccepted" => gauge("node_memory_numa_Unaccepted", Unit::Bytes, "Memory that this confidential guest has not accepted yet, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo Unaccepted"),
    b"HugePages_Total" => gauge("node_memory_numa_HugePages_Total", Unit::None, "Huge pages in the pool, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo HugePages_Total"),
    b"HugePages_Free" => gauge("node_memory_numa_HugePages_Free", Unit::None, "Huge pages of the pool that are not allocated, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo HugePages_Free"),
    b"HugePages_Surp" => gauge("node_memory_numa_HugePages_Surp", Unit::None, "Huge pages above the pool's configured size, of the NUMA node.", "/sys/devices/system/node/nodeN/meminfo HugePages_Surp"),
}

metric_table! { ALLOCATION_KEYS: &[u8], ALLOCATIONS;
    b"numa_hit" => counter("node_memory_numa_numa_hit_total", Unit::None, "Pages allocated on the node that was meant.", "/sys/devices/system/node/nodeN/numastat numa_hit"),
    b"numa_miss" => counter("node_memory_numa_numa_miss_total", Unit::None, "Pages allocated here because the node that was meant had none.", "/sys/devices/system/node/nodeN/numastat numa_miss"),
    b"numa_foreign" => counter("node_memory_numa_numa_foreign_total", Unit::None, "Pages meant for this node and allocated elsewhere.", "/sys/devices/system/node/nodeN/numastat numa_foreign"),
    b"interleave_hit" => counter("node_memory_numa_interleave_hit_total", Unit::None, "Interleaved pages allocated here as meant.", "/sys/devices/system/node/nodeN/numastat interleave_hit"),
    b"local_node" => counter("node_memory_numa_local_node_total", Unit::None, "Pages allocated here by a process that runs here.", "/sys/devices/system/node/nodeN/numastat local_node"),
    b"other_node" => counter("node_memory_numa_other_node_total", Unit::None, "Pages allocated here by a process that runs elsewhere.", "/sys/devices/system/node/nodeN/numastat other_node"),
}

static METRICS: [&Metric; MEMORY.len() + ALLOCATIONS.len()] = {
    let mut all = [MEMORY[0]; MEMORY.len() + ALLOCATIONS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = match at < MEMORY.len() {
            true => MEMORY[at],
            false => ALLOCATIONS[at - MEMORY.len()],
        };
        at += 1;
    }
    all
};

/// The kernel's own limit (`CONFIG_NODES_SHIFT` 10).
const MAX_NODES: usize = 1024;

pub(crate) struct MeminfoNuma {
    folder: PathBuf,
    /// Found at the first round: nodes come and go with a reboot only, as far as an appliance goes.
    nodes: Vec<Node>,
}

struct Node {
    label: Box<str>,
    meminfo: HostFile,
    numastat: HostFile,
}

impl MeminfoNuma {
    pub(crate) fn new(context: &Context) -> Self {
        Self { folder: context.root.sys("devices/system/node"), nodes: Vec::new() }
    }

    fn scan(&mut self) -> Result<(), ProbeError> {
        let failed = |source| ProbeError::Read { path: self.folder.clone(), source };
        let mut labels: Vec<u32> = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| attribute::numbered(name, "node"));
            labels.extend(number.and_then(|number| number.parse::<u32>().ok()));
        }
        labels.sort_unstable();
        labels.truncate(MAX_NODES);
        let node = |number: u32| {
            let folder = self.folder.join(format!("node{number}"));
            Node {
                label: number.to_string().into(),
                meminfo: HostFile::new(folder.join("meminfo")),
                numastat: HostFile::new(folder.join("numastat")),
            }
        };
        self.nodes = labels.into_iter().map(node).collect();
        Ok(())
    }
}

impl Probe for MeminfoNuma {
    fn spec(&self) -> ProbeSpec {
        ProbeSpec {
            name: NAME,
            job: "node",
            lane: Lane::Fast,
            default_interval: Duration::from_secs(10),
            default_timeout: Duration::from_millis(500),
        }
    }

    fn metrics(&self) -> &'static [&'static Metric] {
        &METRICS
    }

    fn read(&mut self, sink: &mut Sink) -> Outcome {
        if self.nodes.is_empty() {
            match self.scan() {
                Ok(()) if self.nodes.is_empty() => {
                    return tally::absent(&self.folder.join("node0"));
                }
                Ok(()) => {}
                Err(error) if error.is_not_found() => return tally::absent(&self.folder),
                Err(error) => return Outcome::Failed(error),
            }
        }
        let mut tally = Tally::default();
        for node in &mut self.nodes {
            let label = &*node.label;
            let files =
                [(&mut node.meminfo, read_meminfo as Read), (&mut node.numastat, read_numastat)];
            for (file, read) in files {
                match file.read() {
                    Ok(text) => read(text, label, sink, &mut tally),
                    Err(error) => tally.complain(error),
                }
                tally.end_file(file.path());
            }
        }
        tally.outcome()
    }
}

type Read = fn(&[u8], &str, &mut Sink, &mut Tally);

/// `Node 0 MemTotal:       134182340 kB`.
fn read_meminfo(text: &[u8], node: &str, sink: &mut Sink, tally: &mut Tally) {
    for (number, line) in field::lines(text) {
        let mut words = field::words(line).skip(2);
        let name = words.next().and_then(|word| word.strip_suffix(b":"));
        let Some(name) = name else {
            tally.bad_line(number, "Node N NAME: and a number");
            continue;
        };
        let found = MEMORY_KEYS.iter().zip(MEMORY).find(|(key, _)| **key == name);
        let Some((_, metric)) = found else { continue };
        let value = words.next().and_then(field::number);
        let scale = match words.next() {
            Some(b"kB") => 1024.0,
            _ => 1.0,
        };
        put(metric, node, value.map(|value| value as f64 * scale), number, sink, tally);
    }
}

/// `numa_hit 193460335812`.
fn read_numastat(text: &[u8], node: &str, sink: &mut Sink, tally: &mut Tally) {
    for (number, line) in field::lines(text) {
        let mut words = field::words(line);
        let name = words.next().unwrap_or_default();
        let found = ALLOCATION_KEYS.iter().zip(ALLOCATIONS).find(|(key, _)| **key == name);
        let Some((_, metric)) = found else { continue };
        let value = words.next().and_then(field::number);
        put(metric, node, value.map(|value| value as f64), number, sink, tally);
    }
}

fn put(
    metric: &'static Metric,
    node: &str,
    value: Option<f64>,
    number: usize,
    sink: &mut Sink,
    tally: &mut Tally,
) {
    match value {
        Some(value) => {
            sink.put(metric, &[("node", node)], value);
            tally.sampled();
        }
        None => tally.bad_line(number, "a number"),
    }
}
