# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which the playbook apply starts nodes. The live tests have three nodes, and a wrong order shows with more."""

from __future__ import annotations

from pathlib import Path

import yaml

PLAYS = yaml.safe_load((Path(__file__).parents[3] / "playbooks/apply.yml").read_text(encoding="utf-8"))


def test_nodes_join_and_restart_one_after_the_other():
    groups = ("groups['__qdrant_join'", "groups['__qdrant_restart'")
    found = [[play for play in PLAYS if play["hosts"].startswith("{{ " + group)] for group in groups]
    assert [len(plays) for plays in found] == [1, 1]
    for play in (plays[0] for plays in found):
        assert play["serial"] == 1 and play["any_errors_fatal"] is True, play["name"]
