# certbot against a certificate authority of the test's own (pebble): a new site gets its
# certificate, and shost serves it without a restart.

readonly acme=/tmp/acme

start_authority() {
    mkdir -p $acme && cd $acme || return
    # The authority's own HTTPS, for certbot to trust.
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' -keyout api.key -out api.csr &&
        openssl x509 -req -in api.csr -CA $ca/cert.pem -CAkey $ca/key.pem -CAcreateserial -days 30 -out api.pem \
            -extfile <(echo 'subjectAltName=DNS:localhost') || return
    cat >pebble.json <<JSON
{"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
 "certificate": "$acme/api.pem", "privateKey": "$acme/api.key", "httpPort": 80, "tlsPort": 443,
 "ocspResponderURL": "", "externalAccountBindingRequired": false}}
JSON
    systemd-run -q --unit=acme-dns pebble-challtestsrv -defaultIPv4 $server4 -defaultIPv6 '' \
        -dns01 127.0.0.1:8053 -http01 '' -https01 '' -tlsalpn01 '' -management 127.0.0.1:8055
    systemd-run -q --unit=acme -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 \
        pebble -config $acme/pebble.json -dnsserver 127.0.0.1:8053
    eventually curl -sSf --cacert $ca/cert.pem https://localhost:14000/dir &&
        curl -sSf --cacert $ca/cert.pem https://localhost:15000/roots/0 -o $acme/root.pem
}
# The one thing that differs from the README: another authority than Let's Encrypt.
use_authority() {
    echo 'server = https://localhost:14000/dir' >>/etc/shost/certbot/cli.ini
    cp $ca/cert.pem /etc/shost/certbot/authority.pem
    mkdir -p /etc/containers/systemd/certbot.container.d
    printf '[Container]\nEnvironment=REQUESTS_CA_BUNDLE=/etc/shost/certbot/authority.pem\n' \
        >/etc/containers/systemd/certbot.container.d/test.conf
    systemctl daemon-reload
}
# Not known to shost yet: certbot's run has it reloaded before it asks for the certificate.
new_site() {
    mkdir /var/lib/shost/new.example
    echo '<h1>New</h1>' >/var/lib/shost/new.example/index.html
    chown -R shost-deploy:shost /var/lib/shost/new.example
    rm -rf /var/lib/shost/added.example
}
has_files() {
    local name
    for name in new.example www.new.example; do
        [ "$(stat -c '%U:%G %a' "/etc/shost/tls/$name/key.pem")" = 'shost-deploy:shost 640' ] || return
    done
    [ -z "$(find /etc/shost/tls -maxdepth 1 -name '.*' -type d)" ]
}
issued_serves() { # TEXT CURL-ARGUMENTS...
    local wanted=$1
    shift
    eventually issued_has "$wanted" "$@"
}
issued_has() {
    local wanted=$1
    shift
    fetch --fail --cacert $acme/root.pem "$@" | grep -F "$wanted"
}
serial() { openssl x509 -noout -serial -in /etc/shost/tls/new.example/cert.pem; }
served_serial() {
    on_client openssl s_client -connect "$server4:443" -servername new.example </dev/null 2>/dev/null |
        openssl x509 -noout -serial
}
serves_serial() { [ "$(served_serial)" = "$1" ]; }
# A renewal exchanges the pair, which is taken up at once.
renewal() {
    local before
    before=$(serial)
    sed -i 's/^# renew_before_expiry.*/renew_before_expiry = 20 years/' \
        /var/lib/shost-certbot/config/renewal/*.conf
    grep -l '^renew_before_expiry' /var/lib/shost-certbot/config/renewal/*.conf || return
    systemctl start certbot && [ "$(serial)" != "$before" ] && eventually serves_serial "$(serial)"
}
leaves_alone() { # certificates that certbot did not make
    [ -z "$(find /var/lib/shost-certbot/config/live -name '*example.com')" ]
}
failing_site() {
    mkdir /var/lib/shost/nowhere.example
    # The authority finds nobody there.
    curl -sS -d '{"host":"nowhere.example","addresses":["192.0.2.99"]}' http://127.0.0.1:8055/add-a
    fails systemctl start certbot && journalctl -u certbot -o cat | grep 'no certificate for nowhere.example'
}
idle_run() {
    rmdir /var/lib/shost/nowhere.example
    local before
    before=$(serial)
    # Not due any more.
    sed -i 's/^renew_before_expiry.*/renew_before_expiry = 1 days/' /var/lib/shost-certbot/config/renewal/*.conf
    systemctl start certbot && [ "$(serial)" = "$before" ]
}
started() { systemctl show -P ExecMainStartTimestampMonotonic shost; }

check_readme certbot
check "the certbot units pass systemd-analyze verify" units_verify certbot.service certbot.timer
check "a certificate authority that speaks ACME" start_authority
check "certbot is to use it" use_authority
check "a new site" new_site
before_certbot=$(started)
check_readme certbot-now
check "the certificate and key are there, for the server's group" has_files
check "the new site is served with it" issued_serves New https://new.example/
check "its www name has one too" issued_serves New -L https://www.new.example/
check "other certificates are left alone" leaves_alone
check "a renewal is served" renewal
check "the server was never restarted" [ "$before_certbot" = "$(started)" ]
check "a name that fails makes the run fail" failing_site
check "nothing to do" idle_run
