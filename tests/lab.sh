#!/usr/bin/env bash
# The hardware laboratory: real faults in a guest with a kernel of its own. Needs no hardware support for virtual machines.
set -euo pipefail
cd -P "$(dirname "$0")/.."

command -v cargo >/dev/null || { echo "Rust is missing: install rustup and a toolchain of at least 1.95 (https://rustup.rs)" >&2; exit 1; }
tests/packages.sh lab
# One folder for all of it, which goes also after Ctrl-C.
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
# Built as for the other tests, so that nothing is built twice.
cargo build --workspace --bins --test lab --locked
cargo test --workspace --test lab --locked -- --nocapture
