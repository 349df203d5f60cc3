//! What the silence of a node is called, by whoever decides, tells or lists it.

/// The rule that judges whether a node is heard, and the cause of an incident while nothing more is known, or a witness sees it
/// alive.
pub const NODE_SILENT: &str = "monitoring.node_silent";

/// The cause when no peer reaches it. Its check is that of [`NODE_SILENT`].
pub const NODE_LOST: &str = "monitoring.node_lost";

/// The cause when several were lost at once. Its checks are those of the nodes that it links.
pub const NODES_LOST: &str = "monitoring.nodes_lost";

/// The rule whose judgement decides about a cause.
pub fn check_of(cause: &str) -> &str {
    if cause == NODE_LOST { NODE_SILENT } else { cause }
}
