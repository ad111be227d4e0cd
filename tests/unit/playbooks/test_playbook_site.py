# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the playbook site: a change of keys is planned before anything is changed, and what it changes ends with new tokens."""

from __future__ import annotations

from pathlib import Path

import yaml

PLAYS = yaml.safe_load((Path(__file__).parents[3] / "playbooks/site.yml").read_text(encoding="utf-8"))


def position(words: str) -> int:
    """The place of the one play that says these words."""
    found = [number for number, play in enumerate(PLAYS) if words in str(play)]
    assert len(found) == 1, words
    return found[0]


def test_keys_are_planned_before_and_tokens_made_after_the_nodes_run_them():
    plan, install, apply, asking, tokens, verify = map(
        position, ("'rotation'", "'install'", "'Adopt the wanted state'", "'__qdrant_round': '_internal_auth'", "'tokens'", "qdrant.verify")
    )
    assert position("hardened.qdrant.preflight") == 0 and plan == 1
    assert plan < install < apply < asking < tokens < verify


def test_nodes_ask_each_other_for_keys_after_they_were_looked_at_again():
    again, apply = position("'preflight'}"), position("'__qdrant_round': '_internal_auth'")
    assert again == apply - 1
    assert all("__qdrant_internal_auth" in str(PLAYS[number]) for number in (again, apply))
