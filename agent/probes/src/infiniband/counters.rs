//! The counters of a port: where each is found, its unit, and how wide it is.
//!
//! Names and meanings: Documentation/ABI/stable/sysfs-class-infiniband. Widths: the PortCounters attribute of the
//! performance management agent as drivers/infiniband/core/sysfs.c reads it (`PORT_PMA_ATTR`); the files of data and
//! packets are 64 bits wide on every adapter with extended counters. Sources are below
//! `/sys/class/infiniband/<device>`.

use crate::metric::{counter, gauge};
use shared_model::Unit;

/// Where a counter is and how its number is to be read.
pub(super) struct Row {
    /// Below the port's folder.
    pub(super) path: &'static str,
    /// What one of the file's units is in the metric's unit.
    pub(super) scale: f64,
    /// Width of a counter that stands still at all-ones; `None` when it wraps or is too wide to be filled.
    pub(super) saturates_at_bits: Option<u32>,
}

const fn count(path: &'static str) -> Row {
    Row { path, scale: 1.0, saturates_at_bits: None }
}

const fn errors(path: &'static str, bits: u32) -> Row {
    Row { path, scale: 1.0, saturates_at_bits: Some(bits) }
}

/// Data is counted in words of four bytes.
const fn words(path: &'static str) -> Row {
    Row { path, scale: 4.0, saturates_at_bits: None }
}

const fn millis(path: &'static str) -> Row {
    Row { path, scale: 0.001, saturates_at_bits: None }
}

