# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings as reports: for a terminal, for people, and for pipelines. Functions from a report to text."""

from __future__ import annotations

import json
import math
import re
import typing as t
import urllib.parse
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import jinja2

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _controls, _text

SCHEMA = 2
VERSION = "0.1.0"  # the collection's, as in galaxy.yml
STATES = (_controls.PASSED, _controls.FAILED, _controls.ERROR, _controls.WAIVED, _controls.SKIPPED)
BAD = (_controls.FAILED, _controls.ERROR)
# SARIF has three levels and, for security, a number from 0 to 10 (GitHub: security-severity).
LEVELS = {"critical": ("error", "9.5"), "high": ("error", "8.0"), "medium": ("warning", "5.5"), "low": ("note", "2.5")}
HOME = "https://github.com/hardened-qdrant/hardened.qdrant"
SHOWN = 20000  # characters of a finding's evidence on the page
# What of a text is kept in a report: evidence has texts of several lines, and is judged again.
LONGEST, KEPT = 65536, "\n\t"
LINES = 16  # of findings in the terminal's summary, so that it fits one screen


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

        found = [(host, finding) for host, findings in self.findings.items() for finding in findings if finding.state in BAD]
        return sorted(found, key=order)

    def verified(self) -> bool:
        """Return whether every control holds or is waived, and at least one was judged."""
        counted = self.counts()
        return not any(counted[state] for state in BAD) and counted[_controls.PASSED] > 0

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


def as_json(report: Report) -> str:
    """Return the whole report, findings and evidence, in a stable order."""
    content = {
        "schema": SCHEMA,
        "time": report.time.isoformat(timespec="seconds"),
        "counts": report.counts(),
        "hosts": {host: [finding.as_dict() for finding in findings] for host, findings in sorted(report.findings.items())},
        "evidence": report.evidence,
        "access": report.access,
        "reach": reach(report),
    }
    if report.since:
        content.update(since=report.since, drift=report.drift)
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"


