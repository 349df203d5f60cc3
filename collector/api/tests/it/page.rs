//! The pages.

use crate::client::{Api, build};
use crate::desk::{PASSWORD, text};
use http::StatusCode;
use shared_model::Labels;

/// Scenario: the way of a person: form, wrong password, right password, page, sign out, form again.
/// Guarantees: redirects and cookies are right, reasons are shown, the password is not.
#[tokio::test]
async fn a_person_signs_in_and_out() {
    let api = Api::new();
    let form = api.open("GET", "/").await;
    assert_eq!(
        (form.status, form.header("content-type")),
        (StatusCode::OK, "text/html; charset=utf-8")
    );
    assert!(form.body.contains("action=\"/login\"") && !form.body.contains("http-equiv"));
    let own = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("host", "round.example"),
        ("origin", "https://round.example"),
    ];
    let post = async |body: &str| api.send(build("POST", "/login", &own, body)).await;
    let wrong = post("name=viewer&password=wrong%3Cpassword").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.body.contains("用户名或密码错误") && !wrong.body.contains("wrong&lt;password"));
    assert_eq!(post("name=viewer").await.status, StatusCode::BAD_REQUEST);

    let right = post(&format!("name=viewer&password={}", PASSWORD.replace(' ', "+"))).await;
    assert_eq!((right.status, right.header("location")), (StatusCode::SEE_OTHER, "/"));
    let cookie = right.header("set-cookie").split(';').next().unwrap().to_owned();
    let page = api.send(build("GET", "/", &[("cookie", &cookie)], "")).await;
    assert!(
        page.body.contains("http-equiv=\"refresh\" content=\"5\"") && page.body.contains("viewer")
    );

    let out = [
        ("cookie", cookie.as_str()),
        ("host", "round.example"),
        ("origin", "https://round.example"),
    ];
    let foreign = [
        ("cookie", cookie.as_str()),
        ("host", "round.example"),
        ("origin", "https://evil.example"),
    ];
    assert_eq!(api.send(build("POST", "/logout", &foreign, "")).await.problem(), "cross_site");
    assert_eq!(api.send(build("POST", "/logout", &out, "")).await.status, StatusCode::SEE_OTHER);
    let page = api.send(build("GET", "/", &[("cookie", &cookie)], "")).await;
    assert!(page.body.contains("action=\"/login\""));
}

/// Scenario: another site posts the login form. Guarantees: refused before the password is looked at.
#[tokio::test]
async fn another_site_cannot_sign_a_person_in() {
    let api = Api::new();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("host", "round.example"),
        ("origin", "https://evil.example"),
    ];
    let body = format!("name=viewer&password={}", PASSWORD.replace(' ', "+"));
    let reply = api.send(build("POST", "/login", &headers, &body)).await;
    assert_eq!((reply.status, reply.header("set-cookie")), (StatusCode::FORBIDDEN, ""));
}

async fn page(api: &Api) -> String {
    let token = api.token("engineer").await;
    api.get(&token, "/").await.body
}

/// Scenario: the double's state. Guarantees: every open incident with number, level in words, clause, both titles, subject,
/// state and both clocks; closed ones not; nodes and deviations with their words; nothing unknown shown as a number.
#[tokio::test]
async fn the_page_shows_what_is_open() {
    let api = Api::new();
    let page = page(&api).await;
    for shown in [
        "第一人民医院",
        "W-000004",
        "一级 紧急 L1",
        "2.2/3.1",
        "核心数据库不可用",
        "core database down",
        "<pre class=\"evidence\">11 app@his, &lt;idle&gt;\n</pre>",
        "unused: his.visit.i",
        "host db-1",
        "待响应",
        "超时 <small lang=\"en\">over</small> +02:00",
        "剩 <small lang=\"en\">left</small> 08:00",
        "按时 <small lang=\"en\">in time</small> 10:23:00",
        "engineer",
        "补传数据",
        "至 <small lang=\"en\">until</small> 2026-11-24 09:40:00",
        "磁盘使用率超限",
        "file system too full",
        "mountpoint /data",
        "超限",
        "0.83",
        "未知",
        "失联",
        "从未上报",
        "2026-11-23 11:00:00",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains("W-000001") && !page.contains("时间比例"));
    let order: Vec<usize> = ["W-000004", "W-000003", "W-000005", "W-000002"]
        .iter()
        .map(|id| page.find(id).unwrap())
        .collect();
    assert!(order.is_sorted(), "{order:?}");
}

/// Scenario: a time scale, a collector that is not ready, and nothing to show.
/// Guarantees: both are said in banners, and empty tables say so in words.
#[tokio::test]
async fn banners_and_empty_states() {
    let api = Api::new();
    api.desk.change(|s| {
        s.contract.time_scale = 10;
        s.ready = Err("the journal cannot be written".to_owned());
        s.incidents.clear();
        s.findings.clear();
        s.nodes.clear();
    });
    let page = page(&api).await;
    for shown in [
        "时间比例 ×10",
        "Time scale ×10",
        "the journal cannot be written",
        "没有未关闭的故障",
        "没有超限或未知的检查",
        "还没有节点接入",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
}

/// Scenario: markup in every text that comes from outside. Guarantees: none of it reaches the browser as markup.
#[tokio::test]
async fn hostile_texts_are_escaped() {
    let api = Api::new();
    let evil = "\"'><script>alert(1)</script><img src=x onerror=y>";
    api.desk.change(|s| {
        for incident in &mut s.incidents {
            incident.subject = Labels::from_pairs([("host", evil), (evil, "v")]);
            incident.title = text(evil, evil);
            incident.acknowledged_by = Some(evil.to_owned());
            for link in &mut incident.links {
                link.rule = evil.into();
                link.subject = Labels::from_pairs([("device", evil)]);
            }
        }
        for finding in &mut s.findings {
            finding.subject = Labels::from_pairs([("mountpoint", evil)]);
            finding.rule = evil.into();
        }
        for rule in &mut s.rules {
            rule.title = text(evil, evil);
        }
        for node in &mut s.nodes {
            node.agent_version = Some(evil.to_owned());
        }
        s.accounts[1].name = "engineer".to_owned();
        s.contract.version = evil.to_owned();
        s.ready = Err(evil.to_owned());
    });
    let page = page(&api).await;
    for markup in ["<script", "<img", "onerror=y>", "\"'>"] {
        assert!(!page.contains(markup), "{markup}");
    }
    assert!(page.contains("&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
}

/// Scenario: more rows than a page shows. Guarantees: the page stays bounded and says how many are missing.
#[tokio::test]
async fn long_tables_are_cut_and_say_so() {
    let api = Api::new();
    api.desk.change(|s| {
        let open = s.incidents[4].clone();
        s.incidents = vec![open; 203];
        s.findings = vec![s.findings[0].clone(); 202];
        s.nodes = vec![s.nodes[0].clone(); 201];
    });
    let page = page(&api).await;
    for left in ["另有 3 项未显示", "另有 2 项未显示", "另有 1 项未显示"] {
        assert!(page.contains(left), "{left}");
    }
    assert_eq!(page.matches("<td class=\"id\">").count(), 200);
}
