#!/bin/bash
# rootfs.sh CACHE: prints the path of a Debian root file system with systemd, Podman and what the
# test uses; makes it if it is not in CACHE yet.
set -euo pipefail

readonly suite=trixie
packages=(
    systemd systemd-sysv dbus
    podman crun conmon netavark aardvark-dns nftables iproute2 procps
    firewalld
    curl ca-certificates openssl python3-minimal
    certbot pebble
    openssh-client openssh-server rsync rclone
    goaccess
)
# Of the machine's own units only these are wanted: they look for hardware, or for the network.
masked=(
    apt-daily-upgrade.timer apt-daily.timer certbot.timer console-getty.service dpkg-db-backup.timer
    firewalld.service fstrim.timer getty.target netavark-dhcp-proxy.socket podman-auto-update.timer
    podman.socket ssh.service sshd-keygen.service systemd-logind.service systemd-modules-load.service
    systemd-pstore.service
)

# Another list of packages is another root file system.
cache=$1
name=rootfs-$suite-$(printf '%s ' "${packages[@]}" "${masked[@]}" | sha256sum | cut -c1-12)
target=$cache/$name
mkdir -p "$cache"
# Two runs at a time make it once.
exec 9>"$cache/lock"
flock 9
if [ ! -e "$target/.complete" ]; then
    {
        if ! command -v mmdebstrap >/dev/null; then
            apt-get update
            DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends mmdebstrap
        fi
        # The mirror of the machine's own Debian has the other releases as well.
        release=$(. /etc/os-release && echo "$VERSION_CODENAME")
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $release" 'Component: main' |
            head -n 1)
        [ -n "$mirror" ] || { echo "error: apt knows no mirror"; exit 1; }
        # Only the newest is kept.
        rm -rf "$cache"/rootfs-"$suite"-*
        include=$(IFS=,; echo "${packages[*]}")
        # The package lists stay: images are built inside, where there is no network.
        mmdebstrap --variant=minbase --mode=root --skip=cleanup/apt/lists --include="$include" \
            "$suite" "$target" "$mirror"
        for unit in "${masked[@]}"; do
            rm -f "$target"/etc/systemd/system/*.wants/"$unit"
        done
        ln -sf /dev/null "$target/etc/systemd/system/systemd-modules-load.service"
        ln -sf /dev/null "$target/etc/systemd/system/systemd-logind.service"
        ln -sf /dev/null "$target/etc/systemd/system/console-getty.service"
        touch "$target/.complete"
    } >&2
fi
echo "$target"
