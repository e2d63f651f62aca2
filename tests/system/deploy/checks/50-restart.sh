# Whatever happens to the server, no client is refused.

# Runs COMMAND one second into a load of SECONDS, and fails if either does.
under_load() { # SECONDS COMMAND...
    local seconds=$1 result=0 load
    shift
    on_client python3 /lab/test/load.py $ca/cert.pem "$seconds" >/tmp/load.json 2>&1 &
    load=$!
    sleep 1
    "$@" || result=$?
    wait "$load" || result=$?
    [ "$result" -eq 0 ] && echo "figure: $(cat /tmp/load.json)" || cat /tmp/load.json
    return "$result"
}
three_restarts() {
    local number
    for number in 1 2 3; do
        systemctl restart shost || return
        sleep 1
    done
}
updated() {
    local before
    before=$(podman inspect -f '{{.Image}}' shost)
    # Another image with the same binary: only a label differs.
    sed -i 's/^ARG REVISION=.*/ARG REVISION=next/' container/Containerfile
    readme update && [ "$(podman inspect -f '{{.Image}}' shost)" != "$before" ]
}
rolled_back() {
    local before
    before=$(podman inspect -f '{{.Image}}' shost)
    readme rollback && [ "$(podman inspect -f '{{.Image}}' shost)" != "$before" ]
}
restart_count() { systemctl show -P NRestarts shost; }
restarted_since() { [ "$(restart_count)" -gt "$1" ]; }
# What was in flight is lost with the process, what comes later waits: so ask after the kill.
killed() {
    local before
    before=$(restart_count)
    kill -KILL "$(server_pid)" && serves Hello https://example.com/ && restarted_since "$before"
}
# A server that hangs: the watchdog ends it, and the client that came meanwhile is served.
hung() {
    local before
    before=$(restart_count)
    kill -STOP "$(server_pid)"
    on_client curl -sS --max-time 90 --cacert $ca/cert.pem https://example.com/ | grep Hello && restarted_since "$before"
}
# A download that has begun is finished before the server goes.
finishes_download() {
    local load
    head -c 4000000 /dev/urandom >/var/lib/shost/example.com/big.bin
    on_client curl -sS --limit-rate 1M --cacert $ca/cert.pem -o /tmp/big.bin https://example.com/big.bin &
    load=$!
    sleep 1
    systemctl restart shost && wait "$load" && cmp /tmp/big.bin /var/lib/shost/example.com/big.bin
}
refused() { # curl's code for a connection that nobody accepts
    local code=0
    fetch -o /dev/null "$1" 2>/dev/null || code=$?
    [ "$code" -eq 7 ]
}

combined_line() {
    serves Hello https://example.com/ >/dev/null &&
        logged "^example.com(:443)? $client4 - - \\[[^]]+\\] \"GET / HTTP/[0-9.]+\" 200 [0-9]+ "
}
goaccess_report() {
    readme goaccess && grep -q "$client4" /root/report.html && grep -q 'example.com' /root/report.html
}

# One page over a TLS connection of openssl, and how the connection began.
connection() { # OPTION...
    printf 'GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: deploy\r\nConnection: close\r\n\r\n' |
        on_client openssl s_client -ign_eof -connect "$server4:443" -servername example.com "$@" 2>/dev/null |
        grep -a -E '^(New|Reused), '
}
known_after_restart() {
    connection -sess_out /tmp/session | grep '^New, TLSv1.3' && systemctl restart shost &&
        connection -sess_in /tmp/session | grep '^Reused, TLSv1.3'
}

check "three restarts under load" under_load 8 three_restarts
check "a client is known after a restart" known_after_restart
check "README: update, under load" under_load 8 updated
check "README: rollback, under load" under_load 5 rolled_back
blocks_run+='update rollback '
check "ten reloads under load" under_load 4 bash -c 'for i in $(seq 10); do systemctl reload shost; done'
check "a restart finishes the download in flight" finishes_download
check "a killed server comes back, nobody is refused" killed
check "the watchdog ends a server that hangs" hung
check_readme stop
check "a stopped server's ports are closed: 80" refused http://example.com/
check "a stopped server's ports are closed: 443" refused https://example.com/
check "starting the server opens them" systemctl start shost
check "and it serves" serves Hello https://example.com/
check_readme logs
check_readme combined
check "the log is in the combined format" combined_line
check "README: goaccess" goaccess_report
blocks_run+='goaccess '
