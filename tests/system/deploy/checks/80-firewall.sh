# The firewalld zone: what is open, for whom, and how an address is blocked.

listen_22() { systemd-run -q --unit=admin-ssh python3 -m http.server 22; }
from() { # ADDRESS URL
    on_client curl -sS -o /dev/null --max-time 3 --interface "$1" "$2"
}
blocks_network() {
    readme block 's/203\.0\.113\.0/192.0.2.0/' && fails from 192.0.2.3 http://example.com/
}
unblocks_network() {
    readme unblock 's/203\.0\.113\.0/192.0.2.0/' && from 192.0.2.3 http://example.com/
}
active_zone() { [ "$(firewall-cmd --get-default-zone)" = shost ]; }

check "something on the admin's ssh port" listen_22
check "which is open without a firewall" eventually from 192.0.2.3 http://example.com:22/
check_readme firewall
check "the zone is in force" active_zone
check "the web is open to everyone" from 192.0.2.3 http://example.com/
check "over IPv6 as well" serves '' --resolve "example.com:443:[$server6]" https://example.com/
check "the deploy port is open" deploy_ssh reload
check "admin ssh is open to listed addresses" from 192.0.2.2 http://example.com:22/
check "and closed to others" fails from 192.0.2.3 http://example.com:22/
check "other ports are closed" fails from 192.0.2.2 http://example.com:8055/
check "README: block" blocks_network
check "README: unblock" unblocks_network
blocks_run+='block unblock '
