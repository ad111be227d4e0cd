# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings of one verification, with all texts in them clean, so that no format can forget one."""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass, field, replace
from datetime import datetime

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _calls, _controls, _preflight, _text

SCHEMA = 2
# What of a text is kept in a report: evidence has texts of several lines, and is judged again.
LONGEST, KEPT = 65536, "\n\t"


@dataclass(frozen=True)
class Report:
    """The findings of one verification, by host. All texts in it are clean, so that no format can forget one."""

    time: datetime
    findings: dict[str, list[_controls.Finding]]
    evidence: dict[str, dict[str, t.Any]]
    # What differs from an earlier report, and when that one was made.
    drift: list[dict[str, t.Any]] = field(default_factory=list)
    since: str = ""
    # Who can do what, as the access model gives it: rows of {who, kind, until, may: {operation: where}}.
    access: list[dict[str, t.Any]] = field(default_factory=list)
    # The list of weaknesses that was judged by: {date, age_days, newest}.
    weaknesses: dict[str, t.Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = dict(zip(self.findings, _text.clean_all(dict.fromkeys(self.findings))))
        findings = {
            names[host]: [replace(finding, text=_text.clean(finding.text), evidence=_data(finding.evidence)) for finding in entries]
            for host, entries in self.findings.items()
        }
        evidence = {names.get(host, host): _data(document) for host, document in self.evidence.items()}
        values = {"findings": findings, "evidence": evidence, "drift": _data(self.drift), "since": _text.clean(self.since), "access": _data(self.access)}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def bad(self) -> list[tuple[str, _controls.Finding]]:
        """Return the failed findings, then those that could not be judged, the most severe first."""

        def order(entry: tuple[str, _controls.Finding]) -> tuple[bool, int, str, str]:
            host, finding = entry
            # Failures first: where a node is down, most of what could not be judged has that one cause.
            return finding.state == _controls.ERROR, -_controls.SEVERITIES.index(finding.control.severity), finding.control.id, host

        found = [(host, finding) for host, findings in self.findings.items() for finding in findings if finding.state in _controls.BAD]
        return sorted(found, key=order)

    def verified(self) -> bool:
        """Return whether every control holds or is waived, and at least one was judged."""
        counted = self.counts()
        return not any(counted[state] for state in _controls.BAD) and counted[_controls.PASSED] > 0

    def judged(self) -> int:
        """Return how many controls were judged, neither waived nor skipped."""
        counted = self.counts()
        return counted[_controls.PASSED] + counted[_controls.FAILED] + counted[_controls.ERROR]

    def verdict(self) -> str:
        return "VERIFIED" if self.verified() else "NOT VERIFIED"

    def counts(self) -> dict[str, int]:
        return _controls.counts(finding for findings in self.findings.values() for finding in findings)


def _data(value: t.Any) -> t.Any:
    """Return data from hosts as a report has it: texts clean, and no number that JSON does not have."""

    def finite(entry: t.Any) -> t.Any:
        if isinstance(entry, dict):
            return {name: finite(inner) for name, inner in entry.items()}
        if isinstance(entry, list):
            return [finite(inner) for inner in entry]
        return str(entry) if isinstance(entry, float) and not math.isfinite(entry) else entry

    return finite(_text.clean_all(value, LONGEST, KEPT))


def weaknesses_text(report: Report) -> str:
    """Return which list of weaknesses was judged by, and how old it is; empty where none was."""
    text = "Known weaknesses: list of {date}, {age_days} days old, of Qdrant up to {newest}"
    return text.format_map(report.weaknesses) if report.weaknesses else ""


def unclosed(report: Report) -> list[_calls.Unclosed]:
    """Return what no setting closes on the newest server that answered; empty where none did."""
    versions = [_preflight.parse_version(section(document, "web").get("version")) for document in report.evidence.values()]
    newest = max(filter(None, versions), default=None)
    return _calls.unclosed(".".join(map(str, newest))) if newest else []


def plain(text: str) -> str:
    """Return a text of the collection's own without its marks for code."""
    return text.replace("`", "")


def section(evidence: dict[str, t.Any], name: str) -> dict[str, t.Any]:
    """Return a section of the evidence; empty where it could not be observed."""
    found = evidence.get(name)
    return found if isinstance(found, dict) else {}


def cells_of(row: dict[str, t.Any]) -> list[str]:
    """Return the cells of a row of who can do what, in the order of the operations, which a saved report does not keep."""
    return [row["may"][operation.name] for operation in _access.OPERATIONS]
