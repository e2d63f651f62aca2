#!/bin/bash
# machine.sh ROOTFS SCRATCH LAB: in fresh namespaces, lays an overlay over ROOTFS, mounts what a
# machine has, and becomes its init. Nothing is written to ROOTFS.
set -euo pipefail

rootfs=$1 scratch=$2 lab=$3
hostname shost-deploy
ip link set lo up
mount -t tmpfs -o size=6g tmpfs "$scratch"
mkdir "$scratch"/{upper,work,root}
mount -t overlay -o "lowerdir=$rootfs,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$scratch/root"
cd "$scratch/root"

mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
# Container images need a file system that an overlay can lie upon; sites and their certificates
# get one that tells of changes at once.
mkdir -p var/lib/containers lab
mount -t tmpfs tmpfs var/lib/containers

mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
for node in null zero full random urandom tty; do
    cp -a "/dev/$node" "dev/$node"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for number in 0:stdin 1:stdout 2:stderr; do
    ln -s "fd/${number%%:*}" "dev/${number##*:}"
done
: >dev/console

mount --bind "$lab" lab
mkdir .old
pivot_root . .old
cd /
umount -l /.old
# Volumes of containers are mounted rslave, which needs a shared mount to be a slave of.
mount --make-rshared /
# Not Docker, not nspawn: a value that systemd knows nothing special about.
exec env -i PATH=/usr/sbin:/usr/bin container=namespaces \
    /usr/lib/systemd/systemd --system --log-target=journal --show-status=false </dev/null
