# The bare binary under systemd's own confinement, in place of the container.

container_away() {
    readme stop && rm -r /etc/containers/systemd/shost.container /etc/containers/systemd/shost.container.d
}
# The exposure that the README names, or less.
security() {
    local figure stated
    figure=$(systemd-analyze security --no-pager shost | sed -n 's/.*Overall exposure level for shost.service: \([0-9.]*\).*/\1/p')
    stated=$(sed -n 's/.*rates it at \([0-9.]*\) of 10.*/\1/p' "$readme")
    awk -v figure="$figure" -v stated="$stated" 'BEGIN { exit !(figure != "" && figure <= stated) }' ||
        { echo "rated $figure, the README says $stated"; return 1; }
    echo "figure: $figure of 10"
}
main_pid() { systemctl show -P MainPID shost; }
bare_has() { grep -E "$1" "/proc/$(main_pid)/status"; }
bare_hung() {
    local before
    before=$(restart_count)
    kill -STOP "$(main_pid)"
    on_client curl -sS --max-time 90 --cacert $ca/cert.pem https://example.com/ | grep Hello && restarted_since "$before"
}

check "the container is removed" container_away
check_readme bare 's|/path/to/shost|/lab/shost|'
check "its unit passes systemd-analyze verify" units_verify shost.service
check "starting the sockets" systemctl start shost-http.socket shost-https.socket
check "the first request starts the bare server" serves Deployed https://example.com/
check "and speaks HTTP/3" speaks_quic example.com
check "as a user of its own" bare_has '^Uid:.65532.65532'
check "without capabilities" bare_has '^CapEff:.0+$'
check "systemd-analyze security" security
check "a reload" systemctl reload shost
check "a certificate breaks" break_certificate
check "a bad reload fails" reload_fails
check "and is mended" mend_certificate
sed -i "s,<h1>.*,<h1>Hello</h1>," /var/lib/shost/example.com/index.html
check "three restarts of the bare server under load" under_load 6 three_restarts
check "the watchdog ends a bare server that hangs" bare_hung
check "a client is known after a restart of the bare server" known_after_restart
# In place of the container, with the options that are there already.
bare_certify() {
    rm -r /etc/containers/systemd/shost-certify.container /etc/containers/systemd/shost-certify.container.d
    sed -i "s,^SHOST_ACME_CA=.*,SHOST_ACME_CA=/etc/shost/certify-authority.pem," /etc/shost/certify.env
    readme bare-certify
}
bare_renewal() {
    local pair=/etc/shost/tls/certified.example before
    before=$(sha256sum $pair/cert.pem)
    rm -r $pair && systemctl start shost-certify && [ "$before" != "$(sha256sum $pair/cert.pem)" ]
}
blocks_run+='bare-certify '
check "README: bare-certify" bare_certify
check "the unit of certify passes systemd-analyze verify" units_verify shost-certify.service
check "a certificate by the bare binary" bare_renewal
check "is served" issued_serves Certified https://certified.example/
