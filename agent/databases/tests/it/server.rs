//! A throwaway PostgreSQL on loopback, with a standby where a test asks for one.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tokio_postgres::{Client, NoTls};

/// Password of the account `monitor`, which has `pg_monitor` and nothing more.
pub(crate) const PASSWORD: &str = "throwaway-monitor";

const BIN: &str = "/usr/lib/postgresql/15/bin";

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

const CONFIG: &str = "\
listen_addresses = '127.0.0.1'
max_connections = 12
superuser_reserved_connections = 3
shared_buffers = 16MB
wal_level = replica
max_wal_senders = 4
max_prepared_transactions = 2
fsync = off
autovacuum = off
deadlock_timeout = 100ms
wal_receiver_status_interval = 1s
";

pub(crate) const HBA: &str = "\
local all         all               trust
local replication all               trust
host  all         all 127.0.0.1/32  scram-sha-256
";

/// An offset of the clock that is none.
const NOW: &str = "+0";

/// A running server, stopped and removed when dropped.
pub(crate) struct Server {
    base: PathBuf,
    pub(crate) port: u16,
}

impl Server {
    /// A primary with the accounts `postgres` (superuser, Unix socket only) and `monitor`.
    pub(crate) async fn primary() -> Self {
        Self::primary_made(NOW).await
    }

