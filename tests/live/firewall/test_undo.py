# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The undo takes away what the role made, and nothing of anybody else's. It is the last of the tests: it leaves the nodes down."""

from __future__ import annotations

import re

from vantages import HERE, ansible, info

OTHERS = {
    "node1": ("nft add table inet of_others", "nft list tables", "table inet of_others"),
    "node2": ("ufw allow 6334/tcp comment 'of others'", "ufw show added", "ufw allow 6334/tcp comment 'of others'"),
    "node3": (
        "firewall-cmd --permanent --add-rich-rule='rule family=ipv4 source address=198.51.100.9 port port=6334 protocol=tcp accept' && firewall-cmd --reload",
        "firewall-cmd --list-rich-rules",
        'rule family="ipv4" source address="198.51.100.9" port port="6334" protocol="tcp" accept',
    ),
}

# All that a run could change.
FILES = "ls -l /etc/qdrant /etc/systemd/system; nft --stateless list ruleset"
SHOW = {"node1": FILES, "node2": FILES + "; ufw show added", "node3": FILES + "; firewall-cmd --list-all-zones; firewall-cmd --permanent --list-all-zones"}


def rules(deployment) -> dict[str, list]:
    """The role's own rules in the host's own firewalls, halves of them included."""
    found = {}
    for name, seen in info(deployment, "qdrant").items():
        others = [seen["firewalls"][kind] or {} for kind in ("ufw", "firewalld")]
        found[name] = [rule for other in others for rule in other.get("own", []) + other.get("halves", [])]
    return found


def test_the_undo_takes_away_its_own_rules_and_leaves_others(deployment):
    nodes = {host.name: host for host in deployment.nodes}
    for name, (make, _show, _rule) in OTHERS.items():
        nodes[name].run(make)
    before = rules(deployment)
    assert before["node1"] == [] and before["node2"] and before["node3"]
    ansible(deployment, str(HERE / "undo.yml"), "--check")
    assert rules(deployment) == before
    ansible(deployment, str(HERE / "undo.yml"))
    assert rules(deployment) == {"node1": [], "node2": [], "node3": []}
    for name, (_make, show, rule) in OTHERS.items():
        assert rule in nodes[name].run(show), name
    for host in deployment.nodes:
        left = "nft list table inet hardened_qdrant; ls /etc/qdrant/firewall.nft /etc/systemd/system/qdrant-firewall.service"
        assert host.run(f"({left}) 2>/dev/null", check=False) == ""
        # Closed, not open: nothing of Qdrant runs, or starts.
        assert host.run("systemctl start qdrant 2>/dev/null; systemctl is-active qdrant", check=False).strip() == "inactive"
    assert "Status: active" in nodes["node2"].run("ufw status") and "ufw allow 22/tcp" in nodes["node2"].run("ufw show added")
    # Clean hosts again, but for their own firewalls: a run in check mode says what it would do, and does nothing.
    before = {host.name: host.run(SHOW[host.name]) for host in deployment.nodes}
    said = ansible(deployment, str(HERE / "only.yml"), "--check")
    assert all(int(number) >= 3 for number in re.findall(r"changed=(\d+)", said)), said
    assert {host.name: host.run(SHOW[host.name]) for host in deployment.nodes} == before
    again = ansible(deployment, str(HERE / "undo.yml"))
    assert set(re.findall(r"changed=(\d+)", again)) == {"0"}, again
