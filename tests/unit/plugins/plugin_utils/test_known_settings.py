# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the server's settings, and what a user wrote, judged against it: over every row, and with the words of each refusal."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _secret_names
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _known_settings, _settings
from ansible_collections.hardened.qdrant.tests.live import settings_cases
from hypothesis import given
from hypothesis import strategies as st

PROJECT = Path(__file__).parents[4]
TABLE = _known_settings.table()
VERSIONS = ("1.16.3", "1.18.3", "1.19.0")
LATER = (1, 20, 0)
ROWS = [(version, row) for version in VERSIONS for row in settings_cases.rows(version)]
NAMES = [f"{version}-{row.name}" for version, row in ROWS]


def managed(path):
    return any(path == name or path.startswith(name + ".") for name in _settings.MANAGED)


def texts(config, version, accepted=()):
    return [str(problem) for problem in _known_settings.check(config, version, accepted).problems]


# --- the table ---------------------------------------------------------------------------------------------------------


def test_the_rows_are_whole():
    names = [row.name for row in TABLE.settings]
    assert len(names) == len(set(names)) > 200
    for row in TABLE.settings:
        assert row.type in _known_settings.TYPES and row.otherwise in _known_settings.OUTCOMES, row
        assert bool(row.choices) == (row.type == "choice") and (row.of is not None) == (row.type == "list"), row
        assert bool(row.then) or row.otherwise not in ("broken", "taken"), row
        assert row.type == "integer" or row.type == "number" or (row.min, row.max) == (None, None), row
        assert row.risk == "" or row.risk in _settings.RISK_NAMES, row
        assert row.form == "" or (row.form in _known_settings.FORMS and row.type == "text"), row
        for other in filter(None, (row.use, row.not_with)):
            assert other in names, row
        for version in filter(None, (row.since, row.until)):
            assert TABLE.oldest < _known_settings.parse(version) <= TABLE.newest, row
    sections = {name.rpartition(".")[0] for name in names}
    assert TABLE.nullable_sections <= {section.removesuffix(".*") for section in sections} | {"storage.collection.quantization"}


def test_what_the_roles_set_and_ask_for_is_in_the_table():
    names = {row.name for row in TABLE.settings}
    places = names | {name.rpartition(".")[0] for name in names}
    assert set(_settings.MANAGED) <= places and set(_secret_names.SETTINGS) <= names
    for path, since in _settings.SINCE.items():
        firsts = {row.since for row in TABLE.settings if row.name == path or row.name.startswith(path + ".")}
        assert since in {_known_settings.parse(first) for first in firsts}


def test_each_risk_of_a_setting_stands_in_its_row():
    risks = {row.risk for row in TABLE.settings} - {""}
    assert risks == {risk.name for risk in _settings.RISKS} | {"inference-address"}
    for risk in _settings.RISKS:
        assert all(row.risk == risk.name for row in TABLE.settings if row.name == risk.path or row.name.startswith(risk.path + "."))


def test_its_page_is_up_to_date():
    path = PROJECT / "scripts/lib/settings_doc"
    loader = importlib.machinery.SourceFileLoader("settings_doc", str(path))
    spec = importlib.util.spec_from_file_location("settings_doc", path, loader=loader)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = PROJECT / "docs/settings.md"
    assert page.read_text(encoding="utf-8") == module.document(), "run: scripts/lib/settings_doc > docs/settings.md"


# --- every row ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "row"), ROWS, ids=NAMES)
def test_a_row_s_values_pass_and_what_is_wrong_is_refused(version, row):
    numbers = _known_settings.parse(version)
    for case in settings_cases.valid(row):
        found = _known_settings.check(case.config, numbers)
        refused = [problem for problem in found.problems if "the role sets it" not in problem.what]
        assert (refused == []) == (not row.use), (case.name, case.config, refused)
        assert found.warnings == []
    for case in [*settings_cases.wrong(row), *settings_cases.misnamed(row)]:
        assert texts(case.config, numbers), (case.name, case.config)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_version_does_not_have_is_refused(version):
    numbers = _known_settings.parse(version)
    others = [row for row in TABLE.settings if not row.had_by(numbers) and not managed(row.name)]
    assert others
    for row in others:
        found = texts(settings_cases.config(row, settings_cases.right(row)[-1]), numbers)
        assert any("no more from" in text or "Qdrant has it from" in text for text in found), row


