# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as JUnit XML, as CI servers read it."""

from __future__ import annotations

import xml.etree.ElementTree as xml

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls, _text
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.model import KEPT, Report

FILE = "junit.xml"


def render(report: Report) -> str:
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
            case = xml.SubElement(suite, "testcase", classname=host, name=_text.clean(f"{finding.control.id}: {finding.control.title}"))
            kind = {_controls.FAILED: "failure", _controls.ERROR: "error", _controls.WAIVED: "skipped", _controls.SKIPPED: "skipped"}.get(finding.state)
            if kind:
                outcome = xml.SubElement(case, kind, message=finding.text or "does not apply")
                if kind != "skipped":
                    outcome.text = _text.clean(f"{finding.control.why}\nRemedy: {finding.control.remedy}", keep=KEPT)
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"