metric_table! { ROWS: Row, METRICS;
    errors("counters/symbol_error", 16) => counter(
        "node_infiniband_symbol_error_total", Unit::None,
        "Minor errors on the lanes of the link.", "ports/<port>/counters/symbol_error, 16 bits wide"),
    errors("counters/link_error_recovery", 8) => counter(
        "node_infiniband_link_error_recovery_total", Unit::None,
        "Times that the link recovered from an error by retraining.", "ports/<port>/counters/link_error_recovery, 8 bits wide"),
    errors("counters/link_downed", 8) => counter(
        "node_infiniband_link_downed_total", Unit::None,
        "Times that the link went down because it could not recover; a reboot of the peer counts too.", "ports/<port>/counters/link_downed, 8 bits wide"),
    errors("counters/port_rcv_errors", 16) => counter(
        "node_infiniband_port_errors_received_total", Unit::None,
        "Packets received with an error.", "ports/<port>/counters/port_rcv_errors, 16 bits wide"),
    errors("counters/port_rcv_remote_physical_errors", 16) => counter(
        "node_infiniband_port_receive_remote_physical_errors_total", Unit::None,
        "Packets received that an upstream port had marked bad.", "ports/<port>/counters/port_rcv_remote_physical_errors, 16 bits wide"),
    errors("counters/port_rcv_switch_relay_errors", 16) => counter(
        "node_infiniband_port_receive_switch_relay_errors_total", Unit::None,
        "Packets that could not be forwarded.", "ports/<port>/counters/port_rcv_switch_relay_errors, 16 bits wide"),
    errors("counters/port_xmit_discards", 16) => counter(
        "node_infiniband_port_discards_transmitted_total", Unit::None,
        "Outgoing packets dropped because the port was down or congested.", "ports/<port>/counters/port_xmit_discards, 16 bits wide"),
    count("counters/port_rcv_discards") => counter(
        "node_infiniband_port_discards_received_total", Unit::None,
        "Incoming packets dropped because the port was down or congested.", "ports/<port>/counters/port_rcv_discards"),
    errors("counters/port_xmit_constraint_errors", 8) => counter(
        "node_infiniband_port_constraint_errors_transmitted_total", Unit::None,
        "Outgoing packets refused by partition or raw filter.", "ports/<port>/counters/port_xmit_constraint_errors, 8 bits wide"),
    errors("counters/port_rcv_constraint_errors", 8) => counter(
        "node_infiniband_port_constraint_errors_received_total", Unit::None,
        "Incoming packets refused by partition or raw filter.", "ports/<port>/counters/port_rcv_constraint_errors, 8 bits wide"),
    errors("counters/local_link_integrity_errors", 4) => counter(
        "node_infiniband_local_link_integrity_errors_total", Unit::None,
        "Times that local physical errors exceeded their threshold.", "ports/<port>/counters/local_link_integrity_errors, 4 bits wide"),
    errors("counters/excessive_buffer_overrun_errors", 4) => counter(
        "node_infiniband_excessive_buffer_overrun_errors_total", Unit::None,
        "Times that buffers overran in consecutive flow control periods.", "ports/<port>/counters/excessive_buffer_overrun_errors, 4 bits wide"),
    errors("counters/VL15_dropped", 16) => counter(
        "node_infiniband_vl15_dropped_total", Unit::None,
        "Management packets dropped for want of resources.", "ports/<port>/counters/VL15_dropped, 16 bits wide"),
    errors("counters/port_xmit_wait", 32) => counter(
        "node_infiniband_port_transmit_wait_total", Unit::None,
        "Ticks with data to send and none sent, for want of credits or arbitration.", "ports/<port>/counters/port_xmit_wait, 32 bits wide"),
    words("counters/port_xmit_data") => counter(
        "node_infiniband_port_data_transmitted_bytes_total", Unit::Bytes,
        "Bytes sent.", "ports/<port>/counters/port_xmit_data, 4-byte words"),
    words("counters/port_rcv_data") => counter(
        "node_infiniband_port_data_received_bytes_total", Unit::Bytes,
        "Bytes received.", "ports/<port>/counters/port_rcv_data, 4-byte words"),
    count("counters/port_xmit_packets") => counter(
        "node_infiniband_port_packets_transmitted_total", Unit::None,
        "Packets sent, those with errors included.", "ports/<port>/counters/port_xmit_packets"),
    count("counters/port_rcv_packets") => counter(
        "node_infiniband_port_packets_received_total", Unit::None,
        "Packets received, those with errors included.", "ports/<port>/counters/port_rcv_packets"),
    count("counters/unicast_xmit_packets") => counter(
        "node_infiniband_unicast_packets_transmitted_total", Unit::None,
        "Unicast packets sent.", "ports/<port>/counters/unicast_xmit_packets"),
    count("counters/unicast_rcv_packets") => counter(
        "node_infiniband_unicast_packets_received_total", Unit::None,
        "Unicast packets received.", "ports/<port>/counters/unicast_rcv_packets"),
    count("counters/multicast_xmit_packets") => counter(
        "node_infiniband_multicast_packets_transmitted_total", Unit::None,
        "Multicast packets sent.", "ports/<port>/counters/multicast_xmit_packets"),
    count("counters/multicast_rcv_packets") => counter(
        "node_infiniband_multicast_packets_received_total", Unit::None,
        "Multicast packets received.", "ports/<port>/counters/multicast_rcv_packets"),
    words("counters_ext/port_xmit_data_64") => counter(
        "node_infiniband_legacy_data_transmitted_bytes_total", Unit::Bytes,
        "Bytes sent (kernels before 4.5).", "ports/<port>/counters_ext/port_xmit_data_64, 4-byte words"),
    words("counters_ext/port_rcv_data_64") => counter(
        "node_infiniband_legacy_data_received_bytes_total", Unit::Bytes,
        "Bytes received (kernels before 4.5).", "ports/<port>/counters_ext/port_rcv_data_64, 4-byte words"),
    count("counters_ext/port_xmit_packets_64") => counter(
        "node_infiniband_legacy_packets_transmitted_total", Unit::None,
        "Packets sent (kernels before 4.5).", "ports/<port>/counters_ext/port_xmit_packets_64"),
    count("counters_ext/port_rcv_packets_64") => counter(
        "node_infiniband_legacy_packets_received_total", Unit::None,
        "Packets received (kernels before 4.5).", "ports/<port>/counters_ext/port_rcv_packets_64"),
    count("counters_ext/port_unicast_xmit_packets") => counter(
        "node_infiniband_legacy_unicast_packets_transmitted_total", Unit::None,
        "Unicast packets sent (kernels before 4.5).", "ports/<port>/counters_ext/port_unicast_xmit_packets"),
    count("counters_ext/port_unicast_rcv_packets") => counter(
        "node_infiniband_legacy_unicast_packets_received_total", Unit::None,
        "Unicast packets received (kernels before 4.5).", "ports/<port>/counters_ext/port_unicast_rcv_packets"),
    count("counters_ext/port_multicast_xmit_packets") => counter(
        "node_infiniband_legacy_multicast_packets_transmitted_total", Unit::None,
        "Multicast packets sent (kernels before 4.5).", "ports/<port>/counters_ext/port_multicast_xmit_packets"),
    count("counters_ext/port_multicast_rcv_packets") => counter(
        "node_infiniband_legacy_multicast_packets_received_total", Unit::None,
        "Multicast packets received (kernels before 4.5).", "ports/<port>/counters_ext/port_multicast_rcv_packets"),
    millis("hw_counters/lifespan") => gauge(
        "node_infiniband_lifespan_seconds", Unit::Seconds,
        "How long the adapter keeps counters before reading them anew.", "ports/<port>/hw_counters/lifespan, milliseconds"),
    count("hw_counters/duplicate_request") => counter(
        "node_infiniband_duplicate_requests_packets_total", Unit::None,
        "Requests received twice.", "ports/<port>/hw_counters/duplicate_request"),
    count("hw_counters/implied_nak_seq_err") => counter(
        "node_infiniband_implied_nak_seq_errors_total", Unit::None,
        "Acknowledgements with a sequence number beyond the expected one.", "ports/<port>/hw_counters/implied_nak_seq_err"),
    count("hw_counters/local_ack_timeout_err") => counter(
        "node_infiniband_local_ack_timeout_errors_total", Unit::None,
        "Times that a queue pair waited in vain for an acknowledgement.", "ports/<port>/hw_counters/local_ack_timeout_err"),
    count("hw_counters/np_cnp_sent") => counter(
        "node_infiniband_np_cnp_packets_sent_total", Unit::None,
        "Congestion notifications sent (RoCE).", "ports/<port>/hw_counters/np_cnp_sent"),
    count("hw_counters/np_ecn_marked_roce_packets") => counter(
        "node_infiniband_np_ecn_marked_roce_packets_received_total", Unit::None,
        "Packets received with a congestion mark (RoCE).", "ports/<port>/hw_counters/np_ecn_marked_roce_packets"),
    count("hw_counters/out_of_buffer") => counter(
        "node_infiniband_out_of_buffer_drops_total", Unit::None,
        "Packets dropped for want of receive work requests.", "ports/<port>/hw_counters/out_of_buffer"),
    count("hw_counters/out_of_sequence") => counter(
        "node_infiniband_out_of_sequence_packets_received_total", Unit::None,
        "Packets received out of sequence.", "ports/<port>/hw_counters/out_of_sequence"),
    count("hw_counters/packet_seq_err") => counter(
        "node_infiniband_packet_sequence_errors_total", Unit::None,
        "Negative acknowledgements for sequence errors received.", "ports/<port>/hw_counters/packet_seq_err"),
    count("hw_counters/req_cqe_error") => counter(
        "node_infiniband_req_cqes_errors_total", Unit::None,
        "Requests completed with an error.", "ports/<port>/hw_counters/req_cqe_error"),
    count("hw_counters/req_cqe_flush_error") => counter(
        "node_infiniband_req_cqes_flush_errors_total", Unit::None,
        "Requests flushed with an error.", "ports/<port>/hw_counters/req_cqe_flush_error"),
    count("hw_counters/req_remote_access_errors") => counter(
        "node_infiniband_req_remote_access_errors_total", Unit::None,
        "Requests refused by the remote side's access rights.", "ports/<port>/hw_counters/req_remote_access_errors"),
    count("hw_counters/req_remote_invalid_request") => counter(
        "node_infiniband_req_remote_invalid_request_errors_total", Unit::None,
        "Requests that the remote side found invalid.", "ports/<port>/hw_counters/req_remote_invalid_request"),
    count("hw_counters/resp_cqe_error") => counter(
        "node_infiniband_resp_cqes_errors_total", Unit::None,
        "Responses completed with an error.", "ports/<port>/hw_counters/resp_cqe_error"),
    count("hw_counters/resp_cqe_flush_error") => counter(
        "node_infiniband_resp_cqes_flush_errors_total", Unit::None,
        "Responses flushed with an error.", "ports/<port>/hw_counters/resp_cqe_flush_error"),
    count("hw_counters/resp_local_length_error") => counter(
        "node_infiniband_resp_local_length_errors_total", Unit::None,
        "Incoming messages longer than their buffer.", "ports/<port>/hw_counters/resp_local_length_error"),
    count("hw_counters/resp_remote_access_errors") => counter(
        "node_infiniband_resp_remote_access_errors_total", Unit::None,
        "Incoming requests without access rights.", "ports/<port>/hw_counters/resp_remote_access_errors"),
    count("hw_counters/rnr_nak_retry_err") => counter(
        "node_infiniband_rnr_nak_retry_packets_received_total", Unit::None,
        "Receiver-not-ready answers received.", "ports/<port>/hw_counters/rnr_nak_retry_err"),
    count("hw_counters/roce_adp_retrans") => counter(
        "node_infiniband_roce_adp_retransmits_total", Unit::None,
        "Adaptive retransmissions (RoCE).", "ports/<port>/hw_counters/roce_adp_retrans"),
    count("hw_counters/roce_adp_retrans_to") => counter(
        "node_infiniband_roce_adp_retransmits_timeout_total", Unit::None,
        "Adaptive retransmissions that timed out (RoCE).", "ports/<port>/hw_counters/roce_adp_retrans_to"),
    count("hw_counters/roce_slow_restart") => counter(
        "node_infiniband_roce_slow_restart_used_total", Unit::None,
        "Times that slow restart was used (RoCE).", "ports/<port>/hw_counters/roce_slow_restart"),
    count("hw_counters/roce_slow_restart_cnps") => counter(
        "node_infiniband_roce_slow_restart_cnps_total", Unit::None,
        "Congestion notifications made by slow restart (RoCE).", "ports/<port>/hw_counters/roce_slow_restart_cnps"),
    count("hw_counters/roce_slow_restart_trans") => counter(
        "node_infiniband_roce_slow_restart_total", Unit::None,
        "Times that the state changed to slow restart (RoCE).", "ports/<port>/hw_counters/roce_slow_restart_trans"),
    count("hw_counters/rp_cnp_handled") => counter(
        "node_infiniband_rp_cnp_packets_handled_total", Unit::None,
        "Congestion notifications obeyed (RoCE).", "ports/<port>/hw_counters/rp_cnp_handled"),
    count("hw_counters/rp_cnp_ignored") => counter(
        "node_infiniband_rp_cnp_ignored_packets_received_total", Unit::None,
        "Congestion notifications ignored (RoCE).", "ports/<port>/hw_counters/rp_cnp_ignored"),
    count("hw_counters/rx_atomic_requests") => counter(
        "node_infiniband_rx_atomic_requests_total", Unit::None,
        "Atomic requests received.", "ports/<port>/hw_counters/rx_atomic_requests"),
    count("hw_counters/rx_dct_connect") => counter(
        "node_infiniband_rx_dct_connect_requests_total", Unit::None,
        "Connection requests for dynamically connected targets received.", "ports/<port>/hw_counters/rx_dct_connect"),
    count("hw_counters/rx_read_requests") => counter(
        "node_infiniband_rx_read_requests_total", Unit::None,
        "Read requests received.", "ports/<port>/hw_counters/rx_read_requests"),
    count("hw_counters/rx_write_requests") => counter(
        "node_infiniband_rx_write_requests_total", Unit::None,
        "Write requests received.", "ports/<port>/hw_counters/rx_write_requests"),
    count("hw_counters/rx_icrc_encapsulated") => counter(
        "node_infiniband_rx_icrc_encapsulated_errors_total", Unit::None,
        "Packets received with a wrong invariant checksum (RoCE).", "ports/<port>/hw_counters/rx_icrc_encapsulated"),
}