    /// The same, made at another time: `-40d` for forty days ago.
    pub(crate) async fn primary_made(when: &str) -> Self {
        let server = Self { base: folder(), port: free_port() };
        let data = server.data();
        // Not by the command `faketime`: it fails beside what an ended process of its own number left in shared memory.
        let (preload, time) = (format!("LD_PRELOAD={FAKETIME}"), format!("FAKETIME={when}"));
        let initdb = tool("initdb");
        let shifted = ["env", &preload, &time].into_iter().filter(|_| when != NOW);
        let make =
            [&*initdb, "-D", &data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-N"];
        run(&shifted.chain(make).collect::<Vec<_>>());
        server.write("pg_hba.conf", HBA);
        server.append(&format!("{CONFIG}port = {}\n", server.port));
        server.append(&format!("unix_socket_directories = '{}'\n", server.base.display()));
        server.start();
        let admin = server.admin().await;
        let setup = format!(
            "CREATE ROLE monitor LOGIN PASSWORD '{PASSWORD}'; GRANT pg_monitor TO monitor;
             CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, 0 FROM generate_series(1, 8) n;"
        );
        admin.batch_execute(&setup).await.expect("set up the throwaway server");
        server
    }

    /// A streaming standby of this server.
    pub(crate) fn standby(&self) -> Self {
        let standby = Self { base: folder(), port: free_port() };
        let (socket, port) = (self.base.display().to_string(), self.port.to_string());
        let data = standby.data();
        run(&[
            &tool("pg_basebackup"),
            "-D",
            &data,
            "-h",
            &socket,
            "-p",
            &port,
            "-U",
            "postgres",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "-N",
        ]);
        standby.append(&format!("port = {}\n", standby.port));
        standby.append(&format!("unix_socket_directories = '{}'\n", standby.base.display()));
        standby.append("cluster_name = 'standby1'\n");
        standby.start();
        standby
    }

    /// Starts the server and waits until it takes connections.
    pub(crate) fn start(&self) {
        let log = self.base.join("boot.log").display().to_string();
        let clock = format!("FAKETIME_TIMESTAMP_FILE={}", self.clock().display());
        let preload = format!("LD_PRELOAD={FAKETIME}");
        // What waits is not shifted.
        let shifted =
            ["env", &preload, &clock, "FAKETIME_CACHE_DURATION=1", "DONT_FAKE_MONOTONIC=1"];
        let (pg_ctl, data) = (tool("pg_ctl"), self.data());
        let start = [&*pg_ctl, "-D", &data, "-w", "-t", "60", "-l", &log, "start"];
        let words: Vec<&str> =
            shifted.into_iter().filter(|_| self.clock().exists()).chain(start).collect();
        run(&words);
    }

    /// Sets the server's clock off by this much, such as `+420`, within a second. It is restarted where it was started without.
    pub(crate) fn shift_clock(&self, offset: &str) {
        let is_first = !self.clock().exists();
        // At once: a reader of half a file would have the real time for a second.
        let beside = self.base.join("clock.new");
        fs::write(&beside, offset).expect("write the clock's offset");
        fs::rename(beside, self.clock()).expect("set the clock");
        if is_first {
            run(&[&tool("pg_ctl"), "-D", &self.data(), "-w", "-m", "fast", "stop"]);
            self.start();
        }
    }

    fn clock(&self) -> PathBuf {
        self.base.join("clock")
    }

    /// Lets statistics count since another time: `-40d` for forty days ago. The server is restarted.
    pub(crate) async fn count_since(&self, when: &str) {
        let data = self.data();
        let stop = || run(&[&tool("pg_ctl"), "-D", &data, "-w", "-m", "fast", "stop"]);
        stop();
        // Not by the command `faketime`: it waits for the server that it started.
        let preload = format!("LD_PRELOAD={FAKETIME}");
        let (time, pg_ctl) = (format!("FAKETIME={when}"), tool("pg_ctl"));
        run(&["env", &preload, &time, &pg_ctl, "-D", &data, "-w", "-l", "/dev/null", "start"]);
        let reset = "SELECT pg_stat_reset()";
        self.admin().await.batch_execute(reset).await.expect("reset statistics");
        stop();
        self.start();
    }

    /// Ends the server as a crash would: no checkpoint, no goodbye to clients.
    pub(crate) fn crash(&self) {
        run(&[&tool("pg_ctl"), "-D", &self.data(), "-w", "-m", "immediate", "stop"]);
    }

    /// Stops all of the server's processes from running, or lets them run again, as a hung machine would.
    pub(crate) fn signal_all(&self, signal: &str) {
        let pid =
            fs::read_to_string(Path::new(&self.data()).join("postmaster.pid")).expect("pid file");
        let postmaster = pid.lines().next().expect("pid line").to_owned();
        let children = Command::new("ps")
            .args(["-o", "pid=", "--ppid", &postmaster])
            .output()
            .expect("run ps");
        let children = String::from_utf8(children.stdout).expect("ps prints numbers");
        let mut kill = Command::new("kill");
        kill.arg(format!("-{signal}")).arg(&postmaster).args(children.split_whitespace());
        assert!(kill.status().expect("run kill").success());
    }

    /// A superuser's session over the Unix socket.
    pub(crate) async fn admin(&self) -> Client {
        self.session("postgres").await.expect("connect as superuser")
    }

    /// A session of `user` over the Unix socket, which needs no password.
    pub(crate) async fn session(&self, user: &str) -> Result<Client, tokio_postgres::Error> {
        let text =
            format!("host={} port={} user={user} dbname=postgres", self.base.display(), self.port);
        let (client, connection) = tokio_postgres::connect(&text, NoTls).await?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }

    /// Log files of these days ago, each last written at this time of its day.
    pub(crate) fn age_log_files(&self, days: impl Iterator<Item = u32>) {
        for ago in days {
            let path = self.log_file(ago);
            run(&["touch", "-d", &format!("{ago} days ago"), &path]);
        }
    }

    pub(crate) fn remove_log_files(&self, mut days: std::ops::RangeInclusive<u32>) {
        days.try_for_each(|ago| match fs::remove_file(self.log_file(ago)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .expect("remove a log file");
    }

    fn log_file(&self, ago: u32) -> String {
        Path::new(&self.data()).join(format!("log/{ago}.log")).display().to_string()
    }

    /// A file in the server's folder with a mode, such as a password file.
    pub(crate) fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.base.join(name);
        fs::write(&path, content).expect("write file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set mode");
        path
    }

    /// Lets the server speak TLS with this certificate and key.
    pub(crate) fn use_tls(&self, certificate: &str, key: &str) {
        self.write("server.crt", certificate);
        self.write("server.key", key);
        let key = Path::new(&self.data()).join("server.key");
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).expect("set mode");
        self.restart_with("ssl = on\n");
    }

    /// Restarts the server with further settings.
    pub(crate) fn restart_with(&self, settings: &str) {
        self.append(settings);
        run(&[
            &tool("pg_ctl"),
            "-D",
            &self.data(),
            "-w",
            "-m",
            "fast",
            "restart",
            "-l",
            "/dev/null",
        ]);
    }

    /// The keys of `[[postgres]]` for the account `monitor`.
    pub(crate) fn keys(&self, extra: &str) -> String {
        let file = self.file("monitor.password", &format!("{PASSWORD}\n"), 0o600);
        let (port, file) = (self.port, file.display());
        format!("port = {port}\nuser = \"monitor\"\npassword_file = \"{file}\"\n{extra}")
    }

    /// A folder of the server's account beside its data.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.base.join(name);
        run(&["mkdir", "-p", &path.display().to_string()]);
        path
    }

