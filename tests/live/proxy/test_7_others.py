# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody else made under a proxy's names is refused, and stays as it is. The host is the outsider."""

from __future__ import annotations

from dataclasses import replace

from test_2_running import inventory
from test_refusals import snapshot


def test_what_others_made_is_refused_by_name(deployment, tmp_path):
    clean = deployment.outsiders[0]
    path = inventory(deployment, tmp_path, {"others": {"qdrant_proxy_address": clean.address}})
    try:
        clean.run(
            "mkdir -p /opt/qdrant-proxy /etc/qdrant-proxy; echo theirs > /opt/qdrant-proxy/run.sh; echo 'events {}' > /etc/qdrant-proxy/nginx.conf; "
            "printf '[Service]\\nExecStart=/bin/true\\n' | tee /etc/systemd/system/qdrant-proxy.service > /etc/systemd/system/nginx.service; "
            "systemctl daemon-reload"
        )
        before = snapshot(clean)
        result = replace(deployment, inventory=path).playbook("hardened.qdrant.proxy", check=False)
        assert result.returncode != 0 and snapshot(clean).splitlines() == before.splitlines()
        for words in ("qdrant_proxy_install_dir", "qdrant_proxy_config_dir", "unit qdrant-proxy.service", "unit nginx.service"):
            assert words in result.stdout + result.stderr, words
    finally:
        clean.run(
            "rm -rf /opt/qdrant-proxy /etc/qdrant-proxy /etc/systemd/system/qdrant-proxy.service /etc/systemd/system/nginx.service; systemctl daemon-reload"
        )
