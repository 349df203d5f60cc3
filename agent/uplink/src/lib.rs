//! agent-uplink.
