# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _init, _preflight

NOW = datetime.now(UTC)


def test_the_secrets_that_are_made_pass_the_preflight():
    text, certificate = _init.vault("test", NOW)
    secrets = yaml.safe_load(text)
    assert _preflight.check_keys(secrets["qdrant_api_key"], secrets["qdrant_read_only_api_key"], True).problems == []
    _authority.load(secrets[_authority.CERTIFICATE_VARIABLE], secrets[_authority.KEY_VARIABLE], NOW, timedelta(days=90))
    assert secrets[_authority.CERTIFICATE_VARIABLE].strip() == certificate.strip()


def test_no_two_deployments_have_the_same_secrets():
    first, second = (yaml.safe_load(_init.vault("test", NOW)[0]) for _number in range(2))
    assert all(first[name] != second[name] for name in first)


def test_skeletons_are_yaml():
    assert "mine" in yaml.safe_load(_init.HOSTS.format(group="mine"))["all"]["children"]
    assert yaml.safe_load(_init.SETTINGS) == {"qdrant_firewall_clients": []}
