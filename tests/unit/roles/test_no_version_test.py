# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No role compares versions by Ansible's test: a text that is none raises an error, which ends the play of every host before the preflight can say more."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[3]


def test_no_role_compares_versions_by_the_test_of_ansible():
    files = [path for folder in ("roles", "playbooks") for path in (PROJECT / folder).rglob("*") if path.suffix in (".yml", ".j2")]
    assert len(files) > 100
    found = [str(path.relative_to(PROJECT)) for path in files if re.search(r"\bis (not )?(ansible\.builtin\.)?version\(", path.read_text(encoding="utf-8"))]
    assert found == []
