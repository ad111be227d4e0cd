# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as JSON: all of it, findings and evidence, to be judged again and compared with."""

from __future__ import annotations

import json

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _reachability
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.model import SCHEMA, Report, unclosed

FILE = "report.json"


def render(report: Report) -> str:
    """Return the whole report, findings and evidence, in a stable order."""
    content = {
        "schema": SCHEMA,
        "time": report.time.isoformat(timespec="seconds"),
        "counts": report.counts(),
        "hosts": {host: [finding.as_dict() for finding in findings] for host, findings in sorted(report.findings.items())},
        "evidence": report.evidence,
        "access": report.access,
        "weaknesses": report.weaknesses,
        "unclosed": [row._asdict() for row in unclosed(report)],
        "reach": _reachability.connections(report.evidence),
    }
    if report.since:
        content.update(since=report.since, drift=report.drift)
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
