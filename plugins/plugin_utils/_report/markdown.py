# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as Markdown: a page for a wiki or a merge request."""

from __future__ import annotations

import re

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _controls, _reachability
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report import reach
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.model import Report, cells_of, plain, unclosed, weaknesses_text
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.terminal import drift_text

FILE = "report.md"


def render(report: Report) -> str:
    """Return a page for a wiki or a merge request: the verdict, a table of nodes, and what is wrong, with the remedy."""
    counted = report.counts()
    lines = [f"# Qdrant verification: {report.verdict()}", "", report.time.isoformat(timespec="seconds"), ""]
    lines += ["| node | {} |".format(" | ".join(_controls.STATES)), "|---|%s" % ("---|" * len(_controls.STATES))]
    for host, findings in sorted(report.findings.items()):
        lines.append("| {} | {} |".format(_cell(host), " | ".join(str(_controls.counts(findings)[state]) for state in _controls.STATES)))
    lines.append("| **all** | {} |".format(" | ".join(str(counted[state]) for state in _controls.STATES)))
    for title, wanted in (("What is wrong", _controls.BAD), ("What is waived", (_controls.WAIVED,))):
        found = [(host, finding) for host, findings in sorted(report.findings.items()) for finding in findings if finding.state in wanted]
        if found:
            lines += ["", f"## {title}", "", "| node | control | severity | what | remedy |", "|---|---|---|---|---|"]
        for host, finding in found:
            control = finding.control
            cells = (_cell(host), _code(control.id), control.severity, _cell(f"{control.title}. {finding.text}"), _cell(control.remedy))
            lines.append("| {} |".format(" | ".join(cells)))
    if report.weaknesses:
        lines += ["", _cell(weaknesses_text(report)) + "."]
    lines += _reach_lines(report)
    if report.access:
        names = [operation.title for operation in _access.OPERATIONS]
        lines += ["", "## Who can do what", "", "| who | until | {} |".format(" | ".join(names)), "|---|---|%s" % ("---|" * len(names))]
        for row in report.access:
            lines.append("| {} |".format(" | ".join(_cell(text or "–") for text in (row["who"], row["until"], *cells_of(row)))))
    rows = unclosed(report)
    if rows:
        lines += ["", "## What no setting of Qdrant closes", "", "| what | who | closed by qdrant_proxy, and by |", "|---|---|---|"]
        lines += ["| {} |".format(" | ".join(_cell(text or "–") for text in (plain(row.what), plain(row.who), plain(row.besides)))) for row in rows]
    if report.since:
        lines += ["", f"## What differs from {_cell(report.since)}", ""]
        lines += [f"* {_cell(drift_text(change))}" for change in report.drift] or ["Nothing."]
    return "\n".join(lines) + "\n"


def _reach_lines(report: Report) -> list[str]:
    """Who reaches what, for Markdown: the matrix; and each connection that is not as it should be."""
    rows = _reachability.connections(report.evidence)
    if not rows:
        return []
    titles = [f"{reach.PORTS[port]}, {reach.FAMILIES[family]}" for port, family in reach.COLUMNS]
    lines = ["", "## Who reaches what", "", "| who | {} |".format(" | ".join(titles)), "|---|%s" % ("---|" * len(titles))]
    for line in reach.table(_reachability.matrix(rows)):
        texts = [cell["text"] + (" (wrong)" if cell["right"] is False else "") for cell in line["cells"]]
        lines.append("| {}s | {} |".format(line["role"], " | ".join(_cell(text) for text in texts)))
    wrong = [(row, port) for row in rows for port in reach.PORTS if row["ports"][port]["right"] is False]
    if wrong:
        lines += ["", "| from | to | port | outcome, which is wrong |", "|---|---|---|---|"]
    for row, port in wrong:
        cells = ("{} ({})".format(row["from"], row["role"]), "{}, {}".format(row["to"], row["address"]), reach.PORTS[port], row["ports"][port]["outcome"])
        lines.append("| {} |".format(" | ".join(map(_cell, cells))))
    return lines


# What CommonMark, with the tables, links and formulas of code hosts, takes for more than a text.
MARKS = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)|^[#>+=-]|(?<=:)/(?=/)|(?<=www)\.")


def _cell(text: str) -> str:
    """Return a text within a table's cell, or a line: nothing in it is a mark, a link, an entity or HTML."""
    text = MARKS.sub(r"\\\g<0>", " ".join(text.split()))
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _code(text: str) -> str:
    """Return an id as code, within a cell."""
    return f"`{text}`"
