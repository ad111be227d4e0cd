# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from datetime import datetime, timezone

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls, _report

CATALOGUE = _controls.catalogue()


def report(**states) -> _report.Report:
    findings = {host: [_controls.Finding(control, state, "text") for control in CATALOGUE] for host, state in states.items()}
    return _report.Report(datetime(2026, 1, 1, tzinfo=timezone.utc), findings, {host: {"node": True} for host in states})


def test_the_summary_of_a_good_deployment_is_a_verdict():
    text = _report.summary(report(node1="passed", node2="passed"))
    assert "\nVERIFIED: %d of %d controls hold on 2 hosts" % (2 * len(CATALOGUE), 2 * len(CATALOGUE)) in text


def test_the_summary_of_a_bad_deployment_fits_a_screen_and_begins_with_the_worst():
    text = _report.summary(report(node1="failed", node2="failed"))
    assert len(text.splitlines()) <= 24
    assert text.splitlines()[2].startswith("CRITICAL") and "on node1, node2" in text
    assert "NOT VERIFIED: 0 of" in text


def test_what_could_not_be_judged_is_no_success():
    assert "NOT VERIFIED" in _report.summary(report(node1="error"))


def test_json_is_stable_and_complete():
    content = json.loads(_report.as_json(report(node1="failed")))
    assert content["schema"] == 1 and content["counts"]["failed"] == len(CATALOGUE)
    assert content["hosts"]["node1"][0].keys() >= {"id", "state", "severity", "text", "why", "remedy", "references", "evidence"}
    assert _report.as_json(report(node1="failed")) == _report.as_json(report(node1="failed"))
