# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as SARIF, as code hosts read it."""

from __future__ import annotations

import json
import typing as t
import urllib.parse

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.model import Report

FILE = "report.sarif"
VERSION = "0.1.0"  # the collection's, as in galaxy.yml
# SARIF has three levels and, for security, a number from 0 to 10 (GitHub: security-severity).
LEVELS = {"critical": ("error", "9.5"), "high": ("error", "8.0"), "medium": ("warning", "5.5"), "low": ("note", "2.5")}
HOME = "https://github.com/hardened-qdrant/hardened.qdrant"


def render(report: Report) -> str:
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
            if finding.state in (*_controls.BAD, _controls.WAIVED):
                result: dict[str, t.Any] = {
                    "ruleId": finding.control.id,
                    "ruleIndex": positions[finding.control.id],
                    "level": LEVELS[finding.control.severity][0],
                    "message": {"text": _sarif_text(f"{host}: {finding.control.title}. {finding.text}")},
                    # Code hosts take no result without a place in a file; the host stands for one.
                    "locations": [
                        {
                            "physicalLocation": {"artifactLocation": {"uri": urllib.parse.quote(host)}, "region": {"startLine": 1}},
                            "logicalLocations": [{"name": host, "kind": "resource"}],
                        }
                    ],
                    "partialFingerprints": {"control/host": f"{finding.control.id}/{host}"},
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
