//! Connections over a network in the clear, databases that are not encrypted on disk, audits that are on.

use crate::facts::encryption;
use crate::facts::row::Row;
use crate::view::View;

const SQL: &str = "\
SELECT (SELECT COUNT(*) FROM sys.dm_exec_connections
         WHERE encrypt_option = 'FALSE' AND net_transport = 'TCP' AND client_net_address NOT IN ('127.0.0.1', '::1')),
       (SELECT COUNT(*) FROM sys.databases WHERE database_id > 4 AND is_encrypted = 0),
       (SELECT COUNT(*) FROM sys.server_audits WHERE is_state_enabled = 1)";

pub(super) static VIEW: View<Row> = encryption::view("dm_exec_connections", SQL);
