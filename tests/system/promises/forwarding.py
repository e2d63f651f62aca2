"""A firewall of the machine that forwards the usual ports to ours: redirects lead to the usual one.

The server is in a network namespace of its own, with rules of nftables."""

import subprocess

from lib.certificate import write_certificate
from lib.client import DOMAIN, USER_AGENT
from lib.server import Server

HTTP, HTTPS = 18080, 18443
# Ports of a client, and those that they are forwarded to.
RULES = f"""
table inet forwarding {{
  chain output {{
    type nat hook output priority -100;
    tcp dport 80 redirect to :{HTTP}
    tcp dport 443 redirect to :{HTTPS}
    tcp dport 8080 redirect to :{HTTP}
  }}
}}
"""
INSIDE = f"""
ip link set lo up
nft -f - <<'END'
{RULES}
END
exec "$@"
"""
# The options, the address and port that a client connects to, and where it is sent.
ROWS = [
    ((), "127.0.0.1:80", f"https://{DOMAIN}/x?y"),
    ((), "127.0.0.1:8080", f"https://{DOMAIN}/x?y"),
    ((), "[::1]:80", f"https://{DOMAIN}/x?y"),
    ((), f"127.0.0.1:{HTTP}", f"https://{DOMAIN}:{HTTPS}/x?y"),
    ((), f"[::1]:{HTTP}", f"https://{DOMAIN}:{HTTPS}/x?y"),
    (("--public-port", 8443), "127.0.0.1:80", f"https://{DOMAIN}:8443/x?y"),
    (("--public-port", 443), f"127.0.0.1:{HTTP}", f"https://{DOMAIN}/x?y"),
]


def inside(server, *command):
    """What a command says in the network of the server."""
    entered = ["nsenter", "--target", str(server.pid), "--net", *command]
    return subprocess.run(entered, check=True, capture_output=True, text=True).stdout


def redirects(shost, folder):
    """Who comes through the firewall is sent to the port that it forwards."""
    (folder / "sites" / DOMAIN).mkdir(parents=True)
    (folder / "sites" / DOMAIN / "index.html").write_text("<p>Here\n")
    write_certificate(folder / "tls" / DOMAIN, DOMAIN)
    launcher = ["unshare", "--net", "bash", "-e", "-c", INSIDE, "launcher"]
    for options, address, expected in ROWS:
        ports = ["--ip", "::1", "--http-port", HTTP, "--sites", folder / "sites"]
        server = Server(
            shost, *ports, "--tls", folder / "tls", *options, launcher=launcher, port=HTTPS
        )
        with server:
            server.event(lambda line: " started " in line)
            said = ["-H", f"Host: {DOMAIN}", "-A", USER_AGENT, "-w", "%{redirect_url}"]
            found = inside(server, "curl", "-sgo", "/dev/null", *said, f"http://{address}/x?y")
        label = " ".join(map(str, options)) or "no option"
        yield (
            found == expected,
            f"{address} with {label}: {found or 'nowhere'} (must be {expected})",
        )
    with server_of_home(shost, folder, launcher) as server:
        server.event(lambda line: " started " in line)
        home = ["-sk", "-A", USER_AGENT, "--resolve", f"{DOMAIN}:443:127.0.0.1"]
        content = inside(server, "curl", *home, f"https://{DOMAIN}/")
        yield content == "<p>Here\n", f"port 443 is forwarded to ours: {content!r}"


def server_of_home(shost, folder, launcher):
    """The same server, for a client that has followed the redirect."""
    sites = ["--sites", folder / "sites", "--tls", folder / "tls"]
    return Server(shost, *sites, launcher=launcher, port=HTTPS)
