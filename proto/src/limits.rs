//! Size limits of everything that crosses the wire, each with its reason. Both sides enforce them: the agent so that
//! it never makes what would be refused, the collector because an agent's host may be in other hands.

use std::time::Duration;

/// Longest gRPC message, bytes. A round of a large node is some 10 KiB and the largest catalog some 300 KiB; four
/// times tonic's own default would let a thousand agents pin gigabytes.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Longest body after decompression, bytes, of a batch or a catalog: what 20 000 series need with room to spare.
pub const MAX_RAW_BYTES: usize = 4 << 20;

/// Most cells (rows x columns, absent ones included) of one batch. A cell takes 16 bytes in memory but may take an
/// eighth of a byte in a body, so the body's own limit would not bound the memory: 2^18 cells are 4 MiB.
pub const MAX_CELLS: usize = 1 << 18;

/// Most rows of one block: an hour of one-second ticks.
pub const MAX_ROWS: usize = 3_600;

/// Most blocks of one batch: one per set and round of a node with many database instances.
pub const MAX_BLOCKS: usize = 4_096;

/// Most series of one agent, in one catalog message and in all.
pub const MAX_SERIES: usize = 20_000;

/// Most sets of one agent, and the greatest set id.
pub const MAX_SETS: usize = 4_096;

/// Most labels of one series, the metric name not counted.
pub const MAX_LABELS: usize = 32;

/// Longest metric or label name, bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// Longest label value, bytes.
pub const MAX_VALUE_BYTES: usize = 1_024;

/// Most bytes of names, values, jobs and instances of one agent's catalog, counted for each use: on the wire a text
/// stands once however many series use it, so nothing else bounds what it takes in memory.
pub const MAX_CATALOG_TEXT_BYTES: usize = 8 << 20;

/// Most different texts in one catalog message.
pub const MAX_SYMBOLS: usize = 4 * MAX_SERIES;

/// Longest job name, bytes.
pub const MAX_JOB_BYTES: usize = 63;

/// Longest instance (`host:port`), bytes: a DNS name of 253 and a port.
pub const MAX_INSTANCE_BYTES: usize = 259;

/// Most intervals of sequence numbers in one message. In order a stream needs one or two; past the limit the set is
/// cut short, which only makes records travel twice.
pub const MAX_RANGES: usize = 256;

/// Records of LIVE that an agent has unacknowledged on the wire at most, whatever credit it has for backfill: a second of
/// a busy node's rounds several times over, on a link with a second's round trip.
pub const LIVE_CREDIT_BATCHES: usize = 16;

/// Most intervals of sequence numbers a collector keeps of a stream. Each session that ends before its backfill does may
/// add one; from [`SETTLED_RANGES_TIGHT`] on an agent sends what joins the highest interval, so that it adds none.
pub const MAX_SETTLED_RANGES: usize = 64;

/// See [`MAX_SETTLED_RANGES`].
pub const SETTLED_RANGES_TIGHT: usize = 60;

/// Most feature numbers in one message.
pub const MAX_FEATURES: usize = 64;

/// Longest free text (version, reason, detail, host fact), bytes.
pub const MAX_TEXT_BYTES: usize = 1_024;

/// Longest text that says what an event happened to, bytes: a device, mount point or instance.
pub const MAX_EVENT_KEY_BYTES: usize = 256;

/// Longest topic of evidence, bytes.
pub const MAX_TOPIC_BYTES: usize = 64;

/// Longest body of an event, bytes: a text of [`MAX_TEXT_BYTES`] and numbers beside it, with room for later kinds. An
/// agent that cannot write keeps 64 KiB of events in memory, so this is at least sixteen of them.
pub const MAX_EVENT_BODY_BYTES: usize = 4 << 10;

/// Longest certificate or signing request, bytes; a P-256 leaf has some 500.
pub const MAX_DER_BYTES: usize = 16 << 10;

/// Most certificates in one chain.
pub const MAX_CHAIN: usize = 8;

/// Shortest and longest heartbeat period a collector may ask for.
pub const HEARTBEAT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// Longest reconnect window a collector may ask for: longer, and a node would be silent for no reason.
pub const MAX_RECONNECT_WINDOW: Duration = Duration::from_secs(600);

/// Labels the collector adds from the certificate and the set; an agent may not send them.
pub const RESERVED_LABELS: [&str; 5] = ["hospital", "appliance", "host", "instance", "job"];
