# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings as reports: for a terminal, for people, and for pipelines. Functions from a report to text, one file a format."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.html import as_html
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.json import as_json
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.junit import as_junit
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.markdown import as_markdown
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.model import Report
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.sarif import as_sarif

# The files of a report, by name. The first one is the one to open.
FORMATS: dict[str, t.Callable[[Report], str]] = {
    "report.html": as_html,
    "report.json": as_json,
    "report.md": as_markdown,
    "report.sarif": as_sarif,
    "junit.xml": as_junit,
}
