#!/bin/sh
# One certificate for each site folder that has none, and one for its `www.` name (or the name
# without it) if the DNS knows that; renewals for the rest; one reload for all that changed.
#
# A certificate each, not one with both names: a name whose DNS is wrong then fails alone.
set -eu
umask 027
here=/etc/shost/certbot
sites=/var/lib/shost
tls=/etc/shost/tls
# Made by deploy.sh when it has put a certificate into the TLS folder.
export DEPLOYED=/tmp/deployed

failed=0

# Asks for a reload and waits until the request has been taken up.
reload() {
    touch "$sites/reload"
    tries=100
    while [ -e "$sites/reload" ] && [ "$tries" -gt 0 ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
}

# A public host name that the webroot challenge can prove; not an address, not a wildcard.
is_provable() {
    case "$1" in
        *[!a-z0-9.-]* | .* | *..* | *.) return 1 ;;
        *[!0-9.]*.*) return 0 ;;
        *) return 1 ;;
    esac
}

resolves() {
    python3 -c 'import socket, sys; socket.getaddrinfo(sys.argv[1], 80)' "$1" 2>/dev/null
}

# Certificates that someone else put there are left alone.
lacks_certificate() {
    [ ! -e "$tls/$1" ]
}

# Whether the certificate in one folder names another host as well; shost uses it for both then.
covers() { # FOLDER NAME
    [ -e "$tls/$1/cert.pem" ] && python3 - "$tls/$1/cert.pem" "$2" <<'END'
import sys
from cryptography import x509
with open(sys.argv[1], "rb") as file:
    names = x509.load_pem_x509_certificate(file.read()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
sys.exit(sys.argv[2] not in names)
END
}

issue() { # NAME WEBROOT
    if certbot certonly --config "$here/cli.ini" --keep-until-expiring --cert-name "$1" \
        --webroot --webroot-path "$2" --domain "$1"; then
        RENEWED_LINEAGE=/var/lib/shost-certbot/config/live/$1 "$here/deploy.sh"
    else
        echo "certbot: no certificate for $1" >&2
        failed=1
    fi
}

# Prints `NAME WEBROOT` for each certificate that is missing.
missing() {
    for folder in "$sites"/*/; do
        name=$(basename "$folder")
        is_provable "$name" || continue
        case "$name" in
            www.*) twin=${name#www.} ;;
            *) twin=www.$name ;;
        esac
        if lacks_certificate "$name"; then echo "$name $folder"; fi
        if is_provable "$twin" && [ ! -e "$sites/$twin" ] && lacks_certificate "$twin" &&
            ! covers "$name" "$twin" && resolves "$twin"; then
            echo "$twin $folder"
        fi
    done
}

rm -f "$DEPLOYED"
missing >/tmp/missing
if [ -s /tmp/missing ]; then
    # The server answers the challenge only of a site that it knows.
    reload
    sleep 1
    while read -r name webroot; do
        issue "$name" "$webroot" </dev/null
    done </tmp/missing
fi
certbot renew --config "$here/cli.ini" --no-random-sleep-on-renew --deploy-hook "$here/deploy.sh" || failed=1
if [ -e "$DEPLOYED" ]; then
    reload
fi
exit "$failed"
