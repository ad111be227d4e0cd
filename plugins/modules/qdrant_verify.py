#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_verify
short_description: Judge evidence of Qdrant nodes by declared controls
version_added: 0.1.0
description:
  - Takes the evidence of M(hardened.qdrant.qdrant_evidence), judges every control of the catalogue on every node, prints a summary and
    writes a report. Runs on the controller, once for all hosts.
  - A control whose evidence is missing fails. It never passes by default.
  - The evidence of each host is checked alone, against C(plugins/plugin_utils/evidence.schema.json) and against the questions to the host. One
    that does not fit fails the control C(evidence-valid) of that host, of which nothing else is believed; the others are judged as ever.
  - Needs the Python libraries jmespath and jsonschema on the controller.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
  - hardened.qdrant.attributes.action
options:
  evidence:
    description:
      - Documents of M(hardened.qdrant.qdrant_evidence) by host name, of nodes and of other vantages.
      - Required unless O(evidence_file) is given.
    type: dict
  hosts:
    description: The hosts that must have evidence. One that has none fails the control C(evidence-valid).
    type: list
    elements: str
    default: []
  proxies:
    description: Documents of M(hardened.qdrant.qdrant_proxy_evidence), by host.
    type: dict
    default: {}
  evidence_file:
    description: A report that was saved, C(report.json), whose evidence is judged again.
    type: path
  compare_with:
    description: An earlier report, C(report.json). Differences from its evidence are reported as drift.
    type: path
  controls:
    description: More controls, in the catalogue's form.
    type: list
    elements: dict
    default: []
  waivers:
    description: Controls that are switched off, each with C(control), C(reason), C(expires) (a day, such as C(2026-12-31)) and C(hosts).
    type: list
    elements: dict
    default: []
  fail_on:
    description: The lowest severity of a failed control that fails the task, or V(never).
    type: str
    choices: [low, medium, high, critical, never]
    default: low
  report_dir:
    description:
      - The folder on the controller for the report, C(report.html), C(report.json), C(report.md), C(report.sarif) and C(junit.xml).
      - Empty for none.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Judge the evidence
  hardened.qdrant.qdrant_verify:
    evidence: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, ['evidence', 'evidence']))) }}"
    fail_on: medium
    report_dir: ./qdrant-report
  run_once: true
"""

RETURN = r"""
counts:
  description: How many findings are passed, failed, error, waived and skipped.
  returned: always
  type: dict
failed_controls:
  description: The ids of the controls that failed or could not be judged, by host, the most severe first.
  returned: always
  type: dict
drift:
  description: Differences from O(compare_with), without those of every run.
  returned: always
  type: list
  elements: dict
  sample: [{"host": "node1", "place": "files.config.mode", "was": "0644", "is": "0666"}]
reports:
  description: The files that were written, the one to open first.
  returned: always
  type: list
  elements: str
"""
