//! A node whose certificate is good and whose program is not. Each thing it may do wrong is refused with a clear error and
//! an audit record, and costs only itself.

use bytes::Bytes;
use collector_domain::AuditAction;
use proto::wire::{self, NackCode, down::Message as Down};
use proto::{BodyEncoder, encode_catalog, up};
use rustls::ClientConfig;
use shared_model::{Batch, Block, Catalog, Clock, Kind, Lane, Seq, SeriesDef, SeriesSet, Unit};
use shared_runtime::SystemClock;
use shared_runtime::tls::{NodeCredentials, client_config};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tests::audits;
use tests::lone::{Collector, join};
use tests::speaker::{self, Speaker, block_on, hello, identity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Code;

/// Where the hostile node sits; the others are at 127.0.0.1.
pub(crate) const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));

/// Joins a node; its TLS configuration.
pub(crate) fn node(collector: &Collector, name: &str, dir: &Path) -> Arc<ClientConfig> {
    let data = dir.join(name);
    join(&collector.agents, &collector.token(name, "1h"), &data).unwrap();
    Arc::new(client_config(&NodeCredentials::load(&data).unwrap()).unwrap())
}

/// Sets `first`..=`last` of `width` series each.
pub(crate) fn sets(first: u32, last: u32, width: u32) -> Catalog {
    let series = ((first - 1) * width + 1..=last * width).map(|reference| SeriesDef {
        reference,
        name: "test_value".into(),
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: vec![("n".into(), reference.to_string().into())],
    });
    let sets = (first..=last).map(|id| SeriesSet {
        id,
        job: "node".into(),
        instance: "".into(),
        references: ((id - 1) * width + 1..=id * width).collect(),
    });
    let (generation, base) = (last, first - 1);
    Catalog { generation, base, series: series.collect(), sets: sets.collect() }
}

/// A round of one set.
pub(crate) fn batch(seq: u64, generation: u32, set: u32, width: usize) -> wire::Batch {
    let values = vec![Some(1.5); width];
    let block = Block { set, times: vec![SystemClock.wall()], values };
    let body = BodyEncoder::new().unwrap().encode(&Batch { generation, blocks: vec![block] });
    wire::Batch::new(Seq(seq), Lane::Live, generation, &body.unwrap())
}

/// A session that was opened by a sound Hello.
pub(crate) async fn met(collector: &Collector, config: &Arc<ClientConfig>, name: &str) -> Speaker {
    let hello = hello(&identity(name), [7; 16], [8; 16]);
    Speaker::meet(&collector.agents, ELSEWHERE, config, &hello).await.unwrap().0
}

/// Scenario: messages that are none: too large, no protobuf, a field of a wrong length, Hello twice, no Hello at first,
/// definitions that break the grammar. Guarantees: each ends its session with a status that says what is wrong, and is in
/// the audit trail; the next session of the node is let in.
#[test]
fn unreadable_messages_end_their_session() {
    let collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let config = node(&collector, "db1", dir.path());
    let large = wire::Batch { zbody: vec![0; 2 << 20].into(), ..batch(1, 1, 1, 1) };
    let short = wire::Hello { stream_id: vec![1; 3].into(), ..hello_message() };
    let mut named = sets(1, 1, 1);
    named.series[0].name = "no metric".into();
    let bytes = |message: wire::Up| Bytes::from(prost::Message::encode_to_vec(&message));
    let cases = [
        (true, bytes(up(large)), Code::OutOfRange, "too large"),
        (true, Bytes::from_static(&[0xff; 64]), Code::InvalidArgument, "malformed"),
        (true, bytes(up(hello_message())), Code::FailedPrecondition, "Hello came twice"),
        (true, bytes(up(encode_catalog(&named).unwrap())), Code::InvalidArgument, "is not a name"),
        (false, bytes(up(short)), Code::InvalidArgument, "Hello.stream_id"),
        (false, bytes(up(batch(1, 1, 1, 1))), Code::FailedPrecondition, "must be Hello"),
    ];
    for (opened, message, code, words) in cases {
        let status = block_on(async {
            let mut speaker = match opened {
                true => met(&collector, &config, "db1").await,
                false => Speaker::open(&collector.agents, ELSEWHERE, &config).await.unwrap(),
            };
            speaker.say_bytes(message).await;
            speaker.end().await
        });
        println!("{code:?}: {}", status.message());
        assert_eq!(status.code(), code, "{status:?}");
        assert!(status.message().contains(words), "{status:?}");
        audits::expect(&collector, AuditAction::Session, words);
    }
}

