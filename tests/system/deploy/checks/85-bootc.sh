# The example of a whole machine as an image, on a stand-in for its base.

# This machine's files do for a base; its dnf and its bootc only know whether they were asked for something.
bootc_base() {
    local tool
    mkdir -p /lab/bootc || return
    for tool in dnf bootc; do
        printf '#!/bin/sh\necho "%s $*" >>/%s.log\n' "$tool" "$tool" >"/lab/bootc/$tool" && chmod +x "/lab/bootc/$tool" || return
    done
    printf 'FROM localhost/debian:trixie-slim\nCOPY dnf bootc /usr/bin/\n' |
        podman build -q -t localhost/bootc-base -f - /lab/bootc
}
machine_image() {
    podman build -q --build-arg BASE=localhost/bootc-base -t localhost/machine -f container/bootc/Containerfile .
}
# Quadlet accepts the units, the firewall its zone, and every unit to enable is.
machine_has_it_all() {
    podman run --rm --network none --entrypoint /bin/sh localhost/machine -euc '
        grep -q "^dnf install -y firewalld podman rsync zram-generator$" /dnf.log
        firewall-offline-cmd --check-config
        test "$(firewall-offline-cmd --get-default-zone)" = shost
        id shost-deploy
        test "$(cat /bootc.log)" = "bootc container lint"
        test "$(stat -c %a /etc/ssh/keys/root)" = 600
        grep -q "^AuthorizedKeysFile /etc/ssh/keys/%u$" /etc/ssh/sshd_config.d/10-keys.conf
        for unit in $(grep -v "^#" /usr/share/machine/disable.txt); do
            test "$(systemctl --root=/ is-enabled "$unit")" = masked
        done
        for unit in $(grep -v "^#" /usr/share/machine/enable.txt); do systemctl --root=/ is-enabled "$unit"; done'
}
machine_quadlets() {
    local root units
    root=$(podman image mount localhost/machine) &&
        units=$(QUADLET_UNIT_DIRS=$root/etc/containers/systemd /usr/libexec/podman/quadlet -dryrun) || return
    podman image unmount localhost/machine
    [ "$(grep -c 'registry.example/you/' <<<"$units")" -ge 3 ]
}

check "a base for the machine image" bootc_base
check "the machine image is built" machine_image
check "it has packages, users, units, firewall" machine_has_it_all
check "its quadlets run the images that overlay/ names" machine_quadlets
