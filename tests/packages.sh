#!/usr/bin/env bash
# Installs the Debian packages that are missing. Arguments: what for (test, bench, lab).
set -euo pipefail

declare -A programs=(
    [/usr/lib/postgresql/15/bin/postgres]=postgresql-15
    [/sbin/mkfs.ext4]=e2fsprogs
    [/sbin/losetup]=mount
    [/usr/bin/setpriv]=util-linux
    [/usr/bin/cc]=gcc
    [/usr/bin/zstd]=zstd
    [/sbin/ip]=iproute2
    [/usr/bin/ibsim]=ibsim-utils
    [/usr/sbin/opensm]=opensm
    [/usr/sbin/ibportstate]=infiniband-diags
    [/usr/include/infiniband/verbs.h]=libibverbs-dev
    [/usr/bin/prometheus]=prometheus
    [/usr/bin/prometheus-alertmanager]=prometheus-alertmanager
    [/usr/bin/ceph-mon]=ceph-mon
    [/usr/bin/ceph-mgr]=ceph-mgr
    [/usr/bin/ceph-osd]=ceph-osd
    [/usr/bin/ceph]=ceph-common
    [/usr/share/ceph/mgr/prometheus/module.py]=ceph-mgr-modules-core
    [/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1]=faketime
    [/usr/sbin/mariadbd]=mariadb-server
    [/usr/bin/curl]=curl
    [/usr/lib/python3/dist-packages/grpc/__init__.py]=python3-grpcio
    [/usr/lib/python3/dist-packages/google/protobuf/__init__.py]=python3-protobuf
)
if [ "${1:-test}" = bench ]; then
    programs[/usr/bin/prometheus-node-exporter]=prometheus-node-exporter
    programs[/usr/bin/victoria-metrics]=victoria-metrics
    programs[/usr/bin/prometheus-postgres-exporter]=prometheus-postgres-exporter
    programs[/usr/bin/prometheus-mysqld-exporter]=prometheus-mysqld-exporter
fi
if [ "${1:-test}" = lab ]; then
    # What runs in the guest is copied from here; the guest's kernel is fetched by the laboratory and never installed.
    programs=(
        [/usr/bin/qemu-system-x86_64]=qemu-system-x86
        [/usr/share/seabios/bios-256k.bin]=seabios
        [/usr/share/doc/busybox-static/copyright]=busybox-static
        [/usr/bin/cpio]=cpio
        [/usr/bin/strip]=binutils
        [/bin/kmod]=kmod
        [/sbin/mdadm]=mdadm
        [/sbin/dmsetup]=dmsetup
        [/sbin/ip]=iproute2
        [/sbin/mkfs.ext4]=e2fsprogs
        [/usr/bin/ipmitool]=ipmitool
        [/usr/bin/setpriv]=util-linux
    )
fi
missing=()
for file in "${!programs[@]}"; do
    [ -e "$file" ] || missing+=("${programs[$file]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" != 0 ]; then
    echo "missing Debian packages: ${missing[*]}; install them or run as root" >&2
    exit 1
fi
echo "installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# The tests start every server themselves; the packages' own services stay off.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d.wardround
chmod +x /usr/sbin/policy-rc.d.wardround
[ -e /usr/sbin/policy-rc.d ] || { mv /usr/sbin/policy-rc.d.wardround /usr/sbin/policy-rc.d; made=1; }
rm -f /usr/sbin/policy-rc.d.wardround
trap '[ "${made:-0}" = 1 ] && rm -f /usr/sbin/policy-rc.d' EXIT
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
exit 0