fn hello_message() -> wire::Hello {
    wire::Hello::from(&hello(&identity("db1"), [7; 16], [8; 16]))
}

/// A body that unpacks to `bytes` zeros but claims `claimed`.
pub(crate) fn bomb(seq: u64, bytes: usize, claimed: u32) -> wire::Batch {
    let packed: Bytes = zstd::bulk::compress(&vec![0; bytes], 19).unwrap().into();
    let crc32c = crc32c::crc32c(&packed);
    wire::Batch { zbody: packed, crc32c, raw_len: claimed, ..batch(seq, 1, 1, 1) }
}

/// Scenario: a compression bomb that admits its size, one that lies about it, a flipped checksum, an unknown set, a row too
/// short; between them sound batches. Guarantees: each is refused by its number with the code that makes an agent do the
/// right thing and an audit record; the sound ones are acknowledged in the same session.
#[test]
fn damaged_records_are_refused_by_number() {
    let collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let config = node(&collector, "db1", dir.path());
    let flipped = wire::Batch { crc32c: 1, ..batch(3, 1, 1, 2) };
    let cases = [
        (bomb(1, 512 << 20, 512 << 20), NackCode::Invalid, "raw length"),
        (bomb(2, 512 << 20, 1000), NackCode::Invalid, "claimed length"),
        (flipped, NackCode::Checksum, "checksum"),
        (batch(4, 1, 9, 2), NackCode::UnknownCatalog, "set 9 is not defined"),
        (batch(5, 1, 1, 1), NackCode::Invalid, "set 1 has 2 series"),
    ];
    block_on(async {
        let mut speaker = met(&collector, &config, "db1").await;
        speaker.say(encode_catalog(&sets(1, 1, 2)).unwrap()).await;
        for (sound, (message, code, words)) in (100..).zip(cases) {
            let seq = message.seq;
            speaker.say(message).await;
            let Some(Down::Nack(nack)) = speaker.hear_more().await.unwrap() else {
                panic!("record {seq} was not refused")
            };
            println!("{seq}: {:?}: {}", nack.code(), nack.detail);
            assert_eq!((nack.seq, nack.code()), (seq, code), "{nack:?}");
            assert!(nack.detail.contains(words), "{nack:?}");
            audits::expect(&collector, AuditAction::Record, &nack.detail);
            speaker.say(batch(sound, 1, 1, 2)).await;
            expect_ack(&mut speaker, sound).await;
        }
    });
}

async fn expect_ack(speaker: &mut Speaker, seq: u64) {
    loop {
        match speaker.hear().await.unwrap() {
            Some(Down::Ack(ack)) if ack.durable.iter().any(|r| r.from <= seq && seq <= r.to) => {
                return;
            }
            Some(Down::Ack(_) | Down::HeartbeatReply(_)) => {}
            other => panic!("waited for the acknowledgement of {seq}, got {other:?}"),
        }
    }
}

