# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as a page for people, for a browser, that needs nothing else."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import jinja2
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _controls, _reachability, _text
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report import reach
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.model import KEPT, Report, cells_of, plain, section, unclosed, weaknesses_text

FILE = "report.html"
SHOWN = 20000  # characters of a finding's evidence on the page


def render(report: Report) -> str:
    """Return one page that needs nothing else: filters, nodes, who reaches what, and each finding with its evidence."""
    order = {state: number for number, state in enumerate((*_controls.BAD, _controls.WAIVED, _controls.PASSED, _controls.SKIPPED))}
    findings = [
        {**finding.as_dict(), "host": host, "evidence": _shown_evidence(finding), "bad": finding.state in _controls.BAD}
        for host, entries in sorted(report.findings.items())
        for finding in entries
    ]
    findings.sort(key=lambda entry: (order[entry["state"]], -_controls.SEVERITIES.index(entry["severity"]), entry["id"], entry["host"]))
    rows = _reachability.connections(report.evidence)
    cells = _reachability.matrix(rows)
    template = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(template).render(
        verdict=report.verdict(),
        verified=report.verified(),
        time=report.time.isoformat(timespec="seconds"),
        counts=report.counts(),
        judged=report.judged(),
        states=_controls.STATES,
        severities=_controls.SEVERITIES[::-1],
        hosts=[_host(host, report) for host in sorted(report.findings)],
        reach=rows,
        reached=reach.table(cells),
        any_wrong=any(cell["right"] is False for cell in cells),
        drawing=_drawing(cells),
        ports=reach.PORTS,
        families=reach.FAMILIES,
        findings=findings,
        matrix=list(_controls_by_host(report)),
        letters={_controls.PASSED: "✓", _controls.FAILED: "✗", _controls.ERROR: "?", _controls.WAIVED: "w", _controls.SKIPPED: "–"},
        timeline=_timeline(report),
        operations=[operation.title for operation in _access.OPERATIONS],
        weaknesses=weaknesses_text(report),
        access=[{**row, "may": cells_of(row)} for row in report.access],
        unclosed=[{"what": plain(row.what), "who": plain(row.who), "besides": plain(row.besides)} for row in unclosed(report)],
        since=report.since,
        drift=[{**change, "was": _controls.shown(change["was"]), "is": _controls.shown(change["is"])} for change in report.drift],
    )


def _shown_evidence(finding: _controls.Finding) -> str:
    """What a finding rests on, on several lines, and not more than can be read."""
    return _text.clean(json.dumps(finding.evidence, indent=1, sort_keys=True), SHOWN, KEPT) if finding.evidence else ""


def _drawing(cells: t.Sequence[dict[str, t.Any]]) -> dict[str, t.Any]:
    """Who reaches which port, as lines for a drawing for each family: {roles, families: [{title, lines: [{y1, y2, state, text, right}]}], height}."""
    roles = reach.roles(cells)
    families = []
    for family, title in reach.FAMILIES.items():
        lines = []
        for cell in cells:
            if cell["family"] == family and cell["open"] + cell["closed"]:
                y1, y2 = 40 + 70 * roles.index(cell["role"]), 40 + 70 * _reachability.PORTS.index(cell["port"])
                lines.append({"y1": y1, "y2": y2, "open": cell["open"], "text": cell["text"], "right": cell["right"]})
        lacks = sorted({cell["text"] for cell in cells if cell["family"] == family})
        families.append({"title": title, "lines": lines, "lack": "" if lines else ", ".join(lacks)})
    return {"roles": [{"name": role, "y": 40 + 70 * number} for number, role in enumerate(roles)], "families": families, "height": 70 * max(3, len(roles)) + 10}


def _controls_by_host(report: Report) -> t.Iterator[dict[str, t.Any]]:
    """Yield a line a control, with its state on each host, in the order of the hosts."""
    by_host = {host: {finding.control.id: finding for finding in findings} for host, findings in report.findings.items()}
    hosts = sorted(by_host)
    # In the order of the host that has most: of some there are only a few, as of one whose evidence does not fit.
    names = [name for host in sorted(hosts, key=lambda host: -len(by_host[host])) for name in by_host[host]]
    for name in dict.fromkeys(names):
        found = [by_host[host].get(name) for host in hosts]
        controls = [finding.control for finding in found if finding]
        control = controls[0]
        yield {"id": name, "title": control.title, "severity": control.severity, "states": [finding.state if finding else "" for finding in found]}


def _timeline(report: Report) -> dict[str, t.Any]:
    """Return certificates and CAs as bars over time, from today to the last end: {end, entries: [{name, left, limit, soon, percent}], marks}; days.

    Of CAs with one name, the one that ends first.
    """
    found: dict[str, dict[str, t.Any]] = {}
    for host in sorted(report.evidence):
        judged = _validity(report.evidence[host])
        named = [(host, section(judged, "certificate"))] + [("CA {}".format(_controls.shown(ca["subject"])), ca) for ca in judged.get("authorities") or []]
        for name, entry in named:
            if entry.get("enough") is not None and (name not in found or entry["days_left"] < found[name]["days_left"]):
                found[name] = entry
    # A CA lives for years and a leaf for weeks, so the scale is by roots: both can be seen.
    end = max([*(float(entry["days_left"]) for entry in found.values()), 1.0])
    bars = [
        {
            "name": name,
            "left": entry["days_left"],
            "limit": entry["limit"],
            "soon": not entry["enough"],
            "percent": round(100 * (max(float(entry["days_left"]), 0.0) / end) ** 0.5),
        }
        for name, entry in found.items()
    ]
    return {"end": end, "entries": bars, "marks": [{"days": days, "percent": round(100 * (days / end) ** 0.5)} for days in (7, 30, 90, 365) if days < end]}


def _validity(evidence: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return how long a node's certificates last, as judged."""
    return section(section(evidence, "validity"), "node")


def _host(host: str, report: Report) -> dict[str, t.Any]:
    """Return a node's line in the table of nodes."""
    evidence = report.evidence[host]
    certificate = section(evidence, "certificate")
    left: t.Any = certificate.get("days_left")
    life: t.Any = certificate.get("life_days")
    known = isinstance(left, (int, float)) and isinstance(life, (int, float)) and life > 0
    return {
        "name": host,
        "address": _controls.shown(evidence.get("address", "unknown")),
        "version": _controls.shown(section(evidence, "web").get("version", "unknown")),
        "exposure": _controls.shown(section(evidence, "unit").get("exposure", "unknown")),
        "days_left": left if known else None,
        "life": round(max(0, min(100, 100 * left / life))) if known else 0,
        "soon": section(_validity(evidence), "certificate").get("enough") is False,
        "counts": _controls.counts(report.findings[host]),
    }
