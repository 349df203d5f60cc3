//! Real databases on loopback for the benchmarks, and what they cost the machine.

use super::process::{Process, run};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PASSWORD: &str = "bench";
const POSTGRES_BIN: &str = "/usr/lib/postgresql/15/bin";

/// A running server.
pub struct DatabaseServer {
    /// The daemon.
    pub process: Process,
    /// Where it listens on loopback.
    pub port: u16,
    /// The agent's configuration for it.
    pub agent: String,
}

/// Time on a CPU of every thread of a server, by process and thread.
pub struct ServerAccount(BTreeMap<(u32, u32), u64>);

impl DatabaseServer {
    /// PostgreSQL 15 with pg_stat_statements and the accounts `wardround` and `exporter`, both with pg_monitor alone.
    pub async fn postgres(dir: &Path) -> Result<Self> {
        let (base, port) = (folder(dir, "postgres", "postgres")?, free_port()?);
        let (data, socket) = (base.join("data"), base.display().to_string());
        let tool = |name: &str| format!("{POSTGRES_BIN}/{name}");
        let path = data.display().to_string();
        run_as(
            "postgres",
            &[
                &tool("initdb"),
                "-D",
                &path,
                "-U",
                "postgres",
                "-A",
                "scram-sha-256",
                "--auth-local=trust",
                "-N",
            ],
        )?;
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={socket}"),
            "shared_preload_libraries=pg_stat_statements".to_owned(),
        ];
        let mut args = as_account("postgres");
        args.extend([tool("postgres"), "-D".to_owned(), path]);
        args.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), setting.clone()]));
        let mut process = Process::start("postgres", Path::new("/usr/bin/setpriv"), args, dir)?;
        let script = format!(
            "CREATE EXTENSION pg_stat_statements; CREATE TABLE visit (id int PRIMARY KEY, patient int);
             INSERT INTO visit SELECT n, n % 100 FROM generate_series(1, 100000) n; CREATE INDEX ON visit (patient);
             CREATE ROLE wardround LOGIN PASSWORD '{PASSWORD}'; GRANT pg_monitor TO wardround;
             CREATE ROLE exporter LOGIN PASSWORD '{PASSWORD}'; GRANT pg_monitor TO exporter"
        );
        let number = port.to_string();
        ready(
            &mut process,
            &["psql", "-qX", "-h", &socket, "-p", &number, "-U", "postgres", "-c", "SELECT 1"],
        )
        .await?;
        run(
            Path::new("/usr/bin/env"),
            [
                "psql",
                "-qX",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                &socket,
                "-p",
                &number,
                "-U",
                "postgres",
                "-c",
                &script,
            ],
        )?;
        Ok(Self { process, port, agent: agent("postgres", port, dir)? })
    }

    /// MariaDB with performance_schema and the accounts `wardround` and `exporter`.
    pub async fn mariadb(dir: &Path) -> Result<Self> {
        let (base, port) = (folder(dir, "mariadb", "mysql")?, free_port()?);
        let config = base.join("my.cnf");
        let at = base.display();
        std::fs::write(
            &config,
            format!(
                "[mariadbd]\ndatadir = {at}/data\ntmpdir = {at}\nport = {port}\nbind-address = 127.0.0.1\nsocket = {at}/sock\n\
                 pid-file = {at}/pid\nlog-bin = bench\nperformance-schema = ON\nskip-name-resolve\n"
            ),
        )?;
        let file = format!("--defaults-file={}", config.display());
        run_as(
            "mysql",
            &[
                "mariadb-install-db",
                &file,
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
            ],
        )?;
        let mut args = as_account("mysql");
        args.extend(["mariadbd".to_owned(), file]);
        let mut process = Process::start("mariadb", Path::new("/usr/bin/setpriv"), args, dir)?;
        let socket = format!("{at}/sock");
        let client = ["mariadb", "--no-defaults", "-S", &socket, "-u", "root", "-e"];
        let ask = |text: &'static str| [&client[..], &[text]].concat();
        ready(&mut process, &ask("SELECT 1")).await?;
        let account =
            include_str!("../../../deploy/sql/mariadb-account.sql").replace("CHANGE-ME", PASSWORD);
        let script = format!(
            "{account}; CREATE USER exporter@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
             GRANT PROCESS, BINLOG MONITOR, SLAVE MONITOR, SELECT ON *.* TO exporter@'127.0.0.1'"
        );
        run(Path::new("/usr/bin/env"), client.iter().copied().chain([script.as_str()]))?;
        Ok(Self { process, port, agent: agent("mysql", port, dir)? })
    }

    /// Debian's exporter for it as an address to connect to: a program with its arguments before the address to listen on.
    pub fn exporter(&self, engine: &str, dir: &Path) -> Result<Vec<String>> {
        let port = self.port;
        Ok(match engine {
            "postgres" => vec![
                format!(
                    "DATA_SOURCE_NAME=postgresql://exporter:{PASSWORD}@127.0.0.1:{port}/postgres?sslmode=disable"
                ),
                "prometheus-postgres-exporter".to_owned(),
            ],
            "mysql" => {
                let file = dir.join("exporter.cnf");
                std::fs::write(
                    &file,
                    format!(
                        "[client]\nuser=exporter\npassword={PASSWORD}\nhost=127.0.0.1\nport={port}\n"
                    ),
                )?;
                vec![
                    "prometheus-mysqld-exporter".to_owned(),
                    format!("--config.my-cnf={}", file.display()),
                ]
            }
            other => bail!("no exporter for {other}"),
        })
    }

    /// What it has cost so far, its children among it.
    pub fn account(&self) -> Result<ServerAccount> {
        let pid = self.process.pid();
        let mut threads = BTreeMap::new();
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
            else {
                continue;
            };
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let parent =
                stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
            if id != pid && parent != Some(pid) {
                continue;
            }
            for task in std::fs::read_dir(entry.path().join("task")).into_iter().flatten().flatten()
            {
                let text =
                    std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                let nanos = text.split(' ').next().and_then(|first| first.parse().ok());
                let thread = task.file_name().to_str().and_then(|name| name.parse().ok());
                threads.extend(thread.zip(nanos).map(|(thread, nanos)| ((id, thread), nanos)));
            }
        }
        Ok(ServerAccount(threads))
    }
}

