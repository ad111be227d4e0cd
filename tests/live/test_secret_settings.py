# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of other services go the way of the API keys: on a real node, from the inventory to the server."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from test_secrets import ALLOWED, hunt

CONFIG, SECRETS = "/etc/qdrant/config.yaml", "/etc/qdrant/secrets.yaml"


def made_of(name: str) -> str:
    """A value that comes from the vault, so that it stands nowhere in plain text: made of the API key."""
    return f"{{{{ (qdrant_api_key ~ '{name}') | hash('sha256') }}}}"


@pytest.fixture
def wanted(deployment):
    """The settings, and the secrets in them. Snapshots stay local: it is the settings that are tried, and nobody has such a store."""
    settings = {"storage": {"snapshots_config": {"s3_config": {"bucket": "b", "access_key": made_of("access"), "secret_key": made_of("secret")}}}}
    secrets = [hashlib.sha256((deployment.secrets["qdrant_api_key"] + name).encode()).hexdigest() for name in ("access", "secret")]
    yield json.dumps({"qdrant_config": settings}), secrets
    deployment.playbook("hardened.qdrant.site")


def test_a_secret_among_the_settings_reaches_the_server_and_nobody_else(deployment, wanted):
    options, secrets = wanted
    node = deployment.nodes[0]
    # As somebody left it who did not know better: its difference to what is wanted would show it.
    node.run(f"printf 'inference:\\n  token: {secrets[1]}\\n' >>{CONFIG}")
    predicted = deployment.playbook("hardened.qdrant.site", "--check", "--diff", "-vvv", "-e", options)
    deployed = deployment.playbook("hardened.qdrant.site", "--diff", "-vvv", "-e", options, timeout=900)
    for result in (predicted, deployed):
        assert re.search(r"changed=[1-9]", result.stdout)
        assert not any(secret in result.stdout + result.stderr for secret in secrets), "a secret was printed"
    written = json.loads(node.run("cat " + SECRETS))
    assert sorted(written["storage"]["snapshots_config"]["s3_config"]) == ["access_key", "secret_key"]
    assert "bucket: b" in node.run("cat " + CONFIG)
    # The server has both files as one: the section that lacks its bucket would end it.
    assert node.run("systemctl is-active qdrant").strip() == "active"
    found = hunt(node, secrets, "find /etc /run /tmp /var/tmp /var/lib/qdrant /dev/shm -xdev -type f -size -20M -print0")
    assert {path for path in found if not path.startswith("/run/credentials/qdrant.service/")} == set(ALLOWED)
    assert hunt(node, secrets, "for pid in /proc/[0-9]*; do printf '%s\\0%s\\0' $pid/cmdline $pid/environ; done") == []
    again = deployment.playbook("hardened.qdrant.site", "--diff", "-e", options)
    assert not re.search(r"changed=[1-9]", again.stdout), again.stdout[-2000:]
