# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard: over both families, after a flush, and after a reboot."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from conftest import PROJECT

PORTS = {"rest": 6333, "grpc": 6334, "p2p": 6335}


def connects(host, address: str, port: int) -> str:
    """How a connection from a host to an address ends: open, refused, or timeout, which is what a dropped packet looks like."""
    script = "cd /opt/watch && python3 -c 'import _wire; print(_wire.can_connect(_wire.Target(\"%s\", %d), 1))'" % (address, port)
    return host.run(script).strip()


@pytest.fixture(scope="module")
def deployment(deployment):
    """Every command makes a connection of its own: nobody else would see that SSH is let in."""
    return deployment.unshared()


@pytest.fixture(scope="module")
def outsider(deployment):
    return deployment.outsiders[0]


@pytest.mark.parametrize("family", ["qdrant_address", "testbed_ipv6"])
def test_strangers_are_dropped_over_both_families(deployment, outsider, family):
    """Over IPv6 nothing listens, so without the guard the answer would be a refusal."""
    for node in deployment.nodes:
        assert {name: connects(outsider, node.vars[family], port) for name, port in PORTS.items()} == dict.fromkeys(PORTS, "timeout"), node.name


def test_peers_reach_the_cluster_port_and_not_grpc(deployment):
    for node in deployment.nodes:
        for peer in deployment.nodes:
            if peer is not node:
                outcome = {name: connects(node, peer.address, port) for name, port in PORTS.items()}
                assert outcome == {"rest": "open", "grpc": "timeout", "p2p": "open"}, (node.name, peer.name)


def test_ssh_and_other_tables_are_left_alone(deployment):
    for node in deployment.nodes:
        rules = json.loads(node.run("nft --json list table inet hardened_qdrant"))["nftables"]
        chains = [entry["chain"] for entry in rules if "chain" in entry]
        assert {chain["policy"] for chain in chains if "policy" in chain} == {"accept"}
        ports = json.dumps([entry["rule"]["expr"] for entry in rules if "rule" in entry])
        assert "22" not in [word.strip('",[]{}') for word in ports.split()]


def test_damage_is_noticed_and_healed_by_the_next_run(deployment, tmp_path):
    """A damage for each node, in one run."""
    damages = (
        "nft delete table inet hardened_qdrant",
        "nft flush chain inet hardened_qdrant guard",
        "nft insert rule inet hardened_qdrant guard tcp dport 6335 accept; nft add element inet hardened_qdrant peers4 '{ 198.51.100.0/24 }'",
    )
    before = [node.run("nft --stateless list table inet hardened_qdrant") for node in deployment.nodes]
    for node, damage in zip(deployment.nodes, damages):
        node.run(damage)
    noticed = deployment.playbook("hardened.qdrant.verify", "-e", f"qdrant_verify_report_dir={tmp_path}", check=False)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    for node in deployment.nodes:
        failed = {finding["id"] for finding in report["hosts"][node.name] if finding["state"] in ("failed", "error")}
        assert noticed.returncode != 0 and any(control.startswith("firewall-") for control in failed), (node.name, failed)
    healed = deployment.playbook("hardened.qdrant.site")
    assert "VERIFIED" in healed.stdout + healed.stderr
    assert [node.run("nft --stateless list table inet hardened_qdrant") for node in deployment.nodes] == before


def test_a_restart_of_the_hosts_firewall_loses_nothing(deployment, outsider):
    node = deployment.nodes[0]
    before = node.run("nft --stateless list table inet hardened_qdrant")
    node.run("systemctl restart nftables.service")
    assert node.run("nft --stateless list table inet hardened_qdrant") == before
    node.run("systemctl reload nftables.service")
    assert node.run("nft --stateless list table inet hardened_qdrant") == before
    assert connects(outsider, node.address, 6335) == "timeout"
    node.run("systemctl stop nftables.service")
    deadline = time.monotonic() + 60
    while node.run("systemctl is-active qdrant", check=False).strip() != "active" and time.monotonic() < deadline:
        node.run("systemctl start qdrant", check=False)
    assert node.run("systemctl is-active qdrant").strip() == "active"


def test_a_reboot_brings_guard_and_node_back_in_this_order(deployment, outsider):
    node = deployment.nodes[0]
    name = "hardened-qdrant-{}-{}".format(node.vars["testbed_name"], node.name)
    subprocess.run(["docker", "restart", name], check=True, capture_output=True, cwd=PROJECT)
    deadline = time.monotonic() + 90
    state = ""
    while state != "active" and time.monotonic() < deadline:
        assert connects(outsider, node.address, 6335) != "open"
        state = node.run("systemctl is-active qdrant", check=False).strip()
    assert state == "active"
    entered = node.run(
        "systemctl show --value -p ActiveEnterTimestampMonotonic qdrant-firewall; systemctl show --value -p ExecMainStartTimestampMonotonic qdrant"
    )
    guard, server = map(int, entered.split())
    assert 0 < guard < server
    assert connects(outsider, node.address, 6335) == "timeout"
