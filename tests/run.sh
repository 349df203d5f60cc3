#!/usr/bin/env bash
# Runs the tests, one suite per crate, and prints the time of each. Argument: short (the default) or long.
set -euo pipefail
# Where cargo says that its packages are, also when the way here leads over a link.
cd -P "$(dirname "$0")/.."

command -v cargo >/dev/null || { echo "Rust is missing: install rustup and a toolchain of at least 1.95 (https://rustup.rs)" >&2; exit 1; }
command -v node >/dev/null || { echo "Node.js is missing: install version 18 or later" >&2; exit 1; }
tests/packages.sh test
[ "${1:-short}" = long ] && tests/packages.sh lab

export WARDROUND_TESTS=${1:-short}
times=()
failed=0
timed() { # name, command...: what fails is told at the end, and the rest goes on
    local name=$1 before=$SECONDS word=
    shift
    "$@" || { failed=1 word="  FAILED"; }
    times+=("$(printf '%5d s  %s%s' $((SECONDS - before)) "$name" "$word")")
}

# With every feature that is off in a plain build, so that it is tested too; the plain one is linted.
features=(--features agent/rdma,agent/oracle,agent/sqlserver)
timed "build" cargo build --workspace --all-targets --locked "${features[@]}"
[ $failed = 0 ] || exit 1
# Every test program as cargo built it for the whole workspace: asking cargo crate by crate would build the dependencies
# again for each crate's own choice of features.
programs=$(cargo test --workspace --no-run --locked "${features[@]}" --message-format=json 2>/dev/null | node -e '
    for (const line of require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean)) {
        const built = JSON.parse(line);
        if (!built.executable || !built.profile?.test) continue;
        // The hardware laboratory is a suite of its own, which only the long form runs.
        const folder = require("path").dirname(built.manifest_path);
        console.log(`${built.target.name === "lab" ? `${folder}/lab` : folder}\t${built.executable}`);
    }')
suite() { # crate's folder, arguments...
    local folder=$1 status=0 ran=0
    shift
    while IFS=$'\t' read -r home program; do
        [ "$home" = "$PWD/$folder" ] || continue
        ran=1
        (cd "$home" && CARGO_MANIFEST_DIR=$home "$program" "$@" </dev/null) || status=1
    done <<<"$programs"
    [ $ran = 1 ] || { echo "no test program was built in $folder" >&2; status=1; }
    return $status
}
for crate in $(sed -n 's/^    "\(.*\)",$/\1/p' Cargo.toml); do
    [ "$crate" = tests ] && continue
    timed "$crate" suite "$crate" --quiet
done
# Whole daemons with real faults judge the machine's own load: one after the other.
timed "tests" suite tests --test-threads=1 --nocapture
[ "$WARDROUND_TESTS" = long ] && timed "tests/lab" suite tests/lab --nocapture

printf '\ntime per suite:\n'
printf '%s\n' "${times[@]}"
exit $failed