/// Scenario: a node defines more series than the collector was told to keep, then a million. Guarantees: batches of what is
/// above the limit are refused for good with the limit and what to do, and an audit record; the node's other series go on
/// to be acknowledged; the collector does not grow by what it refused.
#[test]
fn too_many_series_keep_the_others() {
    let collector = Collector::start_with_agents("series_max = 100");
    let dir = tempfile::tempdir().unwrap();
    let config = node(&collector, "db1", dir.path());
    block_on(async {
        let mut speaker = met(&collector, &config, "db1").await;
        speaker.say(encode_catalog(&sets(1, 3, 40)).unwrap()).await;
        let mut seq = 0;
        let mut refuse = async |speaker: &mut Speaker, generation, set, words: &str| {
            seq += 1;
            speaker.say(batch(seq, generation, set, 40)).await;
            let Some(Down::Nack(nack)) = speaker.hear_more().await.unwrap() else {
                panic!("record {seq} was not refused")
            };
            assert_eq!((nack.seq, nack.code()), (seq, NackCode::TooManySeries), "{nack:?}");
            assert!(nack.detail.contains(words), "{nack:?}");
            audits::expect(&collector, AuditAction::Record, words);
            seq += 1;
            speaker.say(batch(seq, 3, 1, 40)).await;
            expect_ack(speaker, seq).await;
            nack.detail
        };
        let told = refuse(&mut speaker, 3, 3, "limit of 100 series").await;
        println!("{told}");
        let before = resident_kib(collector.pid());
        for part in 0..50 {
            // A set of the known ones on a new base each time: what it adds to is not known after the first.
            let mut more = sets(4 + part * 500, 3 + (part + 1) * 500, 40);
            more.sets.clear();
            speaker.say(encode_catalog(&more).unwrap()).await;
        }
        let told = refuse(&mut speaker, 30_000, 1, "are above the limit of 20000").await;
        println!("{told}");
        let grown = resident_kib(collector.pid()).saturating_sub(before);
        println!("a million series later the collector is {grown} KiB larger");
        assert!(grown < 128 << 10, "{grown} KiB");
    });
}

