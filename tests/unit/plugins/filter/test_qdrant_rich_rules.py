# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter qdrant_rich_rules."""

from __future__ import annotations

from ansible_collections.hardened.qdrant.plugins.filter import qdrant_rich_rules
from ansible_collections.hardened.qdrant.plugins.module_utils import _backends


def test_one_rule_a_zone_address_and_port_in_firewallds_words():
    filter_ = qdrant_rich_rules.FilterModule().filters()["qdrant_rich_rules"]
    passes = [{"address": "192.0.2.11", "ports": [6333, 6335]}, {"address": "2001:db8::1", "ports": [6334]}]
    found = filter_(passes, ["public", "work"])
    assert [(entry["zone"], entry["address"], entry["port"]) for entry in found[:3]] == [
        ("public", "192.0.2.11", 6333),
        ("public", "192.0.2.11", 6335),
        ("public", "2001:db8::1", 6334),
    ]
    assert len(found) == 6 and all(_backends.RICH_OWN.fullmatch(entry["rule"]) for entry in found)
    # What is seen later equals what was wanted, so a second run changes nothing.
    zones = {zone: {"rules": [entry["rule"] for entry in found if entry["zone"] == zone]} for zone in ("public", "work")}
    assert _backends.own_rich_rules(zones) == found
    assert filter_(passes, []) == [] and filter_([], ["public"]) == []
