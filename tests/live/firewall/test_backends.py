# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three hosts with three firewalls: none, ufw, firewalld. Who reaches what, over both families, whatever happens to the hosts.

The tests change one deployment, in the order in which they stand. Each leaves it as it found it.
"""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import contextmanager

import pytest
import yaml
from conftest import PROJECT
from vantages import (
    FAMILIES,
    HERE,
    NOBODY,
    PEER,
    all_at_once,
    ansible,
    everybody_passes_where_they_should,
    from_here,
    info,
    knock,
    matrix,
    nmap,
    prepare,
    report,
    reported,
)

BACKENDS = {"node1": "nftables", "node2": "ufw", "node3": "firewalld"}
RELOADS = {
    # The restart flushes all tables, and takes guard and server with it; the reload flushes them again.
    "node1": "systemctl restart nftables.service && systemctl start qdrant && systemctl reload nftables.service",
    "node2": "ufw reload",
    "node3": "firewall-cmd --reload",
}


@pytest.fixture(scope="module")
def node(deployment):
    return {host.name: host for host in deployment.nodes}


@pytest.fixture(scope="module")
def outsider(deployment):
    return deployment.outsiders[0]


@pytest.fixture(scope="module", autouse=True)
def prepared(deployment):
    prepare(deployment)
    # Among peers there is nothing left to see that the tests do not look at, and the watchers cost much.
    for host in deployment.nodes:
        host.run("systemctl stop watch", check=False)
        assert json.loads(host.run("cat /opt/watch/seen.json"))["violations"] == []
    yield
    for host in deployment.nodes:
        host.run("systemctl stop listener", check=False)


def test_everybody_reaches_what_they_should_over_both_families(deployment):
    everybody_passes_where_they_should(deployment)


def test_each_host_is_told_by_its_own_firewall(deployment, node):
    found = info(deployment, "qdrant")
    for name, host in node.items():
        seen = found[name]
        assert (seen["table"], seen["backend"], seen["rollback"]) == (True, BACKENDS[name], False)
        assert sorted(seen["sets"]["clients6"]) == sorted([host.vars["testbed_gateway_ipv6"], "2001:db8:1::/64"])
        assert seen["counters"]["dropped_p2p"]["packets"] > 0 and seen["counters"]["dropped_api"]["packets"] > 0
        assert seen["firewalls"]["foreign"] == []
    own = found["node3"]["firewalls"]["firewalld"]
    assert own["own"] and own["halves"] == [] and own["zones"] == ["public"]
    # It would drop what the guard lets pass.
    assert "policy drop" in node["node2"].run("nft list chain ip filter INPUT")


def test_a_reload_of_each_firewall_changes_nothing(deployment, node):
    before = {name: host.run("nft --stateless list table inet hardened_qdrant") for name, host in node.items()}
    all_at_once({name: (node[name].run, command) for name, command in RELOADS.items()})
    assert {name: host.run("nft --stateless list table inet hardened_qdrant") for name, host in node.items()} == before
    everybody_passes_where_they_should(deployment)


def test_a_flush_is_noticed_and_healed_and_rules_of_others_are_said(deployment, node):
    """In one run: an administrator's flush, a rule of theirs in ufw, and one in firewalld that shadow ours. And nmap agrees with the report."""
    node["node1"].run("nft flush ruleset")
    node["node2"].run("ufw deny 6335/tcp")
    node["node3"].run("firewall-cmd --add-port=6000-6400/tcp")
    noticed = deployment.playbook("hardened.qdrant.verify", check=False)
    assert noticed.returncode != 0 and "firewall-table" in noticed.stdout
    seen, told = matrix(deployment), reported(deployment)
    assert {place: seen.get(place) for place in told} == told and len(told) == 2 * 3 * 3 - 2
    # Qdrant has a second wall, which others that listen on the node have not.
    assert seen["node1", "ipv4", "outsider"] == NOBODY and set(seen["node1", "ipv6", "outsider"].values()) == {"open"}
    failed = {finding["id"] for finding in report(deployment)["hosts"]["node1"] if finding["state"] == "failed"}
    assert failed >= {"firewall-table", "reach-further-outsider"}
    healed = ansible(deployment, str(HERE / "only.yml"))
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
    script = 'import socket; socket.create_connection(("%s", %d), 3); print("open")' % (address, port)
    return host.run(f"setpriv --reuid=qdrant --regid=qdrant --clear-groups python3 -c '{script}' 2>&1 | tail -n 1", check=False).strip()


