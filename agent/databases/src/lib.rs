//! agent-databases.
