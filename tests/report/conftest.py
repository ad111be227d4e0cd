# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of three nodes, made from evidence of a real one: one node is healthy, one is broken in several ways, of one little is known."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls, _derived, _drift, _report
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report import model

HEALTHY = json.loads((Path(__file__).parents[1] / "unit/plugins/plugin_utils/evidence.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
# What a hostile server could send: it must stay text in every format.
HOSTILE = "<script>document.title='owned'</script>\u0000]]>|`{{ 7 * 7 }}"


def evidence() -> dict[str, dict]:
    broken = copy.deepcopy(HEALTHY)
    broken["auth"]["grpc"]["none"] = 0
    broken["files"]["secrets"]["mode"] = "0644"
    broken["web"]["cors_origin"] = HOSTILE
    broken["certificate"]["days_left"] = 3.5
    broken["vantages"][-1]["p2p"]["connect"] = "open"
    broken["vantages"][-1]["further"][0]["rest"]["connect"] = "open"
    # It has no address of IPv6, and a server of a hostile one says what it likes of where it was tried.
    views = [{**copy.deepcopy(view), "further": []} for view in HEALTHY["vantages"]]
    views[-1]["further"] = [{"address": HOSTILE, "family": HOSTILE, "rest": {"connect": HOSTILE}}]
    dark = {"node": True, "address": "192.0.2.3", "unit": {"error": "OSError: systemctl failed"}, "vantages": views}
    return {name: {**document, **_derived.judgements(document)} for name, document in {"node1": copy.deepcopy(HEALTHY), "node2": broken, "node3": dark}.items()}


@pytest.fixture(scope="session")
def report() -> model.Report:
    documents = evidence()
    controls = _controls.catalogue()
    waivers = _controls.parse_waivers([{"control": "config-cors-off", "reason": "A page of ours.", "expires": "2026-12-31"}], controls)
    findings = {host: _controls.judge_all(controls, document, waivers, host, date(2026, 11, 24)) for host, document in documents.items()}
    return model.Report(NOW, findings, documents, _drift.between({"node2": HEALTHY}, {"node2": documents["node2"]}), "2026-11-01T00:00:00+00:00")


@pytest.fixture(scope="session")
def folder(report, tmp_path_factory) -> Path:
    """The report's files."""
    path = tmp_path_factory.mktemp("report")
    for name, render in _report.FORMATS.items():
        (path / name).write_text(render(report), encoding="utf-8")
    return path
