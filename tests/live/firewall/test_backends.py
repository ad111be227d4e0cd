# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three hosts with three firewalls: none, ufw, firewalld. Who reaches what, over both families, whatever happens to the hosts.

The tests change one deployment, in the order in which they stand. Each leaves it as it found it.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from conftest import ENVIRONMENT, PROJECT

HERE = Path(__file__).parent
REST, GRPC, P2P = PORTS = (6333, 6334, 6335)
BACKENDS = {"node1": "nftables", "node2": "ufw", "node3": "firewalld"}
RELOADS = {
    # The restart flushes all tables, and takes guard and server with it; the reload flushes them again.
    "node1": "systemctl restart nftables.service && systemctl start qdrant && systemctl reload nftables.service",
    "node2": "ufw reload",
    "node3": "firewall-cmd --reload",
}
# A server on the node's IPv6 address, since Qdrant has one address and that is IPv4: what the guard lets pass finds it.
LISTENER = """
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


@pytest.fixture(scope="module")
def node(deployment):
    return {host.name: host for host in deployment.nodes}


@pytest.fixture(scope="module")
def outsider(deployment):
    return deployment.outsiders[0]


@pytest.fixture(scope="module", autouse=True)
def listeners(deployment):
    for host in deployment.nodes:
        host.run(LISTENER % host.vars["testbed_ipv6"])
    yield
    for host in deployment.nodes:
        host.run("systemctl stop listener", check=False)


def nmap(host, address: str) -> dict[int, str]:
    """The state of each port as nmap sees it from a host: open, closed, or filtered, which is what a dropped packet looks like."""
    output = host.run("nmap -Pn -n %s -p %s --max-retries 2 %s" % ("-6" if ":" in address else "", ",".join(map(str, PORTS)), address))
    return {int(port): state for port, state in re.findall(r"^(\d+)/tcp +(\w+)", output, re.MULTILINE)}


def from_here(address: str) -> dict[int, str]:
    """The same from the controller, which is the client, in nmap's words."""
    found = {}
    for port in PORTS:
        try:
            socket.create_connection((address, port), timeout=3).close()
            found[port] = "open"
        except ConnectionRefusedError:
            found[port] = "closed"
        except OSError:
            found[port] = "filtered"
    return found


NOBODY = dict.fromkeys(PORTS, "filtered")
PEER = {REST: "open", GRPC: "filtered", P2P: "open"}
CLIENT = {REST: "open", GRPC: "open", P2P: "filtered"}


def matrix(deployment) -> dict:
    """What outsider, a peer and the client reach of every node, by family."""
    seen = {}
    peers = deployment.nodes[:1]  # the one that has nmap
    for host in deployment.nodes:
        for family in ("qdrant_address", "testbed_ipv6"):
            address = host.vars[family]
            seen[host.name, family, "outsider"] = nmap(deployment.outsiders[0], address)
            seen[host.name, family, "client"] = from_here(address)
            for peer in peers:
                if peer is not host:
                    seen[host.name, family, "peer"] = nmap(peer, address)
    return seen


def expected(deployment) -> dict:
    wanted = {}
    for host in deployment.nodes:
        for family in ("qdrant_address", "testbed_ipv6"):
            wanted[host.name, family, "outsider"] = NOBODY
            wanted[host.name, family, "client"] = CLIENT
            if host is not deployment.nodes[0]:
                wanted[host.name, family, "peer"] = PEER
    return wanted


def ansible(deployment, *arguments: str, check: bool = True, timeout: int = 600) -> str:
    result = subprocess.run(
        ["ansible-playbook", *arguments], capture_output=True, text=True, check=False, cwd=PROJECT, stdin=subprocess.DEVNULL, env=ENVIRONMENT, timeout=timeout
    )
    output = result.stdout + result.stderr
    if check:
        assert result.returncode == 0, output[-6000:]
    else:
        assert result.returncode != 0, output[-6000:]
    return output


