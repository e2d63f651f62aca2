# Deploys by rsync and sftp, and nothing else, through the ssh container.

make_key() {
    mkdir -p /root/.ssh
    ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519 <<<y &&
        cat /root/.ssh/id_ed25519.pub >>/etc/shost/ssh/authorized_keys &&
        printf 'StrictHostKeyChecking accept-new\nBatchMode yes\nConnectTimeout 20\n' >/root/.ssh/config
}
work_tree() {
    mkdir -p /tmp/laptop/public/deep
    echo '<h1>Deployed</h1>' >/tmp/laptop/public/index.html
    echo 'deep' >/tmp/laptop/public/deep/file.txt
    # What a careless umask leaves behind is put right by the command.
    chmod 600 /tmp/laptop/public/index.html
}
# The README's commands, on the client's side of the network.
deploys() {
    local commands
    commands=$(block deploy)
    cd /tmp/laptop && on_client bash -euo pipefail -c "$commands"
}
deployed_owner() { owned /var/lib/shost/example.com/index.html 'shost-deploy:shost 644'; }
gone() { [ ! -e /var/lib/shost/example.com/changed.html ]; }
deploy_ssh() { on_client ssh -p 2222 deploy@example.com "$@"; }
sftp_puts() {
    echo 'by sftp' >/tmp/laptop/sftp.txt
    on_client sftp -P 2222 deploy@example.com <<<'put /tmp/laptop/sftp.txt example.com/sftp.txt' &&
        serves 'by sftp' https://example.com/sftp.txt
}
rclone_syncs() {
    on_client rclone sync /tmp/laptop/public \
        :sftp,host=example.com,port=2222,user=deploy,key_file=/root/.ssh/id_ed25519:example.com &&
        serves Deployed https://example.com/
}
# Beneath the sites only: not the host key, which belongs to the same user.
sftp_reads() { on_client sftp -P 2222 "deploy@example.com:$1" /tmp/stolen; }
rsync_reads() { on_client rsync -e 'ssh -p 2222' "deploy@example.com:$1" /tmp/stolen-too; }
password() { ssh -p 2222 -o PubkeyAuthentication=no deploy@example.com true; }
ssh_process_has() { grep -E "$1" "/proc/$(podman inspect -f '{{.State.Pid}}' shost-ssh)/status"; }
host_key() { ssh-keyscan -t ed25519 -p 2222 127.0.0.1 2>/dev/null | grep ed25519; }
survives_restart() {
    local before
    before=$(host_key) && systemctl restart shost-ssh && [ "$(host_key)" = "$before" ]
}

check_readme ssh
check "the ssh units pass systemd-analyze verify" units_verify shost-ssh.service shost-ssh.socket
check "the machine's own ssh.service is not shadowed" [ ! -e /run/systemd/generator/ssh.service ]
check "a deploy key" make_key
check "a site to deploy" work_tree
check "README: deploy" deploys
blocks_run+='deploy '
check "the deployed site is served" serves Deployed https://example.com/
check "its files belong to the deploys" deployed_owner
check "what was removed is gone" gone
check "sftp puts a file" sftp_puts
check "rclone syncs" rclone_syncs
check "no shell" fails deploy_ssh
check "no commands" fails deploy_ssh id
check "no smuggled commands" fails deploy_ssh 'rsync --server -e.LsfxC . /etc; id'
check "no forwarding" fails on_client ssh -p 2222 -o ExitOnForwardFailure=yes -W 127.0.0.1:80 deploy@example.com
check "no passwords" fails password
check "sftp reads sites" sftp_reads /var/lib/shost/example.com/index.html
check "sftp cannot read the host key" fails sftp_reads /var/lib/shost-ssh/ssh_host_ed25519_key
check "sftp cannot read who may deploy" fails sftp_reads /etc/shost/ssh/authorized_keys
check "rsync cannot leave the sites" fails rsync_reads ../shost-ssh/ssh_host_ed25519_key
check "sshd is not root" ssh_process_has '^Uid:.65533.65533'
check "sshd has no capabilities" ssh_process_has '^CapEff:.0+$'
check "the host key outlives a restart" survives_restart
