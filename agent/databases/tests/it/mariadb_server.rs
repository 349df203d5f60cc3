//! A throwaway MariaDB on loopback, with a replica where a test asks for one.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PASSWORD: &str = "throwaway-monitor";

const FAKETIME: &str = "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// What `docs/databases.md` has an administrator run, for the account `monitor`.
const ACCOUNT: &str = include_str!("../../../../deploy/sql/mariadb-account.sql");

/// A running server, killed and removed when dropped.
pub(crate) struct MariaDb {
    base: PathBuf,
    pub(crate) port: u16,
    process: Option<Child>,
    settings: String,
}

impl MariaDb {
    /// A primary with the accounts `root` (socket only) and `monitor`.
    pub(crate) async fn primary(settings: &str) -> Self {
        let mut server = Self::made(1, settings);
        server.start().await;
        let account = ACCOUNT.replace("'wardround'@", "'monitor'@").replace("CHANGE-ME", PASSWORD);
        let mut admin = server.admin().await;
        admin.query_drop(account).await.expect("make the account");
        admin.query_drop("CREATE DATABASE his; CREATE TABLE his.t (id INT PRIMARY KEY, v INT) ENGINE = InnoDB; INSERT INTO his.t VALUES (1,0),(2,0),(3,0),(4,0)").await.expect("make a table");
        server
    }

    /// A replica of this server that has caught up.
    pub(crate) async fn replica(&self) -> Self {
        let mut admin = self.admin().await;
        admin.query_drop("CREATE OR REPLACE USER replicator@'127.0.0.1' IDENTIFIED BY 'r'; GRANT REPLICATION SLAVE ON *.* TO replicator@'127.0.0.1'").await.expect("an account for the replica");
        let mut replica = Self::made(2, "read_only = ON\n");
        replica.shift_clock("+0");
        replica.start().await;
        let change = format!(
            "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, MASTER_USER = 'replicator',
             MASTER_PASSWORD = 'r', MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos; START SLAVE",
            self.port
        );
        replica.admin().await.query_drop(change).await.expect("start to replicate");
        replica
    }

    fn made(id: u32, settings: &str) -> Self {
        let base =
            tempfile::Builder::new().prefix("wardround-maria-").tempdir().expect("a folder").keep();
        own(&base);
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        // A server that starts deletes every `#sql` file of its temporary folder, those of its neighbours too.
        let config = format!(
            "[mariadbd]\ndatadir = {0}/data\ntmpdir = {0}\nport = {port}\nbind-address = 127.0.0.1\nsocket = {0}/sock\n\
             pid-file = {0}/pid\nlog-error = {0}/error.log\nserver-id = {id}\nlog-bin = node-bin\nlog-slave-updates = ON\n\
             sync-binlog = 0\ninnodb-flush-log-at-trx-commit = 0\ninnodb-buffer-pool-size = 32M\nmax-connections = 12\n\
             skip-name-resolve\nslave-net-timeout = 4\nperformance-schema = ON\n",
            base.display()
        );
        fs::write(base.join("my.cnf"), config).expect("write the configuration");
        let install = as_mysql(&[
            "mariadb-install-db",
            &format!("--defaults-file={}/my.cnf", base.display()),
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
        ])
        .output()
        .expect("run mariadb-install-db");
        let said = String::from_utf8_lossy(&install.stdout);
        assert!(install.status.success(), "{said}{}", String::from_utf8_lossy(&install.stderr));
        Self { base, port, process: None, settings: settings.to_owned() }
    }