def summary(report: Report) -> str:
    """Return the verdict and what needs doing, for a terminal: a line a host, then what is wrong, the same on several hosts in one line."""
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
    if report.since:
        lines.append("DRIFT: %d places differ from %s" % (len(report.drift), report.since))
        lines += ["    " + drift_text(change) for change in report.drift[: LINES // 4]]
        if len(report.drift) > LINES // 4:
            lines.append("    ... and %d more, in the report" % (len(report.drift) - LINES // 4))
    counted = report.counts()
    judged = counted[_controls.PASSED] + counted[_controls.FAILED] + counted[_controls.ERROR]
    lines.append("%s: %d of %d controls hold on %d hosts" % (report.verdict(), counted[_controls.PASSED], judged, len(report.findings)))
    return "\n".join(lines)


def drift_text(change: dict[str, t.Any]) -> str:
    """Return a change on one line."""
    return "%s %s: %s -> %s" % (change["host"], change["place"], _controls.shown(change["was"]), _controls.shown(change["is"]))


def as_markdown(report: Report) -> str:
    """Return a page for a wiki or a merge request: the verdict, a table of nodes, and what is wrong, with the remedy."""
    counted = report.counts()
    lines = ["# Qdrant verification: %s" % report.verdict(), "", report.time.isoformat(timespec="seconds"), ""]
    lines += ["| node | %s |" % " | ".join(STATES), "|---|%s" % ("---|" * len(STATES))]
    for host, findings in sorted(report.findings.items()):
        lines.append("| %s | %s |" % (_cell(host), " | ".join(str(_controls.counts(findings)[state]) for state in STATES)))
    lines.append("| **all** | %s |" % " | ".join(str(counted[state]) for state in STATES))
    for title, wanted in (("What is wrong", BAD), ("What is waived", (_controls.WAIVED,))):
        found = [(host, finding) for host, findings in sorted(report.findings.items()) for finding in findings if finding.state in wanted]
        if found:
            lines += ["", "## %s" % title, "", "| node | control | severity | what | remedy |", "|---|---|---|---|---|"]
        for host, finding in found:
            control = finding.control
            cells = (_cell(host), _code(control.id), control.severity, _cell("%s. %s" % (control.title, finding.text)), _cell(control.remedy))
            lines.append("| %s |" % " | ".join(cells))
    lines += _reach_lines(report)
    if report.access:
        names = [operation.title for operation in _access.OPERATIONS]
        lines += ["", "## Who can do what", "", "| who | until | %s |" % " | ".join(names), "|---|---|%s" % ("---|" * len(names))]
        for row in report.access:
            lines.append("| %s |" % " | ".join(_cell(text or "–") for text in (row["who"], row["until"], *_cells_of(row))))
    if report.since:
        lines += ["", "## What differs from %s" % _cell(report.since), ""]
        lines += ["* %s" % _cell(drift_text(change)) for change in report.drift] or ["Nothing."]
    return "\n".join(lines) + "\n"


def _cells_of(row: dict[str, t.Any]) -> list[str]:
    """Return the cells of a row of who can do what, in the order of the operations, which a saved report does not keep."""
    return [row["may"][operation.name] for operation in _access.OPERATIONS]


def _reach_lines(report: Report) -> list[str]:
    """Who reaches what, for Markdown: the matrix; and each connection that is not as it should be."""
    rows = reach(report)
    if not rows:
        return []
    columns = [(port, family) for port in PORTS for family in FAMILIES]
    lines = ["", "## Who reaches what", "", "| who | %s |" % " | ".join("%s, %s" % (PORT_TITLES[port], FAMILIES[family]) for port, family in columns)]
    lines.append("|---|%s" % ("---|" * len(columns)))
    for row in _table(matrix(rows)):
        cells = [cell["text"] + (" (wrong)" if cell["right"] is False else "") for cell in row["cells"]]
        lines.append("| %ss | %s |" % (row["role"], " | ".join(_cell(text) for text in cells)))
    wrong = [(row, port) for row in rows for port in PORTS if row["ports"][port]["right"] is False]
    if wrong:
        lines += ["", "| from | to | port | outcome, which is wrong |", "|---|---|---|---|"]
    for row, port in wrong:
        cells = ("%s (%s)" % (row["from"], row["role"]), "%s, %s" % (row["to"], row["address"]), PORT_TITLES[port], row["ports"][port]["outcome"])
        lines.append("| %s |" % " | ".join(map(_cell, cells)))
    return lines


def _table(cells: t.Sequence[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Return the matrix as lines of a table, one a role: {role, cells}, the cells by port and, within, by family."""
    by_place = {(cell["role"], cell["port"], cell["family"]): cell for cell in cells}
    nothing = {"text": NOT_TRIED, "right": None}
    roles = [role for role in REACH if any(cell["role"] == role for cell in cells)]
    return [{"role": role, "cells": [by_place.get((role, port, family), nothing) for port in PORTS for family in FAMILIES]} for role in roles]


# What CommonMark, with the tables, links and formulas of code hosts, takes for more than a text.
MARKS = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)|^[#>+=-]|(?<=:)/(?=/)|(?<=www)\.")


def _cell(text: str) -> str:
    """Return a text within a table's cell, or a line: nothing in it is a mark, a link, an entity or HTML."""
    text = MARKS.sub(r"\\\g<0>", " ".join(text.split()))
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _code(text: str) -> str:
    """Return an id as code, within a cell."""
    return "`%s`" % text


def as_junit(report: Report) -> str:
    """Return JUnit XML, as CI servers read it: a suite a node, a case a control."""
    root = xml.Element("testsuites", name="hardened.qdrant")
    for host, findings in sorted(report.findings.items()):
        counted = _controls.counts(findings)
        skipped = counted[_controls.WAIVED] + counted[_controls.SKIPPED]
        suite = xml.SubElement(
            root,
            "testsuite",
            name=host,
            timestamp=report.time.replace(tzinfo=None).isoformat(timespec="seconds"),
            tests=str(len(findings)),
            failures=str(counted[_controls.FAILED]),
            errors=str(counted[_controls.ERROR]),
            skipped=str(skipped),
        )
        for finding in findings:
            case = xml.SubElement(suite, "testcase", classname=host, name=_text.clean("%s: %s" % (finding.control.id, finding.control.title)))
            kind = {_controls.FAILED: "failure", _controls.ERROR: "error", _controls.WAIVED: "skipped", _controls.SKIPPED: "skipped"}.get(finding.state)
            if kind:
                outcome = xml.SubElement(case, kind, message=finding.text or "does not apply")
                if kind != "skipped":
                    outcome.text = _text.clean("%s\nRemedy: %s" % (finding.control.why, finding.control.remedy), keep=KEPT)
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def as_sarif(report: Report) -> str:
    """Return SARIF 2.1.0 (OASIS), as code hosts read it: a rule a control, a result for each that does not hold. The place is the node."""
    controls = list({finding.control.id: finding.control for findings in report.findings.values() for finding in findings}.values())
    positions = {control.id: number for number, control in enumerate(controls)}
    rules = [
        {
            "id": control.id,
            "shortDescription": {"text": control.title},
            "fullDescription": {"text": control.why},
            "help": {"text": control.remedy},
            "defaultConfiguration": {"level": LEVELS[control.severity][0]},
            "properties": {"security-severity": LEVELS[control.severity][1], "tags": ["security"]},
        }
        for control in controls
    ]
    results: list[dict[str, t.Any]] = []
    for host, findings in sorted(report.findings.items()):
        for finding in findings:
            if finding.state in (*BAD, _controls.WAIVED):
                result: dict[str, t.Any] = {
                    "ruleId": finding.control.id,
                    "ruleIndex": positions[finding.control.id],
                    "level": LEVELS[finding.control.severity][0],
                    "message": {"text": _sarif_text("%s: %s. %s" % (host, finding.control.title, finding.text))},
                    # Code hosts take no result without a place in a file; the host stands for one.
                    "locations": [
                        {
                            "physicalLocation": {"artifactLocation": {"uri": urllib.parse.quote(host)}, "region": {"startLine": 1}},
                            "logicalLocations": [{"name": host, "kind": "resource"}],
                        }
                    ],
                    "partialFingerprints": {"control/host": "%s/%s" % (finding.control.id, host)},
                }
                if finding.state == _controls.WAIVED:
                    result["suppressions"] = [{"kind": "external", "justification": finding.text}]
                results.append(result)
    driver = {"name": "hardened.qdrant", "semanticVersion": VERSION, "informationUri": HOME, "rules": rules}
    content = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results, "invocations": [{"executionSuccessful": True}]}],
    }
    return json.dumps(content, indent=2) + "\n"


def _sarif_text(text: str) -> str:
    """Return a message as SARIF has it (2.1.0, 3.11): braces are doubled, or they are a placeholder; and what would be a link is none."""
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")


def as_html(report: Report) -> str:
    """Return one page that needs nothing else: filters, nodes, who reaches what, and each finding with its evidence."""
    order = {state: number for number, state in enumerate((*BAD, _controls.WAIVED, _controls.PASSED, _controls.SKIPPED))}
    findings = [
        {**finding.as_dict(), "host": host, "evidence": _shown_evidence(finding)}
        for host, entries in sorted(report.findings.items())
        for finding in entries
    ]
    findings.sort(key=lambda entry: (order[entry["state"]], -_controls.SEVERITIES.index(entry["severity"]), entry["id"], entry["host"]))
    rows = reach(report)
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
        reached=_table(matrix(rows)),
        drawing=_drawing(matrix(rows)),
        ports=PORT_TITLES,
        families=FAMILIES,
        findings=findings,
        matrix=list(_controls_by_host(report)),
        letters={_controls.PASSED: "✓", _controls.FAILED: "✗", _controls.ERROR: "?", _controls.WAIVED: "w", _controls.SKIPPED: "–"},
        timeline=_timeline(report),
        operations=[operation.title for operation in _access.OPERATIONS],
        access=[{**row, "may": _cells_of(row)} for row in report.access],
        since=report.since,
        drift=[{**change, "was": _controls.shown(change["was"]), "is": _controls.shown(change["is"])} for change in report.drift],
    )


def _shown_evidence(finding: _controls.Finding) -> str:
    """What a finding rests on, on several lines, and not more than can be read."""
    return _text.clean(json.dumps(finding.evidence, indent=1, sort_keys=True), SHOWN, KEPT) if finding.evidence else ""


PORTS = ("rest", "grpc", "p2p")
PORT_TITLES = {"rest": "REST", "grpc": "gRPC", "p2p": "cluster port"}
FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6"}
# By role, the ports that a host must reach, and those that it may reach: a peer can be a client as well.
REACH = {"client": ({"rest", "grpc"}, {"rest", "grpc"}), "peer": ({"rest", "p2p"}, {"rest", "grpc", "p2p"}), "outsider": (set(), set())}
NO_ADDRESS, NOT_TRIED = "no address", "not tried"
# How a connection ends that the other side, or something on the way, did not take. Any other outcome says nothing of the port.
CLOSED = ("refused", "timeout", "reset", "unreachable")


def _as_it_should_be(role: str, port: str, outcome: str, own: bool) -> bool | None:
    """Return whether an outcome is right; None where it says nothing. Nobody must reach a port by another address than the node's own."""
    must, may = REACH.get(role, (set(), set()))
    if outcome == "open":
        return port in may
    if port in must and own:
        return False
    return True if _is_closed(outcome) else None


def _is_closed(outcome: str) -> bool:
    return outcome.partition(":")[0] in CLOSED


def _family(address: t.Any) -> str:
    return "ipv6" if ":" in str(address) else "ipv4"


def reach(report: Report) -> list[dict[str, t.Any]]:
    """Return the matrix of reached ports: rows of {from, role, to, address, family, own, ports: {port: {outcome, right}}}.

    A family of which a node has no address has a row that says so, and one of which nobody said whether it has, too.
    """
    rows = []
    for target in sorted(report.findings):
        evidence = report.evidence[target]
        own = evidence.get("address", "unknown")
        for view in evidence.get("vantages", []):
            further = view.get("further")
            known = [entry for entry in further if isinstance(entry, dict)] if isinstance(further, list) else []
            places = [(own, _family(own), True, view), *((entry.get("address"), _family(entry.get("address")), False, entry) for entry in known)]
            lack = NO_ADDRESS if isinstance(further, list) else NOT_TRIED
            places += [(lack, family, False, None) for family in FAMILIES if family not in {place[1] for place in places}]
            for address, family, is_own, seen in sorted(places, key=lambda place: place[1]):
                outcomes = {port: _outcome(seen, port) if seen else lack for port in PORTS}
                ports = {port: {"outcome": text, "right": _as_it_should_be(view["role"], port, text, is_own)} for port, text in outcomes.items()}
                source = {"from": view["from"], "role": view["role"]}
                rows.append({**source, "to": target, "address": _controls.shown(address), "family": family, "own": is_own, "ports": ports})
    return rows


def _outcome(seen: dict[str, t.Any], port: str) -> str:
    return _controls.shown(_section(seen, port).get("connect") or "unknown")


def matrix(rows: t.Sequence[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """Return the rows summed up by role, port and family: {role, port, family, open, closed, text, right}, in this order."""
    cells = []
    for role in REACH:
        for port in PORTS:
            for family in FAMILIES:
                seen = [row["ports"][port] for row in rows if row["role"] == role and row["family"] == family]
                if not seen:
                    continue
                tried = [entry for entry in seen if entry["outcome"] == "open" or _is_closed(entry["outcome"])]
                opened = sum(entry["outcome"] == "open" for entry in tried)
                rights = {entry["right"] for entry in seen}
                cell = {"role": role, "port": port, "family": family, "open": opened, "closed": len(tried) - opened}
                lacks = sorted({entry["outcome"] for entry in seen})
                text = "%d of %d open" % (opened, len(tried)) if tried else ", ".join(lacks)
                cells.append({**cell, "text": text, "right": False if False in rights else (True if True in rights else None)})
    return cells


def _drawing(cells: t.Sequence[dict[str, t.Any]]) -> dict[str, t.Any]:
    """Who reaches which port, as lines for a drawing for each family: {roles, families: [{title, lines: [{y1, y2, state, text, right}]}], height}."""
    roles = [role for role in REACH if any(cell["role"] == role for cell in cells)]
    families = []
    for family, title in FAMILIES.items():
        lines = []
        for cell in cells:
            if cell["family"] == family and cell["open"] + cell["closed"]:
                y1, y2 = 40 + 70 * roles.index(cell["role"]), 40 + 70 * PORTS.index(cell["port"])
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
        control = [finding.control for finding in found if finding][0]
        yield {"id": name, "title": control.title, "severity": control.severity, "states": [finding.state if finding else "" for finding in found]}


def _timeline(report: Report) -> dict[str, t.Any]:
    """Return certificates and CAs as bars over time, from today to the last end: {end, entries: [{name, left, percent}]}; days."""
    entries: dict[str, float] = {}
    for host in sorted(report.evidence):
        certificate = _section(report.evidence[host], "certificate")
        named = [(host, certificate)] + [("CA %s" % _controls.shown(ca.get("subject", "")), ca) for ca in certificate.get("ca", []) if isinstance(ca, dict)]
        for name, described in named:
            if isinstance(described.get("days_left"), (int, float)):
                entries[name] = float(described["days_left"])
    # A CA lives for years and a leaf for weeks, so the scale is by roots: both can be seen.
    end = max([*entries.values(), 1.0])
    bars = [{"name": name, "left": left, "percent": round(100 * (max(left, 0.0) / end) ** 0.5)} for name, left in entries.items()]
    return {"end": end, "entries": bars, "marks": [{"days": days, "percent": round(100 * (days / end) ** 0.5)} for days in (7, 30, 90, 365) if days < end]}


def _section(evidence: dict[str, t.Any], name: str) -> dict[str, t.Any]:
    """Return a section of the evidence; empty where it could not be observed."""
    section = evidence.get(name)
    return section if isinstance(section, dict) else {}


def _host(host: str, report: Report) -> dict[str, t.Any]:
    """Return a node's line in the table of nodes."""
    evidence = report.evidence[host]
    certificate = _section(evidence, "certificate")
    left, life = certificate.get("days_left"), certificate.get("life_days")
    known = isinstance(left, (int, float)) and isinstance(life, (int, float)) and life > 0
    return {
        "name": host,
        "address": _controls.shown(evidence.get("address", "unknown")),
        "version": _controls.shown(_section(evidence, "web").get("version", "unknown")),
        "exposure": _controls.shown(_section(evidence, "unit").get("exposure", "unknown")),
        "days_left": left if known else None,
        "life": round(max(0, min(100, 100 * left / life))) if known else 0,
        "counts": _controls.counts(report.findings[host]),
    }


# The files of a report, by name. The first one is the one to open.
FORMATS: dict[str, t.Callable[[Report], str]] = {
    "report.html": as_html,
    "report.json": as_json,
    "report.md": as_markdown,
    "report.sarif": as_sarif,
    "junit.xml": as_junit,
}
