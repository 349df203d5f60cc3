//! Robots against a server that answers as theirs do, by their documentation: signatures, limits of bytes, codes within HTTP 200.

use super::*;
use crate::notice::test_notice;
use crate::profile::Origin;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What the server was sent: request line and body.
type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

async fn server(answer: &'static str) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut part = [0; 65_536];
            let (line, body) = loop {
                let n = tcp.read(&mut part).await.unwrap();
                request.extend_from_slice(&part[..n]);
                let Some(at) = request.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
                let head = String::from_utf8_lossy(&request[..at]).to_lowercase();
                let length = head.split("content-length: ").nth(1).unwrap();
                let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
                if request.len() >= at + 4 + length {
                    let line = String::from_utf8_lossy(&request[..at]).into_owned();
                    break (line.lines().next().unwrap().to_owned(), request[at + 4..].to_vec());
                }
            };
            log.lock().unwrap().push((line, body));
            let reply =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
            tcp.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    (format!("http://{address}/robot/send?access_token=t"), seen)
}

fn robot(kind: RobotKind, url: &str, secret: Option<&str>, details: bool) -> Robot {
    let secret = secret.map(|s| Secret::new(s.to_owned()));
    let options = RobotOptions { kind, secret, mentions: vec!["13800000000".to_owned()], details };
    Robot::new(url.parse().unwrap(), options, None, Duration::from_secs(10)).unwrap()
}

fn notices(count: usize) -> Vec<Notice> {
    (0..count)
        .map(|n| {
            let mut notice = test_notice(&Origin::default(), Timestamp::from_secs(1));
            notice.incident = Some(format!("W-{n:06}"));
            notice.annotations.insert("title_zh".to_owned(), "\"数据库\"\n宕机".repeat(20));
            notice
        })
        .collect()
}

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_123);

/// Scenario: signed robots. The expected signatures are those of `printf '1700000000123\nSECx' | openssl dgst -sha256 -hmac SECx
/// -binary | base64`, and of `printf '' | openssl dgst -sha256 -hmac $'1700000000\nSECx' -binary | base64`.
/// Guarantees: each is signed where its robot looks for it; without a secret nothing is.
#[tokio::test]
async fn robots_are_signed() {
    let (url, seen) = server(r#"{"errcode":0,"code":0,"errmsg":"ok"}"#).await;
    let all = notices(1);
    let some: Vec<&Notice> = all.iter().collect();
    for kind in [RobotKind::DingTalk, RobotKind::Feishu, RobotKind::WeCom] {
        for secret in [Some("SECx"), None] {
            let answer = robot(kind, &url, secret, false).tell(&some, "https://c", NOW, None).await;
            assert_eq!(answer, Answer::Told { status: 200 });
        }
    }
    let seen = seen.lock().unwrap();
    let lines: Vec<&str> = seen.iter().map(|(line, _)| line.as_str()).collect();
    let ding = "POST /robot/send?access_token=t&timestamp=1700000000123&sign=q4wtLvw%2BfNQvkSpza8%2BwKY7QYg1NCXGKj%2F5Hrh4ndQk%3D HTTP/1.1";
    let plain = "POST /robot/send?access_token=t HTTP/1.1";
    assert_eq!(lines, [ding, plain, plain, plain, plain, plain]);
    let bodies: Vec<Value> = seen.iter().map(|(_, b)| serde_json::from_slice(b).unwrap()).collect();
    assert_eq!(bodies[0]["at"]["atMobiles"], serde_json::json!(["13800000000"]));
    assert!(bodies[0]["markdown"]["text"].as_str().unwrap().starts_with("@13800000000 "));
    assert_eq!(bodies[2]["timestamp"], "1700000000");
    assert_eq!(bodies[2]["sign"], "SqAAKq+LeBpM90HLQbQZuXzQJU2DWQuN3nGpYvrdFMc=");
    assert_eq!((&bodies[3]["sign"], &bodies[4]["sign"]), (&Value::Null, &Value::Null));
    assert!(!bodies.iter().any(|b| b.to_string().contains("数据库")), "details stay in the house");
}

/// Scenario: 1 to 200 notices with quotes and line feeds to each robot. Guarantees: the body is never longer than the robot takes,
/// is valid JSON, and says how many are left out.
#[tokio::test]
async fn bodies_are_within_the_robots_limits() {
    let (url, seen) = server(r#"{"errcode":0,"code":0}"#).await;
    for (kind, max) in
        [(RobotKind::DingTalk, 20_000), (RobotKind::WeCom, 4_096), (RobotKind::Feishu, 20_000)]
    {
        for count in [1, 20, 200] {
            let all = notices(count);
            let some: Vec<&Notice> = all.iter().collect();
            robot(kind, &url, None, true).tell(&some, "https://c", NOW, None).await;
            let (_, body) = seen.lock().unwrap().pop().unwrap();
            assert!(body.len() <= max, "{kind:?} {count}: {}", body.len());
            let text = serde_json::from_slice::<Value>(&body).unwrap().to_string();
            let told = (0..count).filter(|n| text.contains(&format!("W-{n:06}"))).count();
            let left = text.contains(&format!("另有 {}", count - told));
            assert!(told >= 1 && left == (told < count), "{kind:?} {count} {told}: {text}");
        }
    }
}

/// Scenario: what each robot answers within HTTP 200: taken, too fast, refused, busy, nonsense.
/// Guarantees: taken is only code 0; too fast waits a minute; refused is not repeated; everything else is tried again.
#[tokio::test]
async fn codes_within_200_are_read() {
    use RobotKind::{DingTalk, Feishu, WeCom};
    for (kind, answer, expected) in [
        (DingTalk, r#"{"errcode":0,"errmsg":"ok"}"#, "told"),
        (DingTalk, r#"{"errcode":130101,"errmsg":"send too fast"}"#, "wait 60"),
        (DingTalk, r#"{"errcode":310000,"errmsg":"sign not match"}"#, "refused"),
        (DingTalk, r#"{"errcode":-1,"errmsg":"system busy"}"#, "failed"),
        (WeCom, r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#, "wait 60"),
        (WeCom, r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#, "refused"),
        (WeCom, r#"{"errcode":40058,"errmsg":"exceed max length 4096"}"#, "refused"),
        (Feishu, r#"{"StatusCode":0,"StatusMessage":"success"}"#, "told"),
        (Feishu, r#"{"code":11232,"msg":"frequency limited"}"#, "wait 60"),
        (Feishu, r#"{"code":19021,"msg":"sign match fail"}"#, "refused"),
        (Feishu, "<html>", "failed"),
    ] {
        let (url, _) = server(answer).await;
        let all = notices(1);
        let some: Vec<&Notice> = all.iter().collect();
        let found = match robot(kind, &url, None, false).tell(&some, "https://c", NOW, None).await {
            Answer::Told { .. } => "told".to_owned(),
            Answer::Refused { .. } => "refused".to_owned(),
            Answer::Failed { .. } => "failed".to_owned(),
            Answer::Unreachable { asked, .. } => format!("wait {}", asked.unwrap().as_secs()),
        };
        assert_eq!(found, expected, "{kind:?} {answer}");
    }
}
