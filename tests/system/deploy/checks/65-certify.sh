# `shost certify`, from the server's image, against the same authority as certbot: a new site gets its
# certificate, and shost serves it without a restart and without a reload.

# The one thing that differs from the README: another authority than Let's Encrypt.
use_authority_too() {
    cp $ca/cert.pem /etc/shost/certify-authority.pem
    printf 'SHOST_ACME_DIRECTORY=https://localhost:14000/dir\nSHOST_ACME_CA=/authority.pem\n' >>/etc/shost/certify.env
    mkdir -p /etc/containers/systemd/shost-certify.container.d
    printf '[Container]\nVolume=/etc/shost/certify-authority.pem:/authority.pem:ro\n' \
        >/etc/containers/systemd/shost-certify.container.d/test.conf
}
certified_site() {
    mkdir /var/lib/shost/certified.example
    echo '<h1>Certified</h1>' >/var/lib/shost/certified.example/index.html
    chown -R shost-deploy:shost /var/lib/shost/certified.example
}
certified_files() {
    local name
    for name in certified.example www.certified.example; do
        [ "$(stat -c '%U:%G %a' "/etc/shost/tls/$name/key.pem")" = 'shost-deploy:shost 640' ] || return
    done
    [ "$(stat -c %a /var/lib/shost-certify)" = 700 ]
}
certify_log_has() { journalctl -u shost-certify -o cat | grep -F "$1"; }
certify_exit() { systemctl show -P ExecMainStatus shost-certify; }
# One that it did not make, and one that it made and that is not due.
certify_again() {
    local before
    before=$(sha256sum /etc/shost/tls/*/cert.pem)
    systemctl start shost-certify && [ "$before" = "$(sha256sum /etc/shost/tls/*/cert.pem)" ]
}
lost_site() {
    mkdir /var/lib/shost/nowhere.example
    chown shost-deploy:shost /var/lib/shost/nowhere.example
    fails systemctl start shost-certify && certify_log_has 'nowhere.example: '
}
found_site() { rmdir /var/lib/shost/nowhere.example && systemctl start shost-certify; }

check "certify is to use the authority" use_authority_too
check_readme certify
check "the units of certify pass systemd-analyze verify" units_verify shost-certify.service shost-certify.timer
check "another new site" certified_site
before_certify=$(started)
check_readme certify-now
check "its certificate and key are there, for the server's group" certified_files
check "the site is served with it" issued_serves Certified https://certified.example/
check "its www name has one too" issued_serves Certified -L https://www.certified.example/
check "a second run changes nothing" certify_again
check "a name that leads nowhere makes the run fail" lost_site
check "and none when it is gone" found_site
check "the server was not restarted" [ "$before_certify" = "$(started)" ]
