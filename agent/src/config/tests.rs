//! Files that are right, and the faults of those that are not.

use super::*;

fn faults(text: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.toml");
    std::fs::write(&path, text).unwrap();
    match Config::load(Some(&path)) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.faults.iter().map(|f| format!("{}: {}", f.path, f.what)).collect(),
    }
}

/// Scenario: an empty file, a full one, and a named file that does not exist. Guarantees: empty and full are valid,
/// the missing one is an error that names it.
#[test]
fn every_key_is_optional() {
    assert_eq!(faults(""), Vec::<String>::new());
    let full = r#"
        data_dir = "/srv/agent"
        [collector]
        address = "[fd00::1]:7443"
        [probe.cpu]
        enabled = false
        interval = "15s"
        timeout = "500ms"
        [probe.infiniband]
        root = "/srv/fabric"
        [probe.filesystem]
        exclude = ["/mnt/scratch"]
        include = ["/mnt"]
        [probe.processes]
        groups = ["postgres", "pgbouncer"]
        [probe.kmsg]
        injected = true
        [probe.fabric]
        interval = "1m"
        device = "umad0"
        name = "rail-a"
        expected_width = 4
        expected_speed = "EDR"
        [spool]
        max_bytes = "2GiB"
        max_disk_ratio = 0.1
        min_free_ratio = 0.2
        [[postgres]]
        host = "db1"
        [[postgres]]
        host = "db1"
        port = 5433
        [[core_service]]
        name = "registration"
        query = "select 1"
        [[scrape]]
        name = "san"
        url = "http://127.0.0.1:9100/metrics"
        [[ceph]]
        endpoints = ["http://127.0.0.1:9283/metrics"]
        [log]
        level = "debug"
        format = "json"
    "#;
    assert_eq!(faults(full), Vec::<String>::new());
    let error = Config::load(Some(Path::new("/nonexistent/agent.toml"))).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/agent.toml"), "{error}");
}

/// Scenario: one file with a fault in every table. Guarantees: semantic faults are all reported at once with the path
/// of their key and what to write.
#[test]
fn all_faults_at_once() {
    let found = faults(
        r#"
        [collector]
        address = "collector"
        [probe.infinibnad]
        [probe.cpu]
        interval = "99ms"
        root = "/x"
        exclude = ["/x"]
        [probe.filesystem]
        exclude = ["scratch"]
        [spool]
        max_bytes = "15MiB"
        max_disk_ratio = 1.1
        [[postgres]]
        port = 0
        [[postgres]]
        port = 0
        [[core_service]]
        name = "r"
        query = "select 1"
        [[core_service]]
        name = "r"
        query = ""
        [[scrape]]
        name = "san"
        url = "127.0.0.1:9100"
        [[scrape]]
        name = "san"
        url = "http://127.0.0.1:9100/metrics"
        [[document]]
        name = "array"
        path = "/run/array.json"
        mapping = "/nonexistent/array.toml"
        [[ceph]]
        fsid = "x"
        [log]
        level = "=="
        "#,
    );
    let begins = [
        "collector.address: write HOST:PORT",
        "probe.cpu.interval: write a span",
        "probe.cpu.root: only the probe infiniband",
        "probe.cpu.exclude: only the probe filesystem",
        "probe.filesystem.exclude: mount points begin with /",
        "probe.infinibnad: unknown probe; did you mean 'infiniband'?",
        "spool.max_bytes: write at least",
        "spool.max_disk_ratio: write a share",
        "log.level: log level '=='",
        "postgres[0].port: write 1 to 65535",
        "postgres[1].port: write 1 to 65535",
        "postgres[1]: 127.0.0.1:0 is listed twice",
        "core_service[1].query: write one statement",
        "core_service[1].name: is used twice",
        "scrape[0].url: write a URL",
        "scrape[1].name: is used twice",
        "document[0].mapping: /nonexistent/array.toml",
        "ceph[0].fsid: write what",
    ];
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    for (fault, begin) in found.iter().zip(begins) {
        assert!(fault.starts_with(begin), "{fault} for {begin}");
    }
}

