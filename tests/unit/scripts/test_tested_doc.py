# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

_PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module", name="tested")
def _tested() -> ModuleType:
    """scripts/lib/tested_doc, which is a program without a suffix."""
    loader = importlib.machinery.SourceFileLoader("tested_doc", str(_PROJECT / "scripts/lib/tested_doc"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tested_doc", loader))
    sys.modules["tested_doc"] = module
    loader.exec_module(module)
    return module


def test_the_page_is_what_the_data_gives(tested: ModuleType) -> None:
    data = json.loads(tested.DATA.read_text(encoding="utf-8"))
    assert tested.document(data) == tested.PAGE.read_text(encoding="utf-8"), "run scripts/lib/tested_doc > docs/tested.md"
    assert tested.merge(data, []) == data


def test_every_stage_that_runs_a_server_is_on_it(tested: ModuleType) -> None:
    text = (_PROJECT / "scripts/test").read_text(encoding="utf-8")
    stages = re.search(r"^stages=\((.*)\)$", text, re.MULTILINE)
    first = re.search(r"^live=\(\"\$\{stages\[@\]:(\d+)\}\"\)$", text, re.MULTILINE)
    assert stages and first and stages[1].split()[int(first[1]) :] == list(tested.STAGES)


def _run(stage: str, server: str, passed: int, failed: int = 0, not_run: tuple[str, ...] = (), date: str = "2026-11-26") -> dict:
    return {"stage": stage, "server": server, "passed": passed, "failed": failed, "not_run": list(not_run), "date": date}


def test_the_last_run_counts(tested: ModuleType) -> None:
    data = tested.merge({}, [_run("cluster", "1.9.0", 1), _run("unit", "", 9), _run("cluster", "1.10.0", 2, 3), _run("access", "1.9.0", 4)])
    assert list(data) == ["cluster", "access"] and list(data["cluster"]) == ["1.9.0", "1.10.0"]
    again = tested.merge(data, [_run("cluster", "1.10.0", 5, date="2026-11-27")])
    assert again["cluster"]["1.10.0"] == {"passed": 5, "failed": 0, "not_run": [], "date": "2026-11-27"}
    assert again["cluster"]["1.9.0"] == data["cluster"]["1.9.0"]


def test_what_failed_and_what_did_not_run_is_said(tested: ModuleType) -> None:
    needed = "tests/live/test_x.py::test_a: needs Qdrant 1.17.0 or later, this is 1.16.3"
    page = tested.document(tested.merge({}, [_run("cluster", "1.16.3", 7, 2, (needed,)), _run("cluster", "1.19.0", 10)]))
    row = next(line for line in page.splitlines() if line.startswith("| `cluster`"))
    assert row.endswith("| **2 failed**, 7 passed, 1 not run, 2026-11-26 | 10 passed, 2026-11-26 |")
    assert next(line for line in page.splitlines() if line.startswith("| `access`")).endswith("| not run | not run |")
    assert "## Not run with 1.16.3\n\n* `cluster`: tests/live/test_x.py::test_a: needs Qdrant 1.17.0 or later\n" in page
    assert "## Not run with 1.19.0" not in page