    /// Where the server writes its log files, once it does.
    pub(crate) fn log_folder(&self) -> PathBuf {
        Path::new(&self.data()).join("log")
    }

    /// A session of `user` with a password over loopback.
    pub(crate) async fn login(
        &self,
        user: &str,
        password: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let text = format!(
            "host=127.0.0.1 port={} user={user} password={password} dbname=postgres",
            self.port
        );
        let (client, connection) = tokio_postgres::connect(&text, NoTls).await?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }

    fn data(&self) -> String {
        self.base.join("data").display().to_string()
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        // Written by the server's own account, so that the file belongs to it.
        let path = Path::new(&self.data()).join(name).display().to_string();
        run(&["sh", "-c", "printf %s \"$1\" > \"$2\"", "sh", content, &path]);
    }

    fn append(&self, content: &str) {
        let path = Path::new(&self.data()).join("postgresql.auto.conf").display().to_string();
        run(&["sh", "-c", "printf %s \"$1\" >> \"$2\"", "sh", content, &path]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if Path::new(&self.data()).join("postmaster.pid").exists() {
            let data = self.data();
            // A test that failed half-way may have left it in any state; what cannot be stopped is gone already.
            drop(as_postgres(&[&tool("pg_ctl"), "-D", &data, "-w", "-m", "immediate", "stop"]));
        }
        drop(fs::remove_dir_all(&self.base));
    }
}

fn tool(name: &str) -> String {
    let path = format!("{BIN}/{name}");
    assert!(
        Path::new(&path).exists(),
        "{path} is missing: install Debian's postgresql-15 (the Makefile does), these tests run a real server"
    );
    path
}

fn folder() -> PathBuf {
    tool("postgres");
    let made = as_postgres(&["mktemp", "-d", "/tmp/wardround-pg-XXXXXX"]);
    PathBuf::from(String::from_utf8(made.stdout).expect("a path").trim())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind loopback");
    listener.local_addr().expect("bound address").port()
}

fn run(command: &[&str]) {
    let output = as_postgres(command);
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {out}{err}");
}

/// Runs a command as the account `postgres`, since the server refuses to run as root.
fn as_postgres(command: &[&str]) -> Output {
    let root = Command::new("id").arg("-u").output().expect("run id").stdout == b"0\n";
    let prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"];
    let words: Vec<&str> = prefix.iter().filter(|_| root).chain(command).copied().collect();
    let (program, arguments) = words.split_first().expect("a command");
    // The server keeps its inherited output open for ever, so it is given none when it is started.
    let starts = command.contains(&"start") || command.contains(&"restart");
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/tmp").stdin(Stdio::null());
    if starts {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    command.output().unwrap_or_else(|e| panic!("run {words:?}: {e}"))
}
