# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""scripts/test and scripts/quickstart with a server that somebody gives; how tests and sabotages say which servers they are for."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

_PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module", name="sabotage")
def _sabotage() -> ModuleType:
    """tests/sabotage/run, which is a program without a suffix."""
    loader = importlib.machinery.SourceFileLoader("sabotage", str(_PROJECT / "tests/sabotage/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("sabotage", loader))
    # Where dataclasses look for their module.
    sys.modules["sabotage"] = module
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("command", [["scripts/test", "unit", "--server"], ["scripts/quickstart", "--server"]])
def test_what_is_no_server_is_refused_before_anything_runs(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "qdrant").write_text("no server")
    result = subprocess.run([_PROJECT / command[0], *command[1:], "qdrant"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert result.stderr.splitlines() == [
        "testbed: {} is no program for this machine: give a Qdrant server for Linux on {}".format(tmp_path / "qdrant", os.uname().machine)
    ]
    assert result.stdout == ""


def test_a_server_is_for_test_hosts(tmp_path: Path) -> None:
    result = subprocess.run(
        [_PROJECT / "scripts/quickstart", "--inventory", "hosts.yml", "--server", "qdrant"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1 and "for hosts of your own set qdrant_binary_file" in result.stderr


CASE = {"name": "a", "expect": ["x"], "blind": ["y"], "from": {"1.17.0": {"expect": ["z"]}, "1.19.0": {"expect": ["v"], "blind": []}}}


@pytest.mark.parametrize(("version", "expect", "blind"), [("1.16.3", ["x"], ["y"]), ("1.18.9", ["z"], ["y"]), ("1.20.0", ["v"], [])])
def test_a_sabotage_can_be_otherwise_from_a_version_on(sabotage: ModuleType, version: str, expect: list[str], blind: list[str]) -> None:
    assert sabotage.for_version(CASE, version) == {"name": "a", "expect": expect, "blind": blind}


def test_what_cannot_be_broken_depends_on_the_version(sabotage: ModuleType) -> None:
    not_here = {"always": "no clock", "once": {"until": "1.18.0", "reason": "no setting"}}
    assert sabotage.reasons(not_here, "1.17.0") == {"always": "no clock", "once": "no setting"}
    assert sabotage.reasons(not_here, "1.18.0") == {"always": "no clock"}


TESTS = """
import pytest

@pytest.mark.since("1.17.0")
def test_newer(): pass

@pytest.mark.until("1.17.0")
def test_older(): pass

@pytest.mark.parametrize("number", [pytest.param(1, marks=pytest.mark.since("1.19.0")), 2])
def test_some(number): pass
"""


def test_what_needs_another_server_is_left_out_and_named(tmp_path: Path) -> None:
    """With the conftest of the live tests, as pytest runs it."""
    live = tmp_path / "tests/live"
    bed = tmp_path / "tests/testbed"
    live.mkdir(parents=True)
    bed.mkdir()
    for name in ("conftest.py", "server.py"):
        (live / name).write_text((_PROJECT / "tests/live" / name).read_text(encoding="utf-8"), encoding="utf-8")
    (live / "test_marks.py").write_text(TESTS, encoding="utf-8")
    (bed / "testbed").write_text("#!/bin/sh\necho 1.18.2\n")
    (bed / "testbed").chmod(0o755)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(live)]
    output = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path).stdout
    assert [line for line in output.splitlines() if line.startswith("NOT RUN")] == [
        "NOT RUN tests/live/test_marks.py::test_older: needs Qdrant older than 1.17.0, this is 1.18.2",
        "NOT RUN tests/live/test_marks.py::test_some[1]: needs Qdrant 1.19.0 or later, this is 1.18.2",
    ]
    assert "2 passed, 2 skipped in" in output