/// Scenario: keys of one probe written for another, and values that say nothing. Guarantees: each is told with what to write.
#[test]
fn keys_of_one_probe_are_of_no_other() {
    let found = faults(
        r#"
        [probe.cpu]
        groups = ["postgres"]
        injected = true
        include = ["/x"]
        [probe.filesystem]
        device = "umad0"
        include = ["x"]
        [probe.processes]
        groups = [""]
        [probe.fabric]
        device = "../mem"
        name = ""
        expected_width = 3
        expected_speed = "edr"
        "#,
    );
    let begins = [
        "probe.cpu.injected: only the probe kmsg",
        "probe.cpu.groups: only the probe processes",
        "probe.cpu.include: only the probe diskstats and filesystem have it",
        "probe.fabric.device: write a file of /dev/infiniband",
        "probe.fabric.name: write up to 63",
        "probe.fabric.expected_width: write 1, 2, 4",
        "probe.fabric.expected_speed: write SDR",
        "probe.filesystem.device: only the probe fabric has it",
        "probe.filesystem.include: mount points begin with /",
        "probe.processes.groups: write up to 16 names",
    ];
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    for (fault, begin) in found.iter().zip(begins) {
        assert!(fault.starts_with(begin), "{fault} for {begin}");
    }
}

/// Scenario: databases listed twice or too often, with misspelt keys of other and of the same meaning beside. Guarantees: what
/// the file says is told, what only follows from a misspelling is not.
#[test]
fn only_what_the_file_says_is_judged() {
    let twice =
        faults("[[postgres]]\nhost = \"db1\"\n[[postgres]]\nhost = \"db1\"\nintervall = \"1s\"");
    assert_eq!(twice.len(), 2, "{twice:#?}");
    assert!(twice[1].starts_with("postgres[1]: db1:5432 is listed twice"), "{twice:#?}");
    let apart = faults("[[postgres]]\nhost = \"db1\"\nprot = 5433\n[[postgres]]\nhost = \"db1\"");
    assert_eq!(apart, ["postgres[0].prot: unknown key; did you mean 'port'?"]);
    let mut many: String = (1..=65).map(|port| format!("[[postgres]]\nport = {port}\n")).collect();
    many.push_str("intervall = \"1s\"\n");
    assert!(faults(&many).contains(&"postgres: 65 are above the limit of 64".to_owned()));
    let mixed = faults("[probe.filesystem]\nexclude = [\"x\", 3]");
    assert_eq!(mixed.len(), 2, "{mixed:#?}");
}

/// Scenario: misspelt keys. Guarantees: refused with the right one.
#[test]
fn unknown_keys_are_refused() {
    let found =
        faults("datadir = \"/x\"\n[probe.cpu]\nintervall = \"1s\"\n[[postgres]]\nhots = \"x\"\n");
    assert_eq!(
        found,
        [
            "datadir: unknown key; did you mean 'data_dir'?",
            "postgres[0].hots: unknown key; did you mean 'host'?",
            "probe.cpu.intervall: unknown key; did you mean 'interval'?",
        ]
    );
}

/// Scenario: addresses. Guarantees: a host or bracketed IPv6 address with a port passes, nothing else.
#[test]
fn addresses_need_host_and_port() {
    for (text, ok) in [
        ("c:7443", true),
        ("10.0.0.1:1", true),
        ("[::1]:65535", true),
        ("c", false),
        ("c:0", false),
        ("c:65536", false),
        (":7443", false),
        ("::1:7443", false),
        ("http://c:7443", false),
        ("收集:7443", false),
    ] {
        assert_eq!(check_address(text).is_ok(), ok, "{text}");
    }
}

/// Scenario: tables of the engines that features bring. Guarantees: with the feature they are checked and may stand once; without it
/// the agent says what to build.
#[test]
fn contracted_engines_are_checked() {
    let twice = "[[oracle]]\nservice = \"his\"\n[[oracle]]\nservice = \"his\"\n";
    let found = faults(twice);
    match cfg!(feature = "oracle") {
        true => assert_eq!(found, ["oracle, sqlserver: 127.0.0.1:1521/his is listed twice"]),
        false => assert!(found.len() == 1 && found[0].contains("--features oracle"), "{found:?}"),
    }
    let found = faults("[[sqlserver]]\nport = 0\n");
    match cfg!(feature = "sqlserver") {
        true => assert_eq!(found, ["sqlserver[0].port: write 1 to 65535"]),
        false => {
            assert!(found.len() == 1 && found[0].contains("--features sqlserver"), "{found:?}");
        }
    }
}
