# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import json
from pathlib import Path

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _drift

NODE = json.loads(Path(__file__).with_name("evidence.json").read_text(encoding="utf-8"))


def test_nothing_differs_from_itself():
    assert _drift.between({"node1": NODE}, {"node1": copy.deepcopy(NODE)}) == []


def test_what_differs_always_is_no_drift():
    later = copy.deepcopy(NODE)
    later["time"] += 1000
    later["process"]["pid"] += 1
    later["certificate"]["days_left"] -= 1
    later["certificate"]["ca"][0]["days_left"] -= 1
    later["cluster"]["term"] = 99
    later["host"]["room"]["data"]["free_bytes"] -= 1
    later["vantages"][0]["rest"]["clock_offset"] = -1
    assert _drift.between({"node1": NODE}, {"node1": later}) == []


def test_a_change_is_named_with_both_sides():
    later = copy.deepcopy(NODE)
    later["files"]["config"]["mode"] = "0666"
    assert _drift.between({"node1": NODE}, {"node1": later}) == [{"host": "node1", "place": "files.config.mode", "was": "0644", "is": "0666"}]


def test_what_came_and_went():
    changes = _drift.between({"node1": {"a": 1, "gone": 2}}, {"node1": {"a": 1}, "node2": {"b": []}})
    assert changes == [
        {"host": "node1", "place": "gone", "was": 2, "is": _drift.MISSING},
        {"host": "node2", "place": "b", "was": _drift.MISSING, "is": []},
    ]


def test_a_section_that_could_not_be_observed_is_drift():
    changes = _drift.between({"n": {"tls": {"rest": {"sha256": "x"}}}}, {"n": {"tls": {"rest": {"error": "refused"}}}})
    assert [change["place"] for change in changes] == ["tls.rest.error", "tls.rest.sha256"]
