# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only an internal network can show. tests/sabotage breaks containers in all the other ways."""

from __future__ import annotations

import json

UNIT = "/etc/systemd/system/qdrant.service"


def test_an_internal_network_that_has_a_way_out(deployment, tmp_path):
    node = deployment.nodes[0]
    node.run(f"cp -a {UNIT} /run/saved.service; sed -i 's/ --internal//' {UNIT}; systemctl daemon-reload; systemctl restart qdrant")
    try:
        deployment.playbook("hardened.qdrant.verify", "-e", f"qdrant_verify_report_dir={tmp_path}", check=False)
    finally:
        node.run(f"mv /run/saved.service {UNIT}; systemctl daemon-reload; systemctl restart qdrant")
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [finding["id"] for finding in report["hosts"][node.name] if finding["state"] in ("failed", "error")] == ["container-network-internal"]