def info(deployment, host) -> dict:
    """What qdrant_firewall_info returns."""
    command = ["ansible", host.name, "-i", str(deployment.inventory), "-b", "-m", "hardened.qdrant.qdrant_firewall_info"]
    environment = {**ENVIRONMENT, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1"}
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT, env=environment, timeout=300).stdout
    return json.loads(output[output.index("{") :])["plays"][0]["tasks"][0]["hosts"][host.name]


def everybody_passes_where_they_should(deployment) -> None:
    assert matrix(deployment) == expected(deployment)


def test_everybody_reaches_what_they_should_over_both_families(deployment):
    everybody_passes_where_they_should(deployment)


def test_each_host_is_told_by_its_own_firewall(deployment, node):
    for name, host in node.items():
        seen = info(deployment, host)
        assert (seen["table"], seen["backend"], seen["rollback"]) == (True, BACKENDS[name], False)
        assert deployment.inventory and seen["sets"]["clients6"] == [host.vars["testbed_gateway_ipv6"]]
        assert seen["counters"]["dropped_p2p"]["packets"] > 0 and seen["counters"]["dropped_api"]["packets"] > 0
        assert seen["firewalls"]["foreign"] == []
    own = info(deployment, node["node3"])["firewalls"]["firewalld"]
    assert own["own"] and own["halves"] == [] and own["zones"] == ["public"]
    # It would drop what the guard lets pass.
    assert "policy drop" in node["node2"].run("nft list chain ip filter INPUT")


def test_a_reload_of_each_firewall_changes_nothing(deployment, node):
    before = {name: host.run("nft --stateless list table inet hardened_qdrant") for name, host in node.items()}
    for name, command in RELOADS.items():
        node[name].run(command)
    assert {name: host.run("nft --stateless list table inet hardened_qdrant") for name, host in node.items()} == before
    everybody_passes_where_they_should(deployment)


def test_a_flush_is_noticed_and_healed_and_rules_of_others_are_said(deployment, node):
    """In one run: an administrator's flush, a rule of theirs in ufw, and one in firewalld that shadow ours."""
    node["node1"].run("nft flush ruleset")
    node["node2"].run("ufw deny 6335/tcp")
    node["node3"].run("firewall-cmd --add-port=6000-6400/tcp")
    noticed = deployment.playbook("hardened.qdrant.verify", check=False)
    assert noticed.returncode != 0 and "firewall-table" in noticed.stdout
    healed = ansible(deployment, "-i", str(deployment.inventory), str(HERE / "only.yml"))
    said = " ".join(healed.split())
    assert "ufw has a rule of its own" in said and "ufw deny 6335/tcp" in said
    assert "firewalld has a rule of its own" in said and "zone public: port 6000-6400/tcp" in said
    # Reported, and not fought.
    assert "ufw deny 6335/tcp" in node["node2"].run("ufw show added")
    assert "6000-6400/tcp" in node["node3"].run("firewall-cmd --list-ports")
    node["node2"].run("ufw delete deny 6335/tcp")
    node["node3"].run("firewall-cmd --remove-port=6000-6400/tcp")
    everybody_passes_where_they_should(deployment)