SEVEN = """cluster.connection_timeout_ms service.http_keep_alive_timeout_sec service.http_client_request_timeout_sec service.http_client_disconnect_timeout_sec
storage.hnsw_global_config.healing_threshold storage.low_memory_mode storage.payload.memory""".split()


@pytest.mark.parametrize("name", SEVEN)
def test_settings_that_a_list_of_names_once_missed_pass(name):
    row = next(row for row in TABLE.settings if row.name == name)
    for case in settings_cases.valid(row):
        assert texts(case.config, (1, 19, 0)) == []


def test_the_default_file_of_the_server_s_makers_passes_but_for_what_the_role_sets():
    config = {
        "log_level": "INFO",
        "storage": {
            "snapshots_config": {"snapshots_storage": "local"},
            "on_disk_payload": True,
            "update_concurrency": None,
            "wal": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
            "node_type": "Normal",
            "performance": {"max_search_threads": 0, "optimizer_cpu_budget": 0, "update_rate_limit": None},
            "optimizers": {"deleted_threshold": 0.2, "max_segment_size_kb": None, "indexing_threshold_kb": 10000, "max_optimization_threads": None},
            "hnsw_index": {"m": 16, "ef_construct": 100, "full_scan_threshold_kb": 10000, "on_disk": False, "payload_m": None},
            "shard_transfer_method": None,
            "collection": {"replication_factor": 1, "vectors": {"on_disk": None}, "quantization": None},
            "max_collections": None,
        },
        "service": {"max_request_size_mb": 32, "max_workers": 0, "enable_cors": False, "enable_tls": True},
        "cluster": {"p2p": {"enable_tls": True}, "consensus": {"tick_period_ms": 100, "compact_wal_entries": 128}},
        "telemetry_disabled": True,
    }
    for version in VERSIONS:
        found = _known_settings.check(config, _known_settings.parse(version))
        assert found.problems == [] and found.warnings == []


# --- the words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", _settings.MANAGED)
def test_each_managed_setting_is_refused_with_what_to_use(path):
    config: object = "x"
    for key in reversed(path.split(".")):
        config = {key: config}
    assert any(f"qdrant_config.{path}:" in text and "Use " in text for text in texts(config, (1, 19, 0)))


@pytest.mark.parametrize(
    ("config", "where", "words"),
    [
        ({"servce": {}}, "servce", "Did you mean service?"),
        ({"service": {"enable_cros": False}}, "service.enable_cros", "Did you mean service.enable_cors?"),
        ({"cluster": {"p2p": {"enable_tsl": True}}}, "cluster.p2p.enable_tsl", "Did you mean cluster.p2p.enable_tls?"),
        ({"service": {"max_search_threads": 2}}, "service.max_search_threads", "Did you mean storage.performance.max_search_threads?"),
        ({"zzz": 1}, "zzz", "Remove it, or accept the risk: qdrant_accepted_risks: [{risk: unknown-setting, reason: why}]"),
        ({"Service": {"enable_cors": False}}, "Service", "Write service"),
        ({"service": "on"}, "service", "below it"),
        ({"audit": None}, "audit", "below it"),
        # The server reads these as paths.
        ({"service.enable_tls": False}, "service.enable_tls", "one name below the other"),
        ({"storage.wal.wal_capacity_mb": 1}, "storage.wal.wal_capacity_mb", "one name below the other"),
        ({"cluster[0]": 1}, "cluster[0]", "one name below the other"),
        ({"service": {"enable_cors": "no"}}, "service.enable_cors", "it is not a boolean. Write true or false, without quotes"),
        ({"service": {"enforce_internal_auth": "true"}}, "service.enforce_internal_auth", "it is not a boolean"),
        ({"audit": {"rotation": "weekly"}}, "audit.rotation", "the role sets it. Use qdrant_audit_days"),
        ({"storage": {"wal": {"wal_retain_closed": 0}}}, "storage.wal.wal_retain_closed", "out of range, and making a collection panics. Write 1 or more"),
        ({"storage": {"wal": {"wal_capacity_mb": "32"}}}, "storage.wal.wal_capacity_mb", "not a whole number. Write 32, without quotes"),
        ({"storage": {"quotas": {"max_disk_usage_percent": 101}}}, "storage.quotas.max_disk_usage_percent", "Write from 1 to 100 (percent)"),
        ({"storage": {"optimizers": {"indexing_threshold": 20000}}}, "storage.optimizers.indexing_threshold", "Write storage.optimizers.indexing_threshold_kb"),
        ({"storage": {"optimizers": {"max_segment_size": 1}}}, "storage.optimizers.max_segment_size", "Write storage.optimizers.max_segment_size_kb"),
        ({"storage": {"hnsw_index": {"full_scan_threshold": 1}}}, "storage.hnsw_index.full_scan_threshold", "storage.hnsw_index.full_scan_threshold_kb"),
        (
            {"storage": {"optimizers_overwrite": {"memmap_threshold": 1, "memmap_threshold_kb": 1}}},
            "storage.optimizers_overwrite.memmap_threshold",
            "Keep storage.optimizers_overwrite.memmap_threshold_kb alone",
        ),
        ({"storage": {"node_type": "listener"}}, "storage.node_type", "Write Normal or Listener"),
        ({"log_level": "verbose"}, "log_level", "nothing else is logged any more. Write a level"),
        ({"storage": {"collection": {"quantization": {"scalar": {}}}}}, "storage.collection.quantization.scalar", "it lacks type"),
        ({"storage": {"collection": {"quantization": {}}}}, "storage.collection.quantization", "Write one of binary, product, scalar or turbo"),
        ({"feature_flags": {"payload_storage_skip_rocksdb": True}}, "feature_flags.payload_storage_skip_rocksdb", "no more from 1.18.0 on"),
        ({"gpu": {"devices": ["0"]}}, "gpu.devices", "list of whole numbers"),
        ({"service": {"max_workers": None}}, "service.max_workers", "it is null"),
        ({"inference": {"token": 1}}, "inference.token", "Put it in quotes"),
    ],
)
def test_mistakes_are_refused_with_the_remedy(config, where, words):
    found = [text for text in texts(config, (1, 19, 0)) if text.startswith(f"qdrant_config.{where}: ")]
    assert len(found) == 1 and words in found[0], texts(config, (1, 19, 0))


