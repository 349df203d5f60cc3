//! agent-probes.
