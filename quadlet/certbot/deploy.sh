#!/bin/sh
# certbot's deploy hook: puts the pair of RENEWED_LINEAGE (…/live/NAME) into the TLS folder.
#
# The new pair is written beside the old one and the two folders change places in one step, so
# that nobody ever reads the certificate of one and the key of the other.
set -eu
umask 027
tls=/etc/shost/tls
name=$(basename "$RENEWED_LINEAGE")

# A dot folder: the server does not look into it.
new=$(mktemp -d "$tls/.$name.XXXXXX")
trap 'rm -rf "$new"' EXIT
install -m 0640 "$RENEWED_LINEAGE/fullchain.pem" "$new/cert.pem"
install -m 0640 "$RENEWED_LINEAGE/privkey.pem" "$new/key.pem"
chmod 0750 "$new"
if [ -d "$tls/$name" ]; then
    mv --exchange -T "$new" "$tls/$name"
else
    mv -T "$new" "$tls/$name"
fi
touch "$DEPLOYED"