def test_settings_that_are_no_mapping_are_refused():
    assert "by section" in texts("a=b", (1, 19, 0))[0]


def test_a_section_that_came_with_a_version_is_refused_once():
    found = texts({"audit": {"log_api": True, "rotation": "weekly"}}, (1, 16, 3))
    assert len(found) == 1 and "qdrant_config.audit: Qdrant has it from 1.17.0 on" in found[0] and "Raise qdrant_version" in found[0]


def test_no_value_is_repeated():
    for row in TABLE.settings:
        for value in ({"s3cr3t": "s3cr3t"}, ["s3cr3t"], "s3cr3t"):
            assert not any("s3cr3t" in text for text in texts(settings_cases.config(row, value), (1, 19, 0)) if row.type not in ("text",)), row


# --- what the table does not know --------------------------------------------------------------------------------------


def test_the_user_may_know_better():
    config = {"storage": {"new_setting": 1}}
    assert len(texts(config, (1, 19, 0))) == 1
    found = _known_settings.check(config, (1, 19, 0), ["unknown-setting"])
    assert found.problems == [] and "qdrant_config.storage.new_setting" in found.warnings[0] and "accepted" in found.warnings[0]
    # But not what is wrong in every way, nor a name that the server might read in another case.
    assert texts({"audit": {"rotation": "weekly"}, "Service": {}, "service": {"api_key": "x"}}, (1, 19, 0), ["unknown-setting"])[2:]


def test_of_a_later_version_names_and_choices_are_warned_of():
    found = _known_settings.check({"storage": {"new_setting": 1, "node_type": "Standby"}}, LATER)
    assert found.problems == []
    assert ["known up to 1.19.0" in text for text in found.warnings] == [True, True]
    # A type hardly ever changes: refused, and yet to be overruled.
    config = {"service": {"enforce_internal_auth": "true"}}
    assert "unknown-setting" in texts(config, LATER)[0]
    assert texts(config, LATER, ["unknown-setting"]) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


@given(st.sampled_from(TABLE.settings), JSON, st.sampled_from([(0, 0, 0), (1, 16, 3), (1, 19, 0), LATER]))
def test_any_value_of_any_setting_is_judged_without_a_crash(row, value, version):
    for given_value in (value, [value], {"a": value}):
        _known_settings.check(settings_cases.config(row, given_value), version)
