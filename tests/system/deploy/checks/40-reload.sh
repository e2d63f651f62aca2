# Reload: waits, fails loudly, and changes nothing when it fails.

readonly pair=/etc/shost/tls/example.org

reload_count() { journalctl -u shost -o cat | grep -c 'reloaded'; }

# The new site is there when `systemctl reload` comes back, not some time later.
reload_waits() {
    mkdir /var/lib/shost/added.example
    echo '<h1>Added</h1>' >/var/lib/shost/added.example/index.html
    readme reload && serves Added --resolve "added.example:80:$server4" http://added.example/
}
break_certificate() {
    cp "$pair/cert.pem" /tmp/good.pem
    echo 'not a certificate' >"$pair/cert.pem"
}
reload_fails() { fails systemctl reload shost; }
reason_in_journal() { logged 'example.org/cert.pem'; }
mend_certificate() { cp /tmp/good.pem "$pair/cert.pem" && systemctl reload shost; }
reload_by_signal() {
    local before
    before=$(reload_count)
    podman kill --signal HUP shost && eventually reloaded_since "$before"
}
reloaded_since() { [ "$(reload_count)" -gt "$1" ]; }
# As a container does that may write to the sites and nothing else.
reload_by_touch() {
    local before
    before=$(reload_count)
    setpriv --reuid=65533 --regid=65532 --clear-groups touch /var/lib/shost/reload &&
        eventually reloaded_since "$before" && [ ! -e /var/lib/shost/reload ]
}
# More than the limit of starts that systemd has for units by default.
many_touches() {
    local number
    for number in $(seq 12); do
        touch /var/lib/shost/reload
        sleep 0.15
    done
    sleep 1
    systemctl is-active -q reload-shost.path && reload_by_touch
}
touch_with_broken_certificate() {
    break_certificate
    touch /var/lib/shost/reload
    eventually systemctl is-failed -q reload-shost.service && serves Second https://example.org/
}

check "README: reload, which waits for the new site" reload_waits
blocks_run+='reload '
check "a certificate breaks" break_certificate
check "systemctl reload fails" reload_fails
check "the journal has the reason" reason_in_journal
check "the broken site is still served" serves Second https://example.org/
check "the service is still active" systemctl is-active -q shost
check "a mended certificate reloads" mend_certificate
check "SIGHUP reloads" reload_by_signal
check "touching the reload file reloads" reload_by_touch
check "touching it often does no harm" many_touches
check "a bad reload by touch fails its unit, the site is served" touch_with_broken_certificate
check "and is mended" mend_certificate