@contextmanager
def changed_inventory(deployment, tmp_path, remove: str, **variables):
    """The scenario's inventory without a node, and with variables of its nodes, as a folder."""
    command = ["cp", "-a", str(deployment.inventory), str(tmp_path / "inventory")]
    subprocess.run(command, check=True)
    for path in (tmp_path / "inventory").glob("*.yml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "all" in content:
            content["all"]["children"]["qdrant"]["hosts"].pop(remove)
            path.write_text(yaml.safe_dump(content), encoding="utf-8")
    (tmp_path / "inventory/group_vars/qdrant/zz_test.yml").write_text(yaml.safe_dump(variables), encoding="utf-8")
    yield tmp_path / "inventory"


def connects_as_server(host, address: str, port: int) -> str:
    """How a connection of the server's user ends, without the unit's own wall around it."""
    script = "import socket; socket.create_connection((\"%s\", %d), 3); print(\"open\")" % (address, port)
    return host.run("setpriv --reuid=qdrant --regid=qdrant --clear-groups python3 -c '%s' 2>&1 | tail -n 1" % script, check=False).strip()


def test_a_node_that_leaves_is_closed_out_and_one_that_joins_is_let_in(deployment, node, outsider, tmp_path):
    target = {"host": outsider.address, "port": 22}
    with changed_inventory(deployment, tmp_path, "node3", qdrant_firewall_targets=[target], qdrant_firewall_clients=[]) as inventory:
        output = ansible(deployment, "-i", str(inventory), str(HERE / "only.yml"))
    assert "qdrant_firewall_clients is empty" in output
    for name in ("node1", "node2"):
        for family in ("qdrant_address", "testbed_ipv6"):
            script = "cd /opt/watch && python3 -c 'import _wire; print(_wire.can_connect(_wire.Target(\"%s\", 6335), 1))'"
            assert node["node3"].run(script % node[name].vars[family]).strip() == "timeout", (name, family)
        assert from_here(node[name].address) == NOBODY
    assert node["node3"].address not in node["node2"].run("ufw show added")
    assert nmap(node["node1"], node["node2"].address) == PEER
    # A target is let out to, and no other port of it.
    assert connects_as_server(node["node1"], outsider.address, 22) == "open"
    assert "refused" in connects_as_server(node["node1"], outsider.address, 80)
    # What left the inventory is a difference to it, until a run.
    noticed = deployment.playbook("hardened.qdrant.verify", check=False)
    assert noticed.returncode != 0 and "firewall-as-inventory" in noticed.stdout
    ansible(deployment, "-i", str(deployment.inventory), str(HERE / "only.yml"))
    assert "refused" in connects_as_server(node["node1"], outsider.address, 22)
    everybody_passes_where_they_should(deployment)


def test_what_cuts_the_controller_off_is_rolled_back(deployment, node):
    host = node["node1"]
    before = host.run("nft --stateless list table inet hardened_qdrant; cat /etc/qdrant/firewall.nft")
    said = ansible(deployment, "-i", str(deployment.inventory), str(HERE / "cut.yml"), "-e", "cut=node1", check=False)
    assert "rolled back" in said or "UNREACHABLE" in said
    assert host.run("nft --stateless list table inet hardened_qdrant; cat /etc/qdrant/firewall.nft") == before
    assert host.run("systemctl is-active qdrant").strip() == "active"


def test_a_reboot_opens_nothing_and_brings_all_back(deployment, node, outsider):
    """Two hosts at once, with ufw and firewalld. The watchers on the outsider knock all the while."""
    hosts = [node["node2"], node["node3"]]
    names = ["hardened-qdrant-%s-%s" % (host.vars["testbed_name"], host.name) for host in hosts]
    subprocess.run(["docker", "restart", *names], check=True, capture_output=True, cwd=PROJECT)
    deadline = time.monotonic() + 240
    states: list[str] = []
    while states != ["active", "active"] and time.monotonic() < deadline:
        states = [host.run("systemctl is-active qdrant", check=False).strip() for host in hosts]
        assert all(set(nmap(outsider, host.address).values()) <= {"filtered"} for host in hosts)
    assert states == ["active", "active"]
    for host in hosts:
        properties = "systemctl show --value -p ActiveEnterTimestampMonotonic qdrant-firewall; systemctl show --value -p ExecMainStartTimestampMonotonic qdrant"
        guard, server = map(int, host.run(properties).split())
        assert 0 < guard < server
        host.run(LISTENER % host.vars["testbed_ipv6"])
    assert "inactive" not in node["node2"].run("ufw status") and node["node3"].run("firewall-cmd --state", check=False) is not None
    everybody_passes_where_they_should(deployment)
    assert json.loads(outsider.run("cat /opt/watch/seen.json"))["violations"] == []
