# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.tests.testbed.bed import engine


@pytest.mark.parametrize(
    ("stat", "expected"),
    [
        ("77 (dockerd) S 1 77", True),
        ("77 (dockerd) Z 1 77", False),
        ("77 (postgres) S 1 77", False),
        ("77 (docker) d) S 1 77", False),
        (None, False),
    ],
)
def test_is_live(tmp_path: Path, stat: str | None, expected: bool) -> None:
    if stat:
        (tmp_path / "77").mkdir()
        (tmp_path / "77" / "stat").write_text(stat)
    (tmp_path / "docker.pid").write_text("77\n")
    assert engine.is_live(tmp_path / "docker.pid", "dockerd", tmp_path) is expected


def test_no_pid_file(tmp_path: Path) -> None:
    assert not engine.is_live(tmp_path / "docker.pid", "dockerd", tmp_path)


def test_empty_pid_file(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu 1 2 3")
    (tmp_path / "docker.pid").write_text("")
    assert not engine.is_live(tmp_path / "docker.pid", "dockerd", tmp_path)
