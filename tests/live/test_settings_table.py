# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of settings, row by row, against the server at hand: started bare on loopback, on the machine that runs the tests, for seconds each."""

from __future__ import annotations

import json
import subprocess
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import server
import settings_cases
import settings_server
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _settings

AT_ONCE = 3
ROWS = settings_cases.rows(server.name())
# A value that is right, and that keeps a server from what another row's needs.
BY_THEMSELVES = ("storage.recovery_mode", "storage.snapshots_config.snapshots_storage", "debugger.pyroscope.sampling_rate")


@pytest.fixture(scope="module")
def tried(tmp_path_factory) -> t.Callable[..., settings_server.Outcome]:
    """Return a function that starts the server at hand with settings."""
    found = json.loads(subprocess.run([server.TESTBED, "server"], check=True, capture_output=True, text=True).stdout)
    ca = tmp_path_factory.mktemp("ca") / "ca.pem"
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=nobody -keyout /dev/null -out".split()
    subprocess.run([*request, ca], check=True, capture_output=True)
    return lambda settings, work: settings_server.tried(Path(found["path"]), settings, ca, work=work)


def other_than_expected(tried, cases: list[settings_cases.Case], work: bool) -> list[str]:
    """Return what came of cases, each by itself, where that is not what the table says."""
    cases = [case for case in cases if case.tried]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda case: tried(case.config, work or case.effect == "broken"), cases))
    return [
        f"{case.name} {json.dumps(case.config)}: {case.effect} expected, {outcome.effect} seen: {outcome.words}"
        for case, outcome in zip(cases, outcomes)
        if outcome.effect != case.effect
    ]


def together(tried, cases: list[settings_cases.Case]) -> list[str]:
    """Return what came of cases that all start a server: at once, and each by itself if that does not start."""
    merged: _settings.Settings = {}
    for case in cases:
        merged = _settings.merge(merged, case.config)
    return other_than_expected(tried, cases, work=False) if tried(merged, False).effect != "works" else []


def test_the_server_starts_with_every_value_that_is_right(tried):
    by_kind: dict[str, list[settings_cases.Case]] = {}
    alone = []
    for row in ROWS:
        for case in settings_cases.valid(row):
            if not case.tried:
                continue
            if row.use or row.not_with or row.name in BY_THEMSELVES or row.name.startswith("storage.collection.quantization."):
                alone.append(case)
            else:
                by_kind.setdefault(case.kind, []).append(case)
    found = [text for cases in by_kind.values() for text in together(tried, cases)] + other_than_expected(tried, alone, work=False)
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("kind", ["misspelt", "uppercase"])
def test_the_server_ignores_a_name_that_it_does_not_have(tried, kind):
    """Each has a value of a wrong type, at which the server would end if it read it."""
    found = together(tried, [case for row in ROWS for case in settings_cases.misnamed(row) if case.kind == kind])
    assert found == [], "\n".join(found)


def test_a_value_that_is_wrong_does_what_the_table_says(tried):
    found = other_than_expected(tried, [case for row in ROWS for case in settings_cases.wrong(row)], work=True)
    assert found == [], "\n".join(found)


def test_the_server_ignores_what_it_does_not_have_any_more_or_not_yet(tried):
    """These with a value of a wrong type as well."""
    names = {row.name for row in ROWS}
    others = [row for row in settings_cases.every_row() if row.name not in names and not any(name.startswith(row.name + ".") for name in names)]
    cases = [settings_cases.Case(row, "of-another-version", settings_cases.config(row, settings_cases.WRONG[row.type]), "works") for row in others]
    found = together(tried, cases)
    assert found == [], "\n".join(found)
