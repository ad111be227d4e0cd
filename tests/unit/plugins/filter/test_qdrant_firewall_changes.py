# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter qdrant_firewall_changes."""

from __future__ import annotations

from ansible_collections.hardened.qdrant.plugins.filter import qdrant_firewall_changes
from ansible_collections.hardened.qdrant.plugins.module_utils._firewalls import firewalld

changes = qdrant_firewall_changes.FilterModule().filters()["qdrant_firewall_changes"]
PASSES = [{"address": "192.0.2.11", "ports": [6333, 6335]}, {"address": "2001:db8::1", "ports": [6334]}]
GONE = {"address": "192.0.2.12", "ports": [6333]}


def test_firewalld_is_told_one_rule_a_zone_address_and_port_in_its_words():
    (told,) = changes(PASSES, "firewalld", {"firewalld": {"active": True, "zones": ["public", "work"], "own": [], "halves": []}, "ufw": None})
    found = told["add"]
    assert [(entry["zone"], entry["address"], entry["port"]) for entry in found[:3]] == [
        ("public", "192.0.2.11", 6333),
        ("public", "192.0.2.11", 6335),
        ("public", "2001:db8::1", 6334),
    ]
    assert told["backend"] == "firewalld" and told["remove"] == []
    assert len(found) == 6 and all(firewalld.RICH_OWN.fullmatch(entry["rule"]) for entry in found)
    # What is seen later equals what was wanted, so a second run changes nothing.
    zones = {zone: {"rules": [entry["rule"] for entry in found if entry["zone"] == zone]} for zone in ("public", "work")}
    own = firewalld.own_rich_rules(zones)
    assert own == found and changes(PASSES, "firewalld", {"firewalld": {"zones": ["public", "work"], "own": own, "halves": []}}) == []
    # Half a rule is written whole where it is wanted, and taken back where it is not.
    seen = {"firewalld": {"zones": ["public", "work"], "own": own[1:], "halves": own[:1]}}
    assert changes(PASSES, "firewalld", seen) == [{"backend": "firewalld", "add": own[:1], "remove": []}]
    assert changes([], "nftables", seen) == [{"backend": "firewalld", "add": [], "remove": [*own[1:], own[0]]}]


def test_ufw_is_told_what_differs():
    there = {"firewalld": None, "ufw": {"active": True, "own": [PASSES[0], GONE]}}
    assert changes(PASSES, "ufw", there) == [{"backend": "ufw", "add": PASSES[1:], "remove": [GONE]}]
    assert changes(PASSES, "ufw", {"ufw": {"own": PASSES}}) == []


def test_who_is_not_the_one_to_be_told_loses_its_rules():
    there = {"ufw": {"own": [GONE, GONE]}, "firewalld": {"zones": ["public"], "own": []}}
    assert [(told["backend"], told["remove"]) for told in changes(PASSES, "firewalld", there)] == [("firewalld", []), ("ufw", [GONE])]
    assert changes(PASSES, "nftables", {}) == changes(PASSES, "nftables", None) == []
