#!/usr/bin/env bash
# Runs the tests, one suite per crate, and prints the time of each. Argument: short (the default) or long.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo >/dev/null || { echo "Rust is missing: install rustup and a toolchain of at least 1.95 (https://rustup.rs)" >&2; exit 1; }
command -v node >/dev/null || { echo "Node.js is missing: install version 18 or later" >&2; exit 1; }
tests/packages.sh test

export WARDROUND_TESTS=${1:-short}
times=()
timed() { # name, command...
    local name=$1 before=$SECONDS
    shift
    "$@"
    times+=("$(printf '%5d s  %s' $((SECONDS - before)) "$name")")
}

timed "build" cargo build --workspace --all-targets --locked
for crate in $(sed -n 's/^    "\(.*\)",$/\1/p' Cargo.toml); do
    [ "$crate" = tests ] && continue
    timed "$crate" cargo test --locked -q -p "${crate//\//-}"
done
# Whole daemons with real faults judge the machine's own load: one after the other.
timed "tests" cargo test --locked -p tests -- --test-threads=1 --nocapture

printf '\ntime per suite:\n'
printf '%s\n' "${times[@]}"
