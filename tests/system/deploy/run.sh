#!/bin/bash
# run.sh BINARY: boots a real systemd in namespaces and tries the whole hosting setup on it, by
# the words of quadlet/README.md. BINARY is a static shost.
#
# Needs root on Debian 12 or later, a cgroup2 mount and namespaces; installs what it uses itself.
# Nothing leaves the namespaces but the packages of the root file system, from the mirror apt uses.
# That file system is kept in $SHOST_CACHE (default: ${XDG_CACHE_HOME:-~/.cache}/shost).
#
# Exit code 77: this machine is not one on which it can be tried, and says what is missing. Nothing
# is known of shost then, neither good nor bad.
#
#   rootfs.sh     makes the root file system, once
#   machine.sh    lays out the machine's mounts and becomes its init
#   inside.sh     the test, run inside the machine; its parts are in checks/
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../../.." && pwd)
binary=$(realpath "${1:?usage: run.sh BINARY}")
cache=${SHOST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/shost}
# A test that hangs must not hold up a whole CI run.
readonly limit_seconds=1200

step() { printf '[%4ss] %s\n' "$SECONDS" "$*"; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

impossible() {
    printf 'not run: %s\n' "$*" >&2
    exit 77
}

[ -x "$binary" ] || die "$binary is not an executable file"
[ "$(id -u)" = 0 ] || impossible "it needs root"
controllers=/sys/fs/cgroup
[ -f "$controllers/cgroup.controllers" ] || controllers=/sys/fs/cgroup/unified
[ -f "$controllers/cgroup.controllers" ] || impossible "no cgroup2 mount below /sys/fs/cgroup"
# The state of the namespaces is the kernel's to keep; a scratch folder holds the rest.
work=$(mktemp -d "${TMPDIR:-/tmp}/shost-deploy.XXXXXX")
outer='' init='' cgroup=''

cleanup() {
    # With the init dies everything in its PID namespace, and with the last process the mounts.
    [ -z "$init" ] || kill -KILL "$init" 2>/dev/null || true
    [ -z "$outer" ] || kill -KILL "$outer" 2>/dev/null || true
    [ -z "$outer" ] || wait "$outer" 2>/dev/null || true
    for _ in $(seq 100); do
        [ -n "$cgroup" ] && [ -d "$cgroup" ] || break
        find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# What machine.sh does, in small.
cgroup=$controllers/$(basename "$work")
mkdir "$cgroup" 2>/dev/null || impossible "no cgroup can be made in $controllers"
mkdir "$work/trial"
unshare --mount --pid --fork --cgroup --net --uts --ipc --propagation private -- sh -euc '
    mount -t tmpfs tmpfs "$1" && cd "$1" && mkdir lower upper work root proc cgroup
    mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay root
    mount -t proc proc proc
    mount -t cgroup2 cgroup2 cgroup
' sh "$work/trial" || impossible "no namespaces, or no right to mount in them"

missing=()
command -v ip >/dev/null || missing+=(iproute2)
command -v pgrep >/dev/null || missing+=(procps)
if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

rootfs=$("$here/rootfs.sh" "$cache") || impossible "the root file system could not be made"
step "root file system: $rootfs"

# What the machine sees as /lab.
mkdir -p "$work/machine" "$work/lab/project" "$work/lab/builder"
cp -a "$here" "$work/lab/test"
cp -a "$project/container" "$project/quadlet" "$work/lab/project/"
cp -a "$project/Cargo.toml" "$project/Cargo.lock" "$project/src" "$project/README.md" \
    "$project/docs" "$work/lab/project/"
install -m 0755 "$binary" "$work/lab/shost"
package=$("$project/container/deb" "$binary" "$work/package")
mv "$package" "$work/lab/shost.deb"

(
    echo "$BASHPID" >"$cgroup/cgroup.procs"
    exec unshare --mount --pid --fork --kill-child=SIGKILL --cgroup --net --uts --ipc \
        --propagation private -- "$here/machine.sh" "$rootfs" "$work/machine" "$work/lab"
) &
outer=$!

for _ in $(seq 300); do
    kill -0 "$outer" 2>/dev/null || die "the machine did not start"
    init=$(pgrep -P "$outer" || true)
    [ -n "$init" ] && [ "$(cat "/proc/$init/comm" 2>/dev/null)" = systemd ] && break
    sleep 0.1
done
[ -n "$init" ] || die "the machine's init did not start"
inside=(nsenter -t "$init" -m -p -n -u -i -C -- env -C / -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8)
for _ in $(seq 300); do
    "${inside[@]}" systemctl is-active -q multi-user.target 2>/dev/null && break
    sleep 0.1
done
step "booted: $("${inside[@]}" systemctl is-system-running 2>&1 || true)"

result=0
# In the background, since a shell handles a signal only once its foreground command has ended.
timeout --foreground "$limit_seconds" "${inside[@]}" /bin/bash /lab/test/inside.sh &
wait "$!" || result=$?
if [ "$result" -ne 0 ]; then
    step "failed ($result); the machine's journal ends with:"
    "${inside[@]}" journalctl -b --no-pager -n "${SHOST_JOURNAL_LINES:-150}" -o short-precise | cut -c1-240 || true
fi
# The inside prints the count; a test cut short counts as failed too.
[ -s "$work/lab/count" ] || echo '0 passed, 1 failed' >"$work/lab/count"
step "done"
tail -n 1 "$work/lab/count"
exit "$result"
