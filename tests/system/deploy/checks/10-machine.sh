# What a rented machine has and a namespace lacks: a network with a client on it, names, images.

# No right to raise limits here, and no controllers in the cgroup tree.
mkdir -p /etc/containers/containers.conf.d /etc/containers/registries.conf.d
printf '[containers]\ndefault_ulimits=["nofile=10000:10000","nproc=20000:20000"]\npids_limit=0\n' \
    >/etc/containers/containers.conf.d/test.conf
# The images that Containerfiles start from can't be pulled: their names lead to ones made here.
printf '[aliases]\n"rust"="localhost/rust"\n"debian"="localhost/debian"\n' \
    >/etc/containers/registries.conf.d/test.conf

readonly client4=192.0.2.2 server4=192.0.2.1 client6=2001:db8::2 server6=2001:db8::1
network() {
    ip netns add client
    ip link add server type veth peer name client netns client
    ip address add $server4/24 dev server
    ip address add $server6/64 dev server nodad
    ip link set server up
    ip -n client address add $client4/24 dev client
    ip -n client address add $client6/64 dev client nodad
    ip -n client link set client up
    ip -n client link set lo up
    # Another client, for the firewall to tell from the first.
    ip -n client address add 192.0.2.3/24 dev client
    local name
    for name in example.com www.example.com example.org {,www.}new.example {,www.}certified.example packaged.example; do
        echo "$server4 $name"
    done >>/etc/hosts
}
# A bound on each, so that a server which does not answer fails one check and holds up no other.
on_client() { timeout 100 ip netns exec client "$@"; }
fetch() { on_client curl -sS --max-time 20 "$@"; }

# One base for all three images: this machine's own files, without what only the machine needs.
base_image() {
    tar -C / --one-file-system -c \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' \
        --exclude='./usr/bin/podman' --exclude='./usr/bin/rclone' --exclude='./usr/bin/pebble*' \
        --exclude='./usr/bin/goaccess' --exclude='./usr/libexec/podman' --exclude='./usr/lib/podman' \
        --exclude='./usr/lib/modules' --exclude='./usr/lib/firmware' --exclude='./etc/containers' \
        ./usr ./etc ./bin ./lib ./lib64 ./sbin ./root ./tmp ./var/lib/apt ./var/lib/dpkg ./var/cache ./var/log |
        podman import -q - localhost/debian:trixie-slim
}

# Stands in for a Rust image, in which container/static runs as it does anywhere: this cargo
# "compiles" by copying the binary under test to where the target given would be.
builder_image() {
    cat >/lab/builder/cargo <<'CARGO'
#!/bin/sh
set -eu
[ "$1" = build ] || exit 0
while [ "$#" -gt 0 ]; do
    case "$1" in --target) target=$2 ;; esac
    shift
done
case "$RUSTFLAGS" in *crt-static*) ;; *) echo "not static"; exit 1 ;; esac
# All that a compiler needs is here, and nothing that would only make it run again.
# target is made by container/static, for its profile.
[ "$(echo * target/*)" = 'Cargo.lock Cargo.toml container src target target/profiles' ] || {
    echo "in the context:" *
    exit 1
}
install -D /usr/local/bin/shost "target/$target/release/shost"
CARGO
    printf '#!/bin/sh\necho "host: x86_64-unknown-linux-gnu"\n' >/lab/builder/rustc
    cp /lab/shost /lab/builder/shost
    chmod +x /lab/builder/*
    printf 'FROM localhost/debian:trixie-slim\nCOPY cargo rustc shost /usr/local/bin/\n' |
        podman build -q -t localhost/rust:1-trixie -f - /lab/builder
}

check "a client on the network" network
check "a base image" base_image
check "a builder image" builder_image
