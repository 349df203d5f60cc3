#!/usr/bin/env bash
# Measures the daemons beside their peers on this machine and prints one table. Takes about half an hour after the build.
# Each measurement alone, with other sizes: `target/release/wardround-load --help`. WARDROUND_RECORDING names a recording whose values are replayed (see tests/src/load/capture.rs).
# Ends with an error only when something could not be measured: a missed promise is a result.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo >/dev/null || { echo "Rust is missing: install rustup and a toolchain of at least 1.95 (https://rustup.rs)" >&2; exit 1; }
tests/packages.sh bench
cargo build --release --locked -p agent -p collector -p tests --bin wardround-agent --bin wardround-collector --bin wardround-load

folder=${CARGO_TARGET_DIR:-target}/release
recording=${WARDROUND_RECORDING:-../shared/capture/capture.bin.zst}
[ -e "$recording" ] && replay=(--recording "$recording") || replay=()
rows=$(mktemp /tmp/wardround-rows-XXXXXX)
trap 'rm -f "$rows"' EXIT
failed=0
commands=()
within=()

measure() { # subcommand, options...
    local command=("${within[@]}" "$folder/wardround-load" --binaries "$folder" "$@")
    commands+=("${command[*]}   (load average before: $(cut -d' ' -f1-3 /proc/loadavg))")
    echo "measuring: $*" >&2
    # The program stops what it started when it is told to end, so it may be told.
    timeout --signal=TERM --kill-after=60 1200 "${command[@]}" >>"$rows" || { echo "could not be measured: $*" >&2; failed=1; }
}

printf 'quantity\twardround\tpeer\tpromise\t\tratio, notes\n' >"$rows"
measure agent --windows 5 --window-seconds 30
measure agent --default-intervals --windows 3 --window-seconds 30
measure growth
measure databases
measure ingest --nodes 50 --series 300 --rounds 240 --turns 4 "${replay[@]}"
measure latency --nodes 50 --series 300 --seconds 60 "${replay[@]}"
measure breach --trials 60
# What was written to the kernel's log within the last hour has its incident at once. Here the clock since boot is 59 minutes ahead,
# so that an earlier run's messages are older than that.
within=(unshare --time --boottime 3540)
measure events --trials 60

echo
awk -F '\t' '
    { for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } columns = NF }
    END { for (row = 1; row <= NR; row++) { for (i = 1; i < columns; i++) printf "%-*s  ", width[i], cell[row, i]; print cell[row, columns] } }
' "$rows"
echo
printf '%s\n' "${commands[@]}"
echo "Medians [smallest..largest] of the windows or turns. CPU is the kernel's account of the process (schedstat, or utime + stime), never wall time."
echo "Wire bytes are those that pass a counting TCP proxy, TLS included, without the headers of TCP and IP; of a scrape, the answer with its HTTP headers."
echo "Peers: $(dpkg-query -W -f '${Package} ${Version}, ' prometheus prometheus-node-exporter prometheus-postgres-exporter prometheus-mysqld-exporter victoria-metrics postgresql-15 mariadb-server | sed 's/, $//')"
echo "Machine: $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo), Linux $(uname -r), load average after $(cut -d' ' -f1-3 /proc/loadavg)"
exit $failed
