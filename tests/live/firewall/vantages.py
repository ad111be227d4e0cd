# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches what of the scenario's nodes, over both families, as nmap and plain sockets see it; and how tests run the product.

The outsider also has an address of each network that is named as a client's, so that a client has nmap as well.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conftest import ENVIRONMENT, PROJECT

HERE = Path(__file__).parent
REST, GRPC, P2P = PORTS = (6333, 6334, 6335)
FAMILIES = {"ipv4": "qdrant_address", "ipv6": "testbed_ipv6"}
CLIENTS = {"ipv4": "198.51.100.1", "ipv6": "2001:db8:1::1"}

# In nmap's words. A dropped packet is filtered.
NOBODY = dict.fromkeys(PORTS, "filtered")
PEER = {REST: "open", GRPC: "filtered", P2P: "open"}
CLIENT = {REST: "open", GRPC: "open", P2P: "filtered"}
NMAPS_WORD = {"open": "open", "refused": "closed", "timeout": "filtered"}

# A way back to the clients' networks. And a server on the node's IPv6 address, since Qdrant has one address and that is IPv4: what the guard lets
# pass finds it.
NODE = """
ip route replace 198.51.100.0/28 dev eth0
ip -6 route replace 2001:db8:1::/64 dev eth0
systemctl stop listener 2>/dev/null
systemd-run --quiet --collect --unit=listener python3 -c '
import selectors, socket, sys
selector = selectors.DefaultSelector()
for port in (6333, 6334, 6335):
    selector.register(socket.create_server((sys.argv[1], port), family=socket.AF_INET6), selectors.EVENT_READ)
while True:
    for key, _events in selector.select():
        key.fileobj.accept()[0].close()
' %s
for _try in $(seq 100); do [ "$(ss -Hltn6 | grep -c ':633[345] ')" -lt 3 ] || exit 0; sleep 0.1; done
exit 1
"""
OUTSIDER = "ip address replace {ipv4}/32 dev eth0; ip -6 address replace {ipv6}/128 dev eth0 nodad".format(**CLIENTS)


def all_at_once(calls: dict) -> dict:
    """The results of calls by their keys: most of the time is spent waiting."""
    with ThreadPoolExecutor(max_workers=32) as pool:
        futures = {key: pool.submit(*call) for key, call in calls.items()}
        return {key: future.result() for key, future in futures.items()}


def prepare(deployment, nodes=None) -> None:
    """What the tests need on the hosts; a reboot takes it away."""
    deployment.outsiders[0].run(OUTSIDER)
    all_at_once({host.name: (host.run, NODE % host.vars["testbed_ipv6"]) for host in nodes or deployment.nodes})


def nmap(host, addresses: list[str], source: str = "") -> dict[str, dict[int, str]]:
    """The state of each port of some addresses as nmap sees it from a host: open, closed, or filtered."""
    options = ("-6 " if ":" in addresses[0] else "") + (f"-S {source} -e eth0 " if source else "")
    output = host.run("nmap -Pn -n {}-p {} --max-retries 1 {}".format(options, ",".join(map(str, PORTS)), " ".join(addresses)))
    blocks = re.split(r"^Nmap scan report for (\S+)$", output, flags=re.MULTILINE)[1:]
    found = {address: {int(port): state for port, state in re.findall(r"^(\d+)/tcp +(\w+)", text, re.MULTILINE)} for address, text in zip(*[iter(blocks)] * 2)}
    assert sorted(found) == sorted(addresses), output
    return found


def connection(address: str, port: int) -> str:
    """How a connection from the controller, which is a client, ends, in nmap's words."""
    try:
        socket.create_connection((address, port), timeout=3).close()
    except ConnectionRefusedError:
        return "closed"
    except OSError:
        return "filtered"
    return "open"


def from_here(address: str) -> dict[int, str]:
    return all_at_once({port: (connection, address, port) for port in PORTS})


def knock(host, address: str) -> dict[int, str]:
    """The same from a host without nmap."""
    script = "cd /opt/watch && python3 -c 'import _wire; print(*(_wire.can_connect(_wire.Target(\"%s\", port), 1) for port in (6333, 6334, 6335)))'"
    return dict(zip(PORTS, map(NMAPS_WORD.get, host.run(script % address).split())))


def matrix(deployment) -> dict[tuple[str, str, str], dict[int, str]]:
    """What outsider, client, peer and the controller reach, by node, family and who. The peer is the first node: it has nmap."""
    calls = {}
    for family, variable in FAMILIES.items():
        addresses = {host.name: host.vars[variable] for host in deployment.nodes}
        peer, others = deployment.nodes[0], {host.name: addresses[host.name] for host in deployment.nodes[1:]}
        calls[family, "outsider"] = (nmap, deployment.outsiders[0], list(addresses.values()))
        calls[family, "client"] = (nmap, deployment.outsiders[0], list(addresses.values()), CLIENTS[family])
        calls[family, "peer"] = (nmap, peer, list(others.values()))
        calls[family, "controller"] = (lambda addresses=addresses: {address: from_here(address) for address in addresses.values()},)
    found = {}
    for (family, who), seen in all_at_once(calls).items():
        for host in deployment.nodes:
            if host.vars[FAMILIES[family]] in seen:
                found[host.name, family, who] = seen[host.vars[FAMILIES[family]]]
    return found


def expected(deployment) -> dict[tuple[str, str, str], dict[int, str]]:
    wanted = {}
    for number, host in enumerate(deployment.nodes):
        for family in FAMILIES:
            everyone = {"outsider": NOBODY, "client": CLIENT, "controller": CLIENT, **({"peer": PEER} if number else {})}
            wanted.update({(host.name, family, who): reached for who, reached in everyone.items()})
    return wanted


def everybody_passes_where_they_should(deployment) -> None:
    assert matrix(deployment) == expected(deployment)


def report(deployment) -> dict:
    """The report of the last verification."""
    return json.loads((deployment.inventory.parent / "report/report.json").read_text(encoding="utf-8"))


def reported(deployment) -> dict[tuple[str, str, str], dict[int, str]]:
    """The report's matrix, in the words of ours: the client that it asked is the controller, the peer one of all."""
    words = {"client": "controller"}
    found: dict = {}
    for row in report(deployment)["reach"]:
        if row["role"] != "peer" or row["from"] == deployment.nodes[0].name:
            seen = {port: NMAPS_WORD.get(row["ports"][name]["outcome"], row["ports"][name]["outcome"]) for name, port in zip(("rest", "grpc", "p2p"), PORTS)}
            found.setdefault((row["to"], row["family"], words.get(row["role"], row["role"])), seen)
    return found


def ansible(deployment, *arguments: str, check: bool = True, timeout: int = 600) -> str:
    """Run a playbook, over the scenario's inventory unless another is given; return what it said."""
    inventory = () if "-i" in arguments else ("-i", str(deployment.inventory))
    result = subprocess.run(
        ["ansible-playbook", *inventory, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        env=ENVIRONMENT,
        timeout=timeout,
    )
    output = result.stdout + result.stderr
    assert (result.returncode == 0) is check, output[-6000:]
    return output


def info(deployment, pattern: str) -> dict[str, dict]:
    """What qdrant_firewall_info returns, by host."""
    command = ["ansible", pattern, "-i", str(deployment.inventory), "-b", "-m", "hardened.qdrant.qdrant_firewall_info"]
    environment = {**ENVIRONMENT, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1"}
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT, env=environment, timeout=300).stdout
    return json.loads(output[output.index("{") :])["plays"][0]["tasks"][0]["hosts"]