/// Resident memory of a process, KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Scenario: a node sends more samples than it may. Guarantees: busy, with the time to wait and an audit record; sent again
/// after that time the record is taken, so that nothing is lost.
#[test]
fn a_fast_node_is_told_to_wait() {
    let collector = Collector::start_with_agents("samples_per_second = 100");
    let dir = tempfile::tempdir().unwrap();
    let config = node(&collector, "db1", dir.path());
    block_on(async {
        let mut speaker = met(&collector, &config, "db1").await;
        speaker.say(encode_catalog(&sets(1, 1, 90)).unwrap()).await;
        let mut busy = None;
        for seq in 1..=20 {
            speaker.say(batch(seq, 1, 1, 90)).await;
            match speaker.hear().await.unwrap() {
                Some(Down::Ack(_)) => {}
                Some(Down::Nack(nack)) => {
                    busy = Some(nack);
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        let nack = busy.expect("twenty rounds are more than ten seconds' worth");
        println!("{nack:?}");
        assert_eq!(nack.code(), NackCode::Busy);
        assert!(nack.retry_after_ms > 0 && nack.detail.contains("100 samples a second"));
        audits::expect(&collector, AuditAction::Record, "samples a second");
        tokio::time::sleep(Duration::from_millis(nack.retry_after_ms.into())).await;
        speaker.say(batch(nack.seq, 1, 1, 90)).await;
        expect_ack(&mut speaker, nack.seq).await;
    });
}

/// Scenario: at once, a connection without TLS, TLS at a byte a second, TLS without a call, HTTP/2 at a byte a second, a
/// call without Hello, and an agent that never reads. Guarantees: each is ended within its limit with an audit record, and
/// a node beside them is served all the time.
#[test]
fn slow_and_half_open_connections_end() {
    let collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let (config, agents) = (node(&collector, "db1", dir.path()), collector.agents.clone());
    let other = node(&collector, "db2", dir.path());
    let third = node(&collector, "db3", dir.path());
    block_on(async {
        let no_tls = async {
            let mut tcp = speaker::tcp(&agents, ELSEWHERE).await.unwrap();
            ended(&mut tcp).await;
        };
        let slow_tls = async {
            let mut tcp = speaker::tcp(&agents, ELSEWHERE).await.unwrap();
            drip(&mut tcp, &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0, 0, 0, 0, 0, 0, 0]).await;
            ended(&mut tcp).await;
        };
        let no_call = async {
            let mut tls = speaker::tls(&agents, ELSEWHERE, &config).await.unwrap();
            ended(&mut tls).await;
        };
        let slow_http = async {
            let mut tls = speaker::tls(&agents, ELSEWHERE, &config).await.unwrap();
            drip(&mut tls, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
            ended(&mut tls).await;
        };
        let no_hello = async {
            let mut speaker = Speaker::open(&agents, ELSEWHERE, &config).await.unwrap();
            let status = speaker.end().await;
            assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
            assert!(status.message().contains("no Hello within 5 s"), "{status:?}");
        };
        let never_reads = async {
            let speaker = met(&collector, &other, "db2").await;
            let clock = Some(hello(&identity("db2"), [0; 16], [0; 16]).clock.into());
            for number in 1..=4000 {
                let next_seq = 1;
                speaker.say(wire::Heartbeat { number, clock, next_seq, ..<_>::default() }).await;
            }
            tokio::task::spawn_blocking({
                let log = collector.log_path();
                move || {
                    tests::wait::until("the deaf agent's end", Duration::from_secs(60), || {
                        let log = std::fs::read_to_string(&log).unwrap();
                        log.contains("did not read for 10 s").then_some(())
                    });
                }
            })
            .await
            .unwrap();
        };
        let served = async {
            let mut speaker = met(&collector, &third, "db3").await;
            speaker.say(encode_catalog(&sets(1, 1, 2)).unwrap()).await;
            for seq in 1..=100 {
                speaker.say(batch(seq, 1, 1, 2)).await;
                expect_ack(&mut speaker, seq).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::join!(no_tls, slow_tls, no_call, slow_http, no_hello, never_reads, served);
    });
    audits::expect(&collector, AuditAction::Connect, "no TLS handshake within 5 s");
    audits::expect(&collector, AuditAction::Connect, "no call within 10 s");
    audits::expect(&collector, AuditAction::Session, "no Hello within 5 s");
    audits::expect(&collector, AuditAction::Session, "did not read for 10 s");
}

/// Sends a byte a second for as long as somebody takes them.
async fn drip(to: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8]) {
    for byte in bytes {
        if to.write_all(&[*byte]).await.is_err() || to.flush().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Waits until the other end closes.
async fn ended(from: &mut (impl AsyncReadExt + Unpin)) {
    let closed = async {
        let mut buffer = [0; 4096];
        while let Ok(1..) = from.read(&mut buffer).await {}
    };
    tokio::time::timeout(Duration::from_secs(40), closed).await.expect("the collector closes it");
}

/// Scenario: one address opens more connections than it may. Guarantees: the one above the limit is closed before TLS with
/// an audit record that names the setting; another address is served.
#[test]
fn an_address_keeps_only_itself_out() {
    let collector = Collector::start_with_agents("connections_per_address = 8");
    let dir = tempfile::tempdir().unwrap();
    let config = node(&collector, "db1", dir.path());
    block_on(async {
        let mut held = Vec::new();
        for _ in 0..8 {
            held.push(speaker::tls(&collector.agents, ELSEWHERE, &config).await.unwrap());
        }
        let mut ninth = speaker::tcp(&collector.agents, ELSEWHERE).await.unwrap();
        ended(&mut ninth).await;
        let node = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let hello = hello(&identity("db1"), [7; 16], [8; 16]);
        Speaker::meet(&collector.agents, node, &config, &hello).await.unwrap();
    });
    audits::expect(&collector, AuditAction::Connect, "agents.connections_per_address");
}
