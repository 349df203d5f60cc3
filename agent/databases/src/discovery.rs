//! Databases that run on this node, found by the names of their processes and the ports they listen on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A kind of database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Engine {
    /// PostgreSQL and what is built on it.
    Postgres,
    /// MariaDB.
    MariaDb,
    /// MySQL.
    Mysql,
    /// Oracle Database.
    Oracle,
    /// Microsoft SQL Server.
    SqlServer,
    /// 达梦 DM.
    Dameng,
    /// InterSystems Caché and IRIS.
    InterSystems,
    /// OceanBase.
    OceanBase,
    /// TiDB.
    TiDb,
}

impl Engine {
    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB",
            Self::Mysql => "MySQL",
            Self::Oracle => "Oracle",
            Self::SqlServer => "SQL Server",
            Self::Dameng => "达梦 Dameng",
            Self::InterSystems => "InterSystems",
            Self::OceanBase => "OceanBase",
            Self::TiDb => "TiDB",
        }
    }

    /// The script that makes the agent's account, and the key of its configuration; `None` for what this version does not read.
    pub const fn account(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Postgres => {
                Some((include_str!("../../../deploy/sql/postgres-account.sql"), "postgres"))
            }
            Self::MariaDb => {
                Some((include_str!("../../../deploy/sql/mariadb-account.sql"), "mysql"))
            }
            Self::Mysql => Some((include_str!("../../../deploy/sql/mysql-account.sql"), "mysql")),
            Self::Oracle => {
                Some((include_str!("../../../deploy/sql/oracle-account.sql"), "oracle"))
            }
            Self::SqlServer => {
                Some((include_str!("../../../deploy/sql/sqlserver-account.sql"), "sqlserver"))
            }
            _ => None,
        }
    }

    /// Whether the tests read real servers of this kind. The others are read by contract: their statements were written from the
    /// vendor's documents and run over rows made from them.
    pub const fn is_proven(self) -> bool {
        matches!(self, Self::Postgres | Self::MariaDb)
    }

    /// By the name that the kernel knows the process by (`/proc/PID/comm`, 15 bytes). KingbaseES, openGauss and Vastbase are built on
    /// PostgreSQL; nobody has read them here, and the account's script is PostgreSQL's.
    fn of_process(comm: &str) -> Option<Self> {
        match comm {
            "postgres" | "postmaster" | "kingbase" | "gaussdb" | "vastbase" => Some(Self::Postgres),
            "mariadbd" => Some(Self::MariaDb),
            // Before 10.5 MariaDB's server was called so, too.
            "mysqld" => Some(Self::Mysql),
            "sqlservr" => Some(Self::SqlServer),
            "dmserver" => Some(Self::Dameng),
            "irisdb" | "cache" => Some(Self::InterSystems),
            "observer" => Some(Self::OceanBase),
            "tidb-server" => Some(Self::TiDb),
            _ if comm.starts_with("ora_pmon_") => Some(Self::Oracle),
            _ => None,
        }
    }
}

/// A server that runs here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Found {
    /// What it is.
    pub engine: Engine,
    /// Its first process.
    pub pid: u32,
    /// The ports it listens on, in order; empty when it listens on none, or when this account may not see them.
    pub ports: Vec<u16>,
}

/// The servers under a `/proc`. What cannot be read is left out: a process may end meanwhile, and only root sees others' sockets.
pub fn discover(proc: &Path) -> Vec<Found> {
    let mut servers: BTreeMap<u32, (Engine, u32)> = BTreeMap::new();
    for entry in fs::read_dir(proc).into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        if let Some((comm, parent)) = process(&stat)
            && let Some(engine) = Engine::of_process(comm)
        {
            servers.insert(pid, (engine, parent));
        }
    }
    let listening = listening(proc);
    let first = |(_, (engine, parent)): &(&u32, &(Engine, u32))| {
        servers.get(parent).is_none_or(|(other, _)| other != engine)
    };
    let mut found: Vec<Found> = servers
        .iter()
        .filter(first)
        .map(|(&pid, &(engine, _))| Found { engine, pid, ports: ports(proc, pid, &listening) })
        .collect();
    found.sort();
    found
}

/// Name and parent out of `/proc/PID/stat` (proc(5)).
fn process(stat: &str) -> Option<(&str, u32)> {
    let (head, rest) = stat.rsplit_once(") ")?;
    let comm = head.split_once('(')?.1;
    Some((comm, rest.split(' ').nth(1)?.parse().ok()?))
}

/// Ports that are listened on, by the socket's inode.
fn listening(proc: &Path) -> BTreeMap<u64, u16> {
    /// `TCP_LISTEN` of net/tcp_states.h.
    const LISTEN: &str = "0A";
    let mut ports = BTreeMap::new();
    for table in ["net/tcp", "net/tcp6"] {
        let text = fs::read_to_string(proc.join(table)).unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [_, local, _, state, _, _, _, _, _, inode, ..] = words[..] else {
                continue;
            };
            let port =
                local.rsplit_once(':').and_then(|(_, hex)| u16::from_str_radix(hex, 16).ok());
            if let (LISTEN, Some(port), Ok(inode)) = (state, port, inode.parse()) {
                ports.insert(inode, port);
            }
        }
    }
    ports
}

fn ports(proc: &Path, pid: u32, listening: &BTreeMap<u64, u16>) -> Vec<u16> {
    let mut ports = BTreeSet::new();
    for entry in fs::read_dir(proc.join(format!("{pid}/fd"))).into_iter().flatten().flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        let inode = target
            .to_str()
            .and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok());
        ports.extend(inode.and_then(|inode| listening.get(&inode)));
    }
    ports.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Scenario: a server with a child, two of another kind, one that this version does not read, a process that ended, a name with
    /// blanks and brackets. Guarantees: each server once, with the ports it listens on and no other's.
    #[test]
    fn servers_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let proc = dir.path();
        let add = |pid: u32, comm: &str, parent: u32, inodes: &[u64]| {
            let folder = proc.join(pid.to_string());
            fs::create_dir_all(folder.join("fd")).unwrap();
            fs::write(folder.join("stat"), format!("{pid} ({comm}) S {parent} 1 1 0\n")).unwrap();
            for (fd, inode) in inodes.iter().enumerate() {
                symlink(format!("socket:[{inode}]"), folder.join(format!("fd/{fd}"))).unwrap();
            }
        };
        fs::create_dir_all(proc.join("net")).unwrap();
        let tables = [
            ("net/tcp", "0100007F:1538 00000000:0000 0A 0:0 0:0 0 0 0 77"),
            ("net/tcp6", "00000000000000000000000001000000:0CEA 0:0 0A 0:0 0:0 0 0 0 78"),
        ];
        for (name, line) in tables {
            fs::write(proc.join(name), format!("  sl local\n   0: {line} 1\n   1: short\n"))
                .unwrap();
        }
        add(10, "postgres", 1, &[77, 99]);
        add(11, "postgres", 10, &[77]);
        add(20, "mariadbd", 1, &[78]);
        add(21, "mysqld", 1, &[]);
        add(30, "dmserver", 1, &[]);
        add(40, "a) S (b", 1, &[77]);
        fs::create_dir_all(proc.join("50")).unwrap();
        let found = discover(proc);
        let found: Vec<_> =
            found.iter().map(|f| (f.engine.name(), f.pid, f.ports.as_slice())).collect();
        assert_eq!(
            found,
            [
                ("PostgreSQL", 10, &[5432][..]),
                ("MariaDB", 20, &[3306]),
                ("MySQL", 21, &[]),
                ("达梦 Dameng", 30, &[]),
            ]
        );
    }
}
