# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode tells the truth: a failure is no change, and what cannot be tried is announced."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
FILES = [path for pattern in ("roles/*/tasks/**/*.yml", "playbooks/*.yml") for path in sorted(PROJECT.glob(pattern))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_failure_is_told_as_a_change(path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"changed_when:.*\bfailed\b", text) == []
    assert [line for line in re.findall(r"failed_when:.*", text) if "check_mode" in line] == []
