# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import sys
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from ansible_collections.hardened.qdrant.tests.live import server

_PROJECT = Path(__file__).resolve().parents[3]
_NEEDED = "NOT RUN tests/live/test_x.py::test_a: needs Qdrant 1.17.0 or later, this is 1.16.3"


@pytest.fixture(scope="module", name="outcome")
def _outcome() -> ModuleType:
    """scripts/lib/outcome, which is a program without a suffix."""
    loader = importlib.machinery.SourceFileLoader("outcome", str(_PROJECT / "scripts/lib/outcome"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("outcome", loader))
    # Where dataclasses look for their module.
    sys.modules["outcome"] = module
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        # A stage that ran no pytest.
        ("some output", 0, (1, 0, 0)),
        ("some output", 2, (0, 1, 0)),
        ("", 0, (1, 0, 0)),
        # One that did, by itself, and within Ansible's output. The last summary counts.
        ("12 passed in 3.21s", 0, (12, 0, 0)),
        ("== 2 failed, 10 passed, 1 warning, 1 error in 63.10s (0:01:03) ==", 1, (10, 3, 0)),
        ('        "===== 31 passed, 2 warnings in 100.17s (0:01:40) ====="\n', 0, (31, 0, 0)),
        ("1 failed in 1.0s\n5 passed in 2.0s", 0, (5, 0, 0)),
        # Something else than a test went wrong.
        ("12 passed in 3.21s", 2, (12, 1, 0)),
        # What is skipped in silence has failed, though pytest ended well.
        ("12 passed, 2 skipped in 3.21s", 0, (12, 2, 2)),
        ("3 skipped in 0.21s", 0, (0, 3, 3)),
        ("12 passed, 1 xfailed in 3.21s", 0, (12, 1, 1)),
        ("12 passed, 1 xpassed in 3.21s", 0, (12, 1, 1)),
        # What needs another server, and says so, is neither; it covers no other skip.
        (_NEEDED + "\n12 passed, 1 skipped in 3.21s", 0, (12, 0, 0)),
        (_NEEDED + "\n" + _NEEDED + "\n12 passed, 2 skipped in 3.21s", 0, (12, 1, 1)),
        ("NOT RUN tests/live/test_x.py::test_a: it was late\n12 passed, 1 skipped in 3.21s", 0, (12, 1, 1)),
    ],
)
def test_counts(outcome: ModuleType, text: str, code: int, expected: tuple[int, int, int]) -> None:
    found = outcome.read(text, code)
    assert (found.passed, found.failed, found.disguised) == expected


def test_what_did_not_run_is_named_once(outcome: ModuleType) -> None:
    older = "NOT RUN tests/sabotage/cases.yml, empty-key: needs Qdrant older than 1.19.0, this is 1.19.0"
    text = f'    "{_NEEDED}",\n        "{_NEEDED}"\n{older}, and more\n'
    assert outcome.read(text, 0).not_run == (_NEEDED.removeprefix("NOT RUN "), older.removeprefix("NOT RUN "))


@pytest.mark.parametrize(
    ("first", "too_new", "version", "words"),
    [
        (None, None, "1.16.3", ""),
        ("1.17.0", None, "1.16.3", "needs Qdrant 1.17.0 or later, this is 1.16.3"),
        ("1.17.0", None, "1.17.0", ""),
        ("1.9.0", None, "1.16.3", ""),
        (None, "1.19.0", "1.18.3", ""),
        (None, "1.19.0", "1.19.0", "needs Qdrant older than 1.19.0, this is 1.19.0"),
    ],
)
def test_the_words_of_the_tests_are_those_that_are_looked_for(outcome: ModuleType, first: str, too_new: str, version: str, words: str) -> None:
    assert server.need(first, too_new, version) == words
    assert outcome.read("NOT RUN a test: " + words, 0).not_run == (("a test: " + words,) if words else ())


def test_records_are_added(outcome: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "output" / "runs.json"
    for stage, passed in (("cluster", 3), ("access", 4)):
        outcome.record(path, stage, "1.19.0", outcome.Outcome(passed, 0, 0, ("a test",)), date(2026, 11, 26))
    records = json.loads(path.read_text())
    assert [(record["stage"], record["passed"]) for record in records] == [("cluster", 3), ("access", 4)]
    assert records[0] == {"stage": "cluster", "server": "1.19.0", "passed": 3, "failed": 0, "not_run": ["a test"], "date": "2026-11-26"}
