# The Debian package in place of files put there by hand: a padlock in two commands.

bare_away() {
    systemctl stop shost shost-http.socket shost-https.socket shost-certify.timer || return
    rm /usr/local/bin/shost /etc/systemd/system/shost{,-certify}.service \
        /etc/systemd/system/shost-{http,https}.socket /etc/systemd/system/shost-certify.timer \
        /etc/{sysusers,tmpfiles}.d/shost.conf
    rm -f /etc/systemd/system/*.wants/shost*
    systemctl daemon-reload
}
packaged_site() {
    mkdir /var/lib/shost/packaged.example
    echo '<h1>Packaged</h1>' >/var/lib/shost/packaged.example/index.html
    chown -R shost-deploy:shost /var/lib/shost/packaged.example
}
# The one thing that differs from the README: another authority than Let's Encrypt.
packaged_certify() {
    SHOST_ACME_DIRECTORY=https://localhost:14000/dir SHOST_ACME_CA=/etc/shost/certify-authority.pem \
        readme package-certify
}
packaged_key() { [ "$(stat -c '%U:%G %a' /etc/shost/tls/packaged.example/key.pem)" = 'shost-deploy:shost 640' ]; }
# The manual and the completions know every option and every command.
documented() {
    local page
    for page in shost shost-reload shost-check shost-certify; do
        zgrep -q '^\.TH' "/usr/share/man/man1/$page.1.gz" || return
    done
    zgrep -q 'acme\\-directory' /usr/share/man/man1/shost-certify.1.gz &&
        bash -euc '. /usr/share/bash-completion/completions/shost; complete -p shost' &&
        grep -q certify /usr/share/zsh/vendor-completions/_shost &&
        grep -q certify /usr/share/fish/vendor_completions.d/shost.fish
}
kept() {
    [ ! -e /usr/bin/shost ] && [ -e /var/lib/shost/packaged.example/index.html ] &&
        [ -e /etc/shost/tls/packaged.example/key.pem ] && fails fetch http://packaged.example/
}

check "the bare binary and its units are removed" bare_away
check_readme package 's|\./shost.deb|/lab/shost.deb|'
check "man pages and completions are there" documented
check "its units pass systemd-analyze verify" units_verify shost.service shost-certify.service
check "a site for the package" packaged_site
blocks_run+='package-certify '
check "README: package-certify" packaged_certify
check "the key is for the server's group" packaged_key
check "the site is served with its certificate" issued_serves Packaged https://packaged.example/
check "the timer waits" systemctl is-active -q shost-certify.timer
check_readme package-remove
check "sites and certificates stay when it goes" kept
