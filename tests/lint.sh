#!/usr/bin/env bash
# Formatting, lints and, where cargo-deny is installed, licences and sources.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
cargo clippy -p agent -p agent-fabric -p agent-databases --all-targets --features agent/rdma,agent/oracle,agent/sqlserver --locked -- -D warnings
for script in deploy/demo/*.mjs deploy/demo/*/*.mjs; do node --check "$script"; done
if cargo deny --version >/dev/null 2>&1; then
    cargo deny --locked --offline check licenses bans sources
else
    echo "cargo-deny is not installed: licences and sources were not checked (cargo install cargo-deny)"
fi
