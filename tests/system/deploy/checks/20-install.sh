# Installing the server as the README says, and what can be told before the first request.

image_id() { podman image inspect -f '{{.Id}}' localhost/shost; }

# The image has one file, and it is small.
one_small_file() {
    local mount files size
    mount=$(podman image mount localhost/shost) || return
    files=$(cd "$mount" && find . -type f)
    podman image unmount localhost/shost >/dev/null
    size=$(podman image inspect -f '{{.Size}}' localhost/shost)
    [ "$files" = ./shost ] || { echo "files: $files"; return 1; }
    # The client of certificate authorities and its HTTP are 2.3 MB of it, QUIC and HTTP/3 0.8.
    [ "$size" -lt 11500000 ] || { echo "$size bytes"; return 1; }
    echo "figure: $size bytes"
}

labelled() {
    podman image inspect -f '{{json .Labels}}' localhost/shost | grep -q '"org.opencontainers.image.title":"shost"'
}

reproducible() {
    local first second
    mkdir -p /lab/ready && cp /lab/shost /lab/ready/shost
    first=$(podman build -q --no-cache --timestamp 0 -f container/Containerfile --target ready /lab/ready) || return
    sleep 1.1
    touch /lab/ready/shost
    second=$(podman build -q --no-cache --timestamp 0 -f container/Containerfile --target ready /lab/ready) || return
    [ "$first" = "$second" ]
}

quadlet_dryrun() { /usr/libexec/podman/quadlet -dryrun; }

owned() { [ "$(stat -c '%U:%G %a' "$1")" = "$2" ]; }

check_readme install
check "the image holds one file of less than 11.5 MB" one_small_file
check "the image has its labels" labelled
check "the same binary makes the same image" reproducible
check "quadlet -dryrun" quadlet_dryrun
check "the units pass systemd-analyze verify" units_verify shost.service shost-http.socket shost-https.socket \
    reload-shost.path reload-shost.service
check "sites belong to the deploys" owned /var/lib/shost 'shost-deploy:shost 755'
check "the state belongs to the server alone" owned /var/lib/shost-state 'shost:shost 700'
check "keys are for the server's group" owned /etc/shost/tls 'shost-deploy:shost 750'
check "nothing runs before the first request" fails systemctl is-active -q shost
mkdir -p /lab/ready && cp /lab/shost /lab/ready/shost
check_readme install-binary 's|/path/to/folder-with-shost|/lab/ready|'
