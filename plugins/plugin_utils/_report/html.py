# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as a page for people, for a browser, that needs nothing else."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import jinja2

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _controls, _text
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report import reach
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.model import BAD, KEPT, STATES, Report, cells_of, section

SHOWN = 20000  # characters of a finding's evidence on the page


def as_html(report: Report) -> str:
    """One page that needs nothing else: filters, nodes, who reaches what, and each finding with its evidence."""
    order = {state: number for number, state in enumerate((*BAD, _controls.WAIVED, _controls.PASSED, _controls.SKIPPED))}
    findings = [
        {**finding.as_dict(), "host": host, "evidence": _shown_evidence(finding)}
        for host, entries in sorted(report.findings.items())
        for finding in entries
    ]
    findings.sort(key=lambda entry: (order[entry["state"]], -_controls.SEVERITIES.index(entry["severity"]), entry["id"], entry["host"]))
    rows = reach.reach(report)
    template = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(template).render(
        verdict=report.verdict(),
        verified=report.verified(),
        time=report.time.isoformat(timespec="seconds"),
        counts=report.counts(),
        states=STATES,
        severities=_controls.SEVERITIES[::-1],
        hosts=[_host(host, report) for host in sorted(report.findings)],
        reach=rows,
        reached=reach.table(reach.matrix(rows)),
        drawing=_drawing(reach.matrix(rows)),
        ports=reach.PORT_TITLES,
        families=reach.FAMILIES,
        findings=findings,
        matrix=list(_controls_by_host(report)),
        letters={_controls.PASSED: "✓", _controls.FAILED: "✗", _controls.ERROR: "?", _controls.WAIVED: "w", _controls.SKIPPED: "–"},
        timeline=_timeline(report),
        operations=[operation.title for operation in _access.OPERATIONS],
        access=[{**row, "may": cells_of(row)} for row in report.access],
        since=report.since,
        drift=[{**change, "was": _controls.shown(change["was"]), "is": _controls.shown(change["is"])} for change in report.drift],
    )


def _shown_evidence(finding: _controls.Finding) -> str:
    """What a finding rests on, on several lines, and not more than can be read."""
    return _text.clean(json.dumps(finding.evidence, indent=1, sort_keys=True), SHOWN, KEPT) if finding.evidence else ""


def _drawing(cells: t.Sequence[dict[str, t.Any]]) -> dict[str, t.Any]:
    """Who reaches which port, as lines for a drawing for each family: {roles, families: [{title, lines: [{y1, y2, state, text, right}]}], height}."""
    roles = [role for role in reach.REACH if any(cell["role"] == role for cell in cells)]
    families = []
    for family, title in reach.FAMILIES.items():
        lines = []
        for cell in cells:
            if cell["family"] == family and cell["open"] + cell["closed"]:
                y1, y2 = 40 + 70 * roles.index(cell["role"]), 40 + 70 * reach.PORTS.index(cell["port"])
                lines.append({"y1": y1, "y2": y2, "open": cell["open"], "text": cell["text"], "right": cell["right"]})
        lacks = sorted({cell["text"] for cell in cells if cell["family"] == family})
        families.append({"title": title, "lines": lines, "lack": "" if lines else ", ".join(lacks)})
    return {"roles": [{"name": role, "y": 40 + 70 * number} for number, role in enumerate(roles)], "families": families, "height": 70 * max(3, len(roles)) + 10}


def _controls_by_host(report: Report) -> t.Iterator[dict[str, t.Any]]:
    """A line a control, with its state on each host, in the order of the hosts."""
    by_host = {host: {finding.control.id: finding for finding in findings} for host, findings in report.findings.items()}
    hosts = sorted(by_host)
    # In the order of the host that has most: of some there are only a few, as of one whose evidence does not fit.
    names = [name for host in sorted(hosts, key=lambda host: -len(by_host[host])) for name in by_host[host]]
    for name in dict.fromkeys(names):
        found = [by_host[host].get(name) for host in hosts]
        control = [finding.control for finding in found if finding][0]
        yield {"id": name, "title": control.title, "severity": control.severity, "states": [finding.state if finding else "" for finding in found]}


def _timeline(report: Report) -> dict[str, t.Any]:
    """Certificates and CAs as bars over time, from today to the last end: {end, entries: [{name, left, percent}]}; days."""
    entries: dict[str, float] = {}
    for host in sorted(report.evidence):
        certificate = section(report.evidence[host], "certificate")
        named = [(host, certificate)] + [("CA %s" % _controls.shown(ca.get("subject", "")), ca) for ca in certificate.get("ca", []) if isinstance(ca, dict)]
        for name, described in named:
            if isinstance(described.get("days_left"), (int, float)):
                entries[name] = float(described["days_left"])
    # A CA lives for years and a leaf for weeks, so the scale is by roots: both can be seen.
    end = max([*entries.values(), 1.0])
    bars = [{"name": name, "left": left, "percent": round(100 * (max(left, 0.0) / end) ** 0.5)} for name, left in entries.items()]
    return {"end": end, "entries": bars, "marks": [{"days": days, "percent": round(100 * (days / end) ** 0.5)} for days in (7, 30, 90, 365) if days < end]}


def _host(host: str, report: Report) -> dict[str, t.Any]:
    """A node's line in the table of nodes."""
    evidence = report.evidence[host]
    certificate = section(evidence, "certificate")
    left, life = certificate.get("days_left"), certificate.get("life_days")
    known = isinstance(left, (int, float)) and isinstance(life, (int, float)) and life > 0
    return {
        "name": host,
        "address": _controls.shown(evidence.get("address", "unknown")),
        "version": _controls.shown(section(evidence, "web").get("version", "unknown")),
        "exposure": _controls.shown(section(evidence, "unit").get("exposure", "unknown")),
        "days_left": left if known else None,
        "life": round(max(0, min(100, 100 * left / life))) if known else 0,
        "counts": _controls.counts(report.findings[host]),
    }
