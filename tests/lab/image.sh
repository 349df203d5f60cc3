#!/usr/bin/env bash
# Makes the guest's initramfs: Debian's kernel modules, a few of this host's programs with their libraries, the agent.
# Arguments: folder that keeps the kernel between runs, the agent, the initramfs to write. Prints the kernel's path.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$1 agent=$2 result=$3

# Debian's kernel, unpacked and never installed: Debian 12's is the one that the faults were tried with.
if [ ! -e "$cache/kernel" ]; then
    mkdir -p "$cache"
    rm -rf "$cache/new" && mkdir "$cache/new"
    latest() { apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*-amd64\)$/\1/p' | head -n 1; }
    [ -n "$(latest)" ] || apt-get update -qq
    # As root it would change to a user who may not write here.
    (cd "$cache/new" && apt-get -o APT::Sandbox::User=root download -qq "$(latest)" >/dev/null)
    dpkg -x "$cache"/new/*.deb "$cache/new"
    rm "$cache"/new/*.deb
    depmod -b "$cache/new" "$(ls "$cache/new/lib/modules")"
    mv "$cache/new" "$cache/kernel"
fi
kernel=$cache/kernel
release=$(ls "$kernel/lib/modules")

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{usr/{bin,sbin,lib,lib64},proc,sys,dev,run,tmp,data,etc/wardround,var/lib,modules}
for name in bin sbin lib lib64; do
    ln -s "usr/$name" "$root/$name"
done

# A file under the path by which it is asked for, whatever links lead to it.
put() { install -D -m 0755 "$1" "$root$(realpath "$(dirname "$1")")/$(basename "$1")"; }
libraries() {
    local library
    for library in $(ldd "$1" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^\s*\(\/[^ ]*\) (.*/\1/p'); do
        put "$library"
    done
}
put /bin/busybox
for name in sh mount; do
    ln -s busybox "$root/bin/$name"
done
for name in ip rdma mdadm dmsetup ipmitool perl; do
    put "$(command -v "$name")"
    libraries "$(command -v "$name")"
done
libraries "$agent"
strip -o "$root/bin/wardround-agent" "$agent"

# Modules in the order of loading, each once; without those for instructions that the guest's processor has not.
while read -r module; do
    modprobe -C /dev/null -d "$kernel" -S "$release" --show-depends "$module"
done <"$here/modules" | sed -n '/\/arch\//d; s/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r file; do
    cp "$file" "$root/modules/"
    echo "/modules/$(basename "$file")"
done >"$root/modules.load"

install -m 0755 "$here/init" "$root/init"
install -m 0644 "$here/agent.toml" "$root/etc/wardround/agent.toml"
(cd "$root" && find . -print0 | cpio --null --create --format=newc --owner=0:0 --quiet) >"$result.new"
mv "$result.new" "$result"
echo "$kernel/boot/vmlinuz-$release"
