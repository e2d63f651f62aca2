# The first sites, over HTTP and HTTPS, with a sandbox around the server.

readonly ca=/tmp/ca

authority() {
    mkdir -p $ca
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=test authority' \
        -addext 'keyUsage=critical,keyCertSign,cRLSign' \
        -keyout $ca/key.pem -out $ca/cert.pem
}

# Leaves fullchain.pem and privkey.pem for NAME in the current folder.
sign() { # NAME
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout privkey.pem -out request.pem &&
        openssl x509 -req -in request.pem -CA $ca/cert.pem -CAkey $ca/key.pem -CAcreateserial -days 30 \
            -out fullchain.pem -extfile <(echo "subjectAltName=DNS:$1,DNS:www.$1")
}

own_certificate() { # NAME
    mkdir -p "/tmp/own/$1" && cd "/tmp/own/$1" && sign "$1" && readme own-certificate "s/example.org/$1/g"
}

second_site() {
    mkdir /var/lib/shost/example.org
    echo '<h1>Second</h1>' >/var/lib/shost/example.org/index.html
    chown -R shost-deploy:shost /var/lib/shost/example.org
}

status_of() { fetch -o /dev/null -w '%{http_code}' "$@"; }
answers() { # CODE CURL-ARGUMENTS...
    local wanted=$1 got
    shift
    got=$(status_of "$@") || return
    [ "$got" = "$wanted" ] || { echo "got $got"; return 1; }
}
serves() { # TEXT CURL-ARGUMENTS...
    local wanted=$1
    shift
    fetch --fail --cacert $ca/cert.pem "$@" | grep -F "$wanted"
}
redirects() { # FROM TO
    local got
    got=$(fetch -o /dev/null -w '%{redirect_url}' "$1") && [ "$got" = "$2" ] || { echo "got $got"; return 1; }
}
# To a datagram of a version that nobody speaks, whoever speaks QUIC says which it does (RFC 9000 §6).
speaks_quic() { # HOST
    on_client bash -c 'exec 3<>"/dev/udp/$1/443"
        { printf "\xca\x0a\x0a\x0a\x0a\x08clientid\x00"; head -c 1200 /dev/zero; } |
            dd bs=1300 count=1 iflag=fullblock status=none >&3
        timeout 5 dd bs=2000 count=1 status=none <&3 | od -An -tx1 -j1 -N4 | grep " 00 00 00 00"' quic "$1"
}
logged() { eventually journal_has "$@"; }
journal_has() { journalctl -u shost -o cat | grep -E "$@"; }

server_pid() { podman inspect -f '{{.State.Pid}}' shost; }
process_has() { grep -E "$1" "/proc/$(server_pid)/status"; }
no_network() { [ -z "$(nsenter -t "$(server_pid)" -n ip -o link | grep -v ' lo:')" ]; }
# Podman's seccomp filter is there, and shost has said that Landlock is too.
sandboxed() { process_has '^Seccomp:.2' && journal_has -i 'landlock|sandbox'; }
read_only() {
    local place
    for place in / /var/lib/shost /etc/shost/tls; do
        grep -E "^[^ ]+ $place [^ ]+ ro[, ]" "/proc/$(server_pid)/mounts" || return
    done
}
changed_file() {
    echo '<h1>Changed</h1>' >/var/lib/shost/example.com/changed.html
    serves Changed https://example.com/changed.html || return
    echo '<h1>Once more</h1>' >/var/lib/shost/example.com/changed.html
    sleep 0.2
    serves 'Once more' https://example.com/changed.html
}
status_line() { systemctl show -P StatusText shost | grep -E "$1"; }

check "a certificate authority" authority
check "the first request starts the server" answers 421 "http://$server4/"
check_readme site
check "a site without a certificate is served in the clear" serves Hello http://example.com/
check "a site without a certificate ends the handshake" fails serves Hello https://example.com/
check "a second site" second_site
blocks_run+='own-certificate '
check "README: own-certificate, example.org" own_certificate example.org
check "HTTPS by SNI, first domain's certificate" own_certificate example.com
check "HTTPS serves the first domain" serves Hello https://example.com/
check "plain HTTP is redirected" redirects 'http://example.com/a?b' 'https://example.com/a?b'
check "HTTPS serves the second domain" serves Second https://example.org/
check "www is redirected over HTTPS" serves '' -L https://www.example.com/
check "HTTP/3 is spoken on the socket of UDP" speaks_quic example.com
check "IPv6 is served" serves Hello --resolve "example.com:443:[$server6]" https://example.com/
check "the log has the client's own IPv4 address" logged "example.com .* $client4 "
check "the log has the client's own IPv6 address" logged "example.com .* $client6 "
check "a changed file is seen at once" changed_file
check "a host without a site gets 421" answers 421 http://example.net/ --resolve "example.net:80:$server4"
check "the server is not root" process_has '^Uid:.65532.65532'
check "the server has no capabilities" process_has '^CapEff:.0+$'
check "the server cannot gain privileges" process_has '^NoNewPrivs:.1'
check "the server has no network but loopback" no_network
check "the server's files are read-only" read_only
check "the sandbox is on" sandboxed
check "systemctl status tells what is served" status_line '2 sites, 2 certificates'
