# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Qdrant's settings: hardened, merged, and refused where they would weaken a node."""

from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _settings
from hypothesis import given
from hypothesis import strategies as st

OLD, NEW = (1, 16, 3), (1, 19, 0)


def hardened(version=NEW, **changes):
    values = {
        "address": "192.0.2.1",
        "http_port": 6333,
        "grpc_port": 6334,
        "p2p_port": 6335,
        "cluster": True,
        "jwt_rbac": False,
        "dashboard": False,
        "audit": {},
    }
    return _settings.hardened(version=version, **{**values, **changes})


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_defaults_run_no_risk_and_are_known(version):
    settings = hardened(version)
    assert _settings.weakened(settings) == []
    unknown = [problem for problem in _settings.check(settings, version) if "no such setting" in problem.what]
    assert unknown == []


def test_settings_that_a_version_does_not_have_are_not_written():
    assert "enable_snapshot_url_recovery" not in hardened(OLD)["service"]
    assert hardened(NEW)["service"]["enable_snapshot_url_recovery"] is False


@pytest.mark.parametrize("risk", _settings.RISKS, ids=[risk.name for risk in _settings.RISKS])
def test_each_risk_is_noticed(risk):
    config: dict = {}
    *sections, key = risk.path.split(".")
    section = config
    for name in sections:
        section = section.setdefault(name, {})
    section[key] = 9090 if risk.safe == (None,) else not risk.safe[0]
    merged = _settings.merge(hardened(), config)
    assert [found.name for found in _settings.weakened(merged)] == [risk.name]


@pytest.mark.parametrize("value", ["true", "false", 0, 1, "", None])
def test_only_the_safe_value_itself_is_safe(value):
    """1 equals true for Python and YAML readers differ about the rest: only true is true."""
    merged = _settings.merge(hardened(), {"service": {"enable_tls": value}})
    assert "plaintext-api" in [risk.name for risk in _settings.weakened(merged)]


@pytest.mark.parametrize("path", _settings.MANAGED)
def test_each_managed_setting_is_refused_with_what_to_use(path):
    config: object = "x"
    for key in reversed(path.split(".")):
        config = {key: config}
    texts = [str(problem) for problem in _settings.check(config, NEW)]
    assert any(f"qdrant_config.{path}" in text and "Use " in text for text in texts)


@pytest.mark.parametrize(
    ("config", "where", "remedy"),
    [
        ({"servce": {}}, "qdrant_config.servce", "Did you mean service"),
        ({"service": {"enable_cros": False}}, "qdrant_config.service.enable_cros", "service.enable_cors"),
        ({"cluster": {"p2p": {"enable_tsl": True}}}, "qdrant_config.cluster.p2p.enable_tsl", "cluster.p2p.enable_tls"),
        ({"zzz": 1}, "qdrant_config.zzz", "Remove it"),
        ({"service": "on"}, "qdrant_config.service", "below it"),
        # The server reads these as paths.
        ({"service.enable_tls": False}, "qdrant_config.service.enable_tls", "one name below the other"),
        ({"storage.wal.wal_capacity_mb": 1}, "qdrant_config.storage.wal.wal_capacity_mb", "one name below the other"),
        ({"cluster[0]": 1}, "qdrant_config.cluster[0]", "one name below the other"),
        ("a=b", "qdrant_config", "by section"),
        ({"service": {"enable_cors": "no"}}, "qdrant_config.service.enable_cors", "without quotes"),
    ],
)
def test_mistakes_are_refused_with_the_remedy(config, where, remedy):
    assert any(problem.where == where and remedy in str(problem) for problem in _settings.check(config, NEW))


@pytest.mark.parametrize("path", _settings.SINCE)
def test_settings_of_later_versions_are_refused(path):
    config: object = {} if path in ("audit", "storage.quotas") else True
    for key in reversed(path.split(".")):
        config = {key: config}
    assert any("from %d.%d.%d on" % _settings.SINCE[path] in problem.what for problem in _settings.check(config, (1, 16, 0)))
    assert not any("from" in problem.what for problem in _settings.check(config, NEW))


def test_what_qdrant_reads_below_known_sections_is_left_to_the_user():
    assert _settings.check({"storage": {"performance": {"max_search_threads": 4}, "wal": {"wal_capacity_mb": 64}}}, NEW) == []


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner, max_size=4), max_leaves=12)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_any_settings_are_judged_without_a_crash(config):
    _settings.check(config, NEW)
    merged = _settings.merge(hardened(), config)
    _settings.weakened(merged)
    assert _settings.merge(merged, config) == merged


def test_merging_changes_neither_side():
    base, over = {"a": {"b": [1]}}, {"a": {"c": 2}}
    merged = _settings.merge(base, over)
    merged["a"]["b"].append(2)
    assert (base, over) == ({"a": {"b": [1]}}, {"a": {"c": 2}})


def test_advisories_end_with_the_version_that_mends_them():
    assert len(_settings.advisories(OLD)) == len(_settings.ADVISORIES)
    assert _settings.advisories(NEW) == []


def test_quotas_are_the_whole_clusters():
    quotas = {"storage": {"quotas": {"enabled": True, "max_disk_usage_percent": 80}}}
    assert _settings.check_quotas({"node1": quotas, "node2": quotas}) == _settings.check_quotas({"node1": {}, "node2": None}) == []
    assert "node1 and node2 have different ones" in str(_settings.check_quotas({"node1": {}, "node2": quotas})[0])
    assert hardened(NEW)["storage"]["quotas"] == {"enabled": True, "max_disk_usage_percent": 90} and "quotas" not in hardened(OLD)["storage"]


def test_the_audit_log_comes_with_its_version():
    assert "audit" not in hardened(NEW)
    settings = hardened(NEW, audit={"enabled": True, "rotation": "hourly"})
    assert _settings.merge(settings, {"audit": {"log_api": True}})["audit"] == {"enabled": True, "rotation": "hourly", "log_api": True}
    assert _settings.AUDIT.startswith(_settings.STORAGE + "/")
    assert _settings.check_audit(True, (1, 17, 0)) == [] and _settings.check_audit(False, OLD) == []
    assert "from 1.17.0 on" in str(_settings.check_audit(True, OLD)[0])
    for name in ("dir", "rotation", "max_log_files"):
        assert any("qdrant_audit" in problem.remedy for problem in _settings.check({"audit": {name: "/x"}}, NEW))
