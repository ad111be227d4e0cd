# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings as reports: for a terminal, and as JSON."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls

SCHEMA = 1
LINES = 16  # of findings in the terminal's summary, so that it fits one screen


@dataclass(frozen=True)
class Report:
    """The findings of one verification, by host."""

    time: datetime
    findings: dict[str, list[_controls.Finding]]
    evidence: dict[str, dict[str, t.Any]]

    def bad(self) -> list[tuple[str, _controls.Finding]]:
        """What failed or could not be judged, the most severe first."""
        found = [
            (host, finding) for host, findings in self.findings.items() for finding in findings if finding.state in (_controls.FAILED, _controls.ERROR)
        ]
        return sorted(found, key=lambda entry: (-_controls.SEVERITIES.index(entry[1].control.severity), entry[1].control.id, entry[0]))

    def counts(self) -> dict[str, int]:
        return _controls.counts(finding for findings in self.findings.values() for finding in findings)


def as_json(report: Report) -> str:
    """The whole report, findings and evidence, in a stable order."""
    content = {
        "schema": SCHEMA,
        "time": report.time.isoformat(timespec="seconds"),
        "counts": report.counts(),
        "hosts": {host: [finding.as_dict() for finding in findings] for host, findings in sorted(report.findings.items())},
        "evidence": report.evidence,
    }
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def summary(report: Report) -> str:
    """The verdict and what needs doing, for a terminal: a line a host, then what is wrong, the same on several hosts in one line."""
    lines = []
    for host, findings in sorted(report.findings.items()):
        counted = _controls.counts(findings)
        parts = ["%d %s" % (counted[state], state) for state in (_controls.PASSED, _controls.FAILED, _controls.ERROR, _controls.WAIVED) if counted[state]]
        lines.append("%-20s %s" % (host, ", ".join(parts)))
    grouped: dict[tuple[str, str], list[str]] = {}
    controls = {}
    for host, finding in report.bad():
        grouped.setdefault((finding.control.id, finding.text), []).append(host)
        controls[finding.control.id] = finding.control
    for number, ((name, text), hosts) in enumerate(grouped.items()):
        if number == LINES // 2:
            lines.append("... and %d more, in the report" % (len(grouped) - number))
            break
        control = controls[name]
        lines.append("%s %s on %s: %s. %s" % (control.severity.upper(), name, ", ".join(hosts), control.title, text))
        lines.append("    %s" % control.remedy)
    counted = report.counts()
    bad = counted[_controls.FAILED] + counted[_controls.ERROR]
    verdict = "VERIFIED" if not bad else "NOT VERIFIED"
    lines.append("%s: %d of %d controls hold on %d hosts" % (verdict, counted[_controls.PASSED], counted[_controls.PASSED] + bad, len(report.findings)))
    return "\n".join(lines)
