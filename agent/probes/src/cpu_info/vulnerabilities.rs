//! `/sys/devices/system/cpu/vulnerabilities`: a file for each known weakness of CPUs.

use crate::attribute::Round;
use crate::metric::info;
use shared_model::Metric;
use std::path::Path;

pub(super) static INFO: Metric = info(
    "node_cpu_vulnerabilities_info",
    "A known weakness of CPUs: whether these have it and what the kernel does about it.",
    "/sys/devices/system/cpu/vulnerabilities/<codename>",
);

/// The kernel knows some twenty.
const MAX_WEAKNESSES: usize = 64;

pub(super) fn read(folder: &Path, round: &mut Round<'_>) {
    for name in round.names(folder, MAX_WEAKNESSES) {
        let Some(text) = round.some_text(&folder.join(&*name)) else { continue };
        let (state, mitigation) = parse(&text);
        let labels = [("codename", &*name), ("state", state), ("mitigation", mitigation)];
        round.put(&INFO, &labels, 1.0);
    }
}

/// State and mitigation as node_exporter names them.
fn parse(text: &str) -> (&str, &str) {
    // `KVM: Mitigation: VMX disabled` on some kernels.
    let text = text.strip_prefix("KVM: ").unwrap_or(text);
    if text.starts_with("Not affected") {
        return ("not affected", "");
    }
    let (head, rest) = text.split_once(": ").unwrap_or((text, ""));
    match head {
        "Mitigation" => ("mitigation", rest),
        "Vulnerable" => ("vulnerable", rest),
        _ => ("unknown", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the forms that kernels write. Guarantees: the state, and the mitigation without its head.
    #[test]
    fn forms_are_told_apart() {
        assert_eq!(parse("Not affected"), ("not affected", ""));
        assert_eq!(parse("Vulnerable"), ("vulnerable", ""));
        assert_eq!(parse("Vulnerable: No microcode"), ("vulnerable", "No microcode"));
        assert_eq!(parse("Mitigation: PTI"), ("mitigation", "PTI"));
        assert_eq!(parse("KVM: Mitigation: VMX disabled"), ("mitigation", "VMX disabled"));
        assert_eq!(parse("Unknown: Dependent"), ("unknown", "Unknown: Dependent"));
    }
}