def test_a_node_that_leaves_is_closed_out_and_one_that_joins_is_let_in(deployment, node, outsider, tmp_path):
    target = {"host": outsider.address, "port": 22}
    node["node3"].run("systemctl stop qdrant")
    with changed_inventory(deployment, tmp_path, "node3", qdrant_firewall_targets=[target], qdrant_firewall_clients=[]) as inventory:
        output = ansible(deployment, "-i", str(inventory), str(HERE / "only.yml"))
    assert "qdrant_firewall_clients is empty" in output
    for name in ("node1", "node2"):
        for variable in FAMILIES.values():
            assert knock(node["node3"], node[name].vars[variable]) == NOBODY, (name, variable)
        assert from_here(node[name].address) == NOBODY
    assert node["node3"].address not in node["node2"].run("ufw show added")
    assert nmap(node["node1"], [node["node2"].address]) == {node["node2"].address: PEER}
    # A target is let out to, and no other port of it.
    assert connects_as_server(node["node1"], outsider.address, 22) == "open"
    assert "refused" in connects_as_server(node["node1"], outsider.address, 80)
    # What left the inventory is a difference to it, until a run.
    noticed = deployment.playbook("hardened.qdrant.verify", check=False)
    assert noticed.returncode != 0 and "firewall-as-inventory" in noticed.stdout
    # It is let in on the others before it starts.
    ansible(deployment, str(HERE / "only.yml"))
    assert node["node3"].run("systemctl is-active qdrant", check=False).strip() == "inactive"
    for name in ("node1", "node2"):
        for variable in FAMILIES.values():
            assert knock(node["node3"], node[name].vars[variable]) == PEER, (name, variable)
    node["node3"].run("systemctl start qdrant")
    assert "refused" in connects_as_server(node["node1"], outsider.address, 22)
    everybody_passes_where_they_should(deployment)


def test_an_ufw_that_drops_all_of_ipv6_is_refused_before_any_change(deployment, node):
    """One of the clients is a network of IPv6. The two other hosts have no ufw."""
    host = node["node2"]
    before = host.run("nft --stateless list ruleset")
    host.run("sed -i.before 's/^IPV6=.*/IPV6=no/' /etc/default/ufw")
    try:
        said = " ".join(ansible(deployment, str(HERE / "only.yml"), check=False).split())
    finally:
        host.run("mv /etc/default/ufw.before /etc/default/ufw")
    assert "ufw drops all of IPv6 (IPV6=no)" in said and "run ufw reload" in said and "nothing was changed" in said
    assert host.run("nft --stateless list ruleset") == before


def test_what_cuts_the_controller_off_is_rolled_back(deployment, node):
    host = node["node1"]
    before = host.run("nft --stateless list table inet hardened_qdrant; cat /etc/qdrant/firewall.nft")
    said = ansible(deployment, str(HERE / "cut.yml"), "-e", "cut=node1", check=False)
    assert "rolled back" in said or "UNREACHABLE" in said
    assert host.run("nft --stateless list table inet hardened_qdrant; cat /etc/qdrant/firewall.nft") == before
    assert host.run("systemctl is-active qdrant").strip() == "active"


def test_a_reboot_opens_nothing_and_brings_all_back(deployment, node, outsider):
    """Two hosts at once, with ufw and firewalld. The watchers on the outsider knock all the while."""
    hosts = [node["node2"], node["node3"]]
    names = ["hardened-qdrant-{}-{}".format(host.vars["testbed_name"], host.name) for host in hosts]
    subprocess.run(["docker", "restart", *names], check=True, capture_output=True, cwd=PROJECT)
    deadline = time.monotonic() + 240
    states: list[str] = []
    while states != ["active", "active"] and time.monotonic() < deadline:
        states = [host.run("systemctl is-active qdrant", check=False).strip() for host in hosts]
        seen = nmap(outsider, [host.address for host in hosts])
        # A host whose network is there before its guard refuses, for nothing listens yet: closed, and never open.
        assert not any("open" in reached.values() for reached in seen.values()), seen
    assert states == ["active", "active"]
    for host in hosts:
        properties = "systemctl show --value -p ActiveEnterTimestampMonotonic qdrant-firewall; systemctl show --value -p ExecMainStartTimestampMonotonic qdrant"
        guard, server = map(int, host.run(properties).split())
        assert 0 < guard < server
    prepare(deployment, hosts)
    assert "Status: active" in node["node2"].run("ufw status") and node["node3"].run("firewall-cmd --state").strip() == "running"
    everybody_passes_where_they_should(deployment)
    assert json.loads(outsider.run("cat /opt/watch/seen.json"))["violations"] == []
