# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Qdrant's settings: hardened, merged, and refused where they would weaken a node."""

from __future__ import annotations

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _known_settings, _settings
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
    found = _known_settings.check(settings, version)
    # They hold what the roles set, which a user may not, and null for what the server never does.
    assert [str(problem) for problem in found.problems if "the role sets it" not in problem.what] == [] and found.warnings == []


def test_settings_that_a_version_does_not_have_are_not_written():
    assert "enable_snapshot_url_recovery" not in hardened(OLD)["service"]
    assert hardened(NEW)["service"]["enable_snapshot_url_recovery"] is False


UNSAFE = {"storage.node_type": "Listener", "debugger.pyroscope": {"url": "https://192.0.2.9"}, "feature_flags": {"all": True}}


@pytest.mark.parametrize("risk", _settings.RISKS, ids=[risk.name for risk in _settings.RISKS])
def test_each_risk_is_noticed(risk):
    config: dict = {}
    *sections, key = risk.path.split(".")
    section = config
    for name in sections:
        section = section.setdefault(name, {})
    section[key] = UNSAFE.get(risk.path, 9090 if risk.safe == (None,) else not risk.safe[0])
    merged = _settings.merge(hardened(), config)
    assert [found.name for found in _settings.weakened(merged)] == [risk.name]


@pytest.mark.parametrize("value", ["true", "false", 0, 1, "", None])
def test_only_the_safe_value_itself_is_safe(value):
    """1 equals true for Python and YAML readers differ about the rest: only true is true."""
    merged = _settings.merge(hardened(), {"service": {"enable_tls": value}})
    assert "plaintext-api" in [risk.name for risk in _settings.weakened(merged)]


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner, max_size=4), max_leaves=12)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_any_settings_are_judged_without_a_crash(config):
    _known_settings.check(config, NEW)
    merged = _settings.merge(hardened(), config)
    _settings.weakened(merged)
    assert _settings.merge(merged, config) == merged


def test_merging_changes_neither_side():
    base, over = {"a": {"b": [1]}}, {"a": {"c": 2}}
    merged = _settings.merge(base, over)
    merged["a"]["b"].append(2)
    assert (base, over) == ({"a": {"b": [1]}}, {"a": {"c": 2}})


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
        assert any("qdrant_audit" in problem.remedy for problem in _known_settings.check({"audit": {name: "/x"}}, NEW).problems)
    # What comes with 1.18 is merged in where the version has it, and refused with the version needed where not.
    internal = {"service": {"enforce_internal_auth": True}}
    assert _known_settings.check(internal, (1, 18, 0)).problems == []
    assert _settings.merge(hardened((1, 18, 0)), internal)["service"]["enforce_internal_auth"] is True
    assert "from 1.18.0 on" in str(_known_settings.check(internal, (1, 17, 9)).problems[0])


def test_an_empty_section_is_no_risk():
    assert _settings.weakened(_settings.merge(hardened(), {"feature_flags": {}, "storage": {"recovery_mode": None}})) == []