    /// Starts the server and waits until it takes connections.
    pub(crate) async fn start(&mut self) {
        let path = self.base.join("my.cnf");
        let config = fs::read_to_string(&path).expect("the configuration");
        let own = config.split("# further\n").next().unwrap_or_default().to_owned();
        fs::write(&path, format!("{own}# further\n{}", self.settings))
            .expect("write the configuration");
        let (defaults, clock) = (format!("--defaults-file={}", path.display()), self.clock());
        let shifted = ["env", FAKETIME, &format!("FAKETIME_TIMESTAMP_FILE={}", clock.display())];
        let prefix = shifted.iter().filter(|_| clock.exists());
        let words: Vec<&str> = prefix.copied().chain(["mariadbd", &defaults]).collect();
        let mut command = as_mysql(&words);
        // What waits is not shifted: InnoDB ends itself when a wait has lasted too long.
        command.env("FAKETIME_CACHE_DURATION", "1").env("DONT_FAKE_MONOTONIC", "1");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().expect("start mariadbd"));
        for _ in 0..1_200 {
            if self.connect("root", None).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = fs::read_to_string(self.base.join("error.log")).unwrap_or_default();
        panic!("mariadbd does not start within a minute: {log}");
    }

    /// Sets the server's clock off by this much, such as `+420`, within a second. A primary's never is.
    pub(crate) fn shift_clock(&self, offset: &str) {
        // At once: a reader of half a file would have the real time for a second.
        let beside = self.base.join("clock.new");
        fs::write(&beside, offset).expect("write the clock's offset");
        fs::rename(beside, self.clock()).expect("set the clock");
    }

    fn clock(&self) -> PathBuf {
        self.base.join("clock")
    }

    /// Ends the server as a crash would.
    pub(crate) fn crash(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("kill mariadbd");
            process.wait().expect("mariadbd has ended");
        }
    }

    /// Restarts it with other settings.
    pub(crate) async fn restart_with(&mut self, settings: &str) {
        self.crash();
        settings.clone_into(&mut self.settings);
        self.start().await;
    }

    /// Stops the server from running, or lets it run again, as a hung machine would.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.process.as_ref().expect("it runs").id().to_string();
        let status = Command::new("kill").args([&format!("-{signal}"), &pid]).status();
        assert!(status.expect("run kill").success());
    }

    /// An administrator's session over the socket.
    pub(crate) async fn admin(&self) -> Conn {
        self.connect("root", None).await.expect("connect as root")
    }

    /// A session of `user` over the socket.
    pub(crate) async fn connect(
        &self,
        user: &str,
        password: Option<&str>,
    ) -> Result<Conn, mysql_async::Error> {
        let socket = self.base.join("sock").display().to_string();
        let options = OptsBuilder::default().user(Some(user)).pass(password).socket(Some(socket));
        Conn::new(options).await
    }

    /// A session of the account `monitor` over loopback.
    pub(crate) async fn connect_remotely(
        &self,
        password: &str,
    ) -> Result<Conn, mysql_async::Error> {
        let options = OptsBuilder::default()
            .user(Some("monitor"))
            .pass(Some(password))
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.port)
            .prefer_socket(false);
        Conn::new(options).await
    }

    /// The keys of `[[mysql]]` for the account `monitor`.
    pub(crate) fn keys(&self, extra: &str) -> String {
        let file = self.base.join("monitor.password");
        fs::write(&file, format!("{PASSWORD}\n")).expect("write the password");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set its mode");
        format!(
            "port = {}\nuser = \"monitor\"\npassword_file = \"{}\"\n{extra}",
            self.port,
            file.display()
        )
    }

    /// What the server writes about itself.
    pub(crate) fn error_log(&self) -> PathBuf {
        self.base.join("error.log")
    }

    /// A file of the server's data.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.base.join("data").join(name)
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            drop(process.kill());
            drop(process.wait());
        }
        drop(fs::remove_dir_all(&self.base));
    }
}

/// Gives the folder to the account that the server runs as.
fn own(path: &Path) {
    if is_root() {
        let status = Command::new("chown").arg("mysql:mysql").arg(path).status();
        assert!(status.expect("run chown").success());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("set its mode");
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().expect("run id").stdout == b"0\n"
}

fn as_mysql(words: &[&str]) -> Command {
    let prefix = ["setpriv", "--reuid=mysql", "--regid=mysql", "--init-groups", "--"];
    let words: Vec<&str> = prefix.iter().filter(|_| is_root()).chain(words).copied().collect();
    let (program, arguments) = words.split_first().expect("a command");
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/tmp").stdin(Stdio::null());
    command
}