impl ServerAccount {
    /// Time on a CPU since `earlier`. What a thread that ended meanwhile cost after it is missing.
    pub fn since(&self, earlier: &Self) -> Duration {
        let spent = |(thread, now): (&(u32, u32), &u64)| {
            now.saturating_sub(earlier.0.get(thread).copied().unwrap_or(0))
        };
        Duration::from_nanos(self.0.iter().map(spent).sum())
    }
}

fn agent(key: &str, port: u16, dir: &Path) -> Result<String> {
    use std::os::unix::fs::PermissionsExt;
    let file = dir.join(format!("{key}.password"));
    std::fs::write(&file, format!("{PASSWORD}\n"))?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    Ok(format!("[[{key}]]\nport = {port}\nuser = \"wardround\"\npassword_file = {file:?}\n"))
}

/// A folder of the account that the server runs as.
fn folder(dir: &Path, name: &str, account: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    std::fs::create_dir(&path)?;
    let text = path.display().to_string();
    run(Path::new("/usr/bin/env"), ["chmod", "755", &dir.display().to_string()])?;
    run(Path::new("/usr/bin/env"), ["chown", account, &text])?;
    Ok(path)
}

fn as_account(account: &str) -> Vec<String> {
    [
        format!("--reuid={account}"),
        format!("--regid={account}"),
        "--init-groups".into(),
        "--".into(),
    ]
    .into()
}

fn run_as(account: &str, words: &[&str]) -> Result<String> {
    let words = words.iter().map(|word| (*word).to_owned());
    run(Path::new("/usr/bin/setpriv"), as_account(account).into_iter().chain(words))
}

/// Asks by this command until it succeeds.
async fn ready(process: &mut Process, command: &[&str]) -> Result<()> {
    for _ in 0..600 {
        process.check()?;
        if run(Path::new("/usr/bin/env"), command).is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("not ready within 30 s: {}", command.join(" "))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("a free port")?.local_addr()?.port())
}
