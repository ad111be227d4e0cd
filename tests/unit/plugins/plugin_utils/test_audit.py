# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log as the inventory wants it, and which settings a server is asked for."""

from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _audit, _settings

OLD, NEW = (1, 16, 3), (1, 19, 0)
HOSTS = {"p1": {"ansible_host": "192.0.2.21"}, "p2": {"ansible_host": "192.0.2.22"}}


def reader(**variables):
    return lambda name, default=None: variables.get(name, default)


@pytest.mark.parametrize(
    ("variables", "version", "wanted"),
    [({}, NEW, True), ({}, OLD, False), ({"qdrant_audit": False}, NEW, False), ({"qdrant_audit": True}, OLD, True)],
)
def test_it_is_on_where_the_version_has_it(variables, version, wanted):
    assert _audit.is_wanted(reader(**variables), version) is wanted
    assert bool(_audit.settings(reader(**variables), version, False)) is wanted


def test_an_hour_is_a_file():
    assert _audit.settings(reader(), NEW, True) == {
        "enabled": True,
        "dir": _settings.AUDIT,
        "rotation": "hourly",
        "max_log_files": 720,
        "trust_forwarded_headers": True,
    }
    assert _audit.settings(reader(qdrant_audit_days=2), NEW, False)["max_log_files"] == 48
    assert _audit.most_bytes(reader(qdrant_audit_max_mb=100)) == 125 * 2**20


@pytest.mark.parametrize(
    ("clients", "groups", "alone"),
    [
        (["192.0.2.21", "192.0.2.22"], {"qdrant_proxy": ["p1", "p2"]}, True),
        (["192.0.2.21"], {"qdrant_proxy": ["p1", "p2"]}, True),
        (["192.0.2.21", "192.0.2.9"], {"qdrant_proxy": ["p1", "p2"]}, False),
        (["192.0.2.0/24"], {"qdrant_proxy": ["p1", "p2"]}, False),
        ([], {"qdrant_proxy": ["p1"]}, False),
        (["192.0.2.21"], {}, False),
    ],
)
def test_a_request_is_believed_where_all_clients_are_proxies(clients, groups, alone):
    assert _audit.behind_proxies(reader(), clients, groups, HOSTS) is alone
    unguarded = reader(qdrant_accepted_risks=[{"risk": "no-firewall", "reason": "one of the provider's"}])
    assert _audit.behind_proxies(unguarded, clients, groups, HOSTS) is False


def test_what_a_server_is_asked_for_holds_no_secret_and_no_address():
    config = {"log_level": "WARN", "storage": {"quotas": {"max_disk_usage_percent": 80}, "performance": {"max_search_threads": 2}}, "inference": {"token": "x"}}
    config["cluster"] = {"grpc_timeout_ms": 5, "consensus": {"tick_period_ms": 50, "share": 0.5}}
    found = _audit.shown(reader(qdrant_version="1.19.0", qdrant_config=config), False)
    assert found == {
        "log_level": "WARN",
        "audit.enabled": True,
        "audit.rotation": "hourly",
        "audit.max_log_files": 720,
        "audit.trust_forwarded_headers": False,
        "service.jwt_rbac": False,
        "storage.quotas.enabled": True,
        "storage.quotas.max_disk_usage_percent": 80,
        "cluster.grpc_timeout_ms": 5,
        "cluster.consensus.tick_period_ms": 50,
        "cluster.consensus.share": "0.5",
    }
    assert "audit.enabled" not in _audit.shown(reader(qdrant_version="1.16.3", qdrant_config=None), False)
