# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report for a terminal: the verdict, and what needs doing."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.model import Report, weaknesses_text

LINES = 16  # of findings in the terminal's summary, so that it fits one screen


def summary(report: Report) -> str:
    """Return the verdict and what needs doing, for a terminal: a line a host, then what is wrong, the same on several hosts in one line."""
    lines = []
    for host, findings in sorted(report.findings.items()):
        counted = _controls.counts(findings)
        parts = ["%d %s" % (counted[state], state) for state in _controls.STATES if state != _controls.SKIPPED and counted[state]]
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
        lines.append("{} {} on {}: {}. {}".format(control.severity.upper(), name, ", ".join(hosts), control.title, text))
        lines.append(f"    {control.remedy}")
    if report.since:
        lines.append("DRIFT: %d places differ from %s" % (len(report.drift), report.since))
        lines += ["    " + drift_text(change) for change in report.drift[: LINES // 4]]
        if len(report.drift) > LINES // 4:
            lines.append("    ... and %d more, in the report" % (len(report.drift) - LINES // 4))
    if report.weaknesses:
        lines.append(weaknesses_text(report))
    counted = report.counts()
    lines.append("%s: %d of %d controls hold on %d hosts" % (report.verdict(), counted[_controls.PASSED], report.judged(), len(report.findings)))
    return "\n".join(lines)


def drift_text(change: dict[str, t.Any]) -> str:
    """Return a change on one line."""
    return "{} {}: {} -> {}".format(change["host"], change["place"], _controls.shown(change["was"]), _controls.shown(change["is"]))
