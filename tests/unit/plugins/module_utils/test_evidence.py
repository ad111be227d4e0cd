# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the observer that read text. What it sees of real nodes is tested on real nodes."""

from __future__ import annotations

import os

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _evidence

PLACE = _evidence.Place("qdrant.service", "qdrant", "/opt/qdrant", "/etc/qdrant", "/var/lib/q/s", "/var/lib/q/n", "192.0.2.1", 6333, 6334, None)


def test_a_section_that_cannot_be_observed_is_an_error_and_not_a_lack_of_findings():
    assert _evidence.ask({("a", "b"): lambda: 1, ("a", "c"): lambda: 1 / 0}) == {"a": {"b": 1, "c": {"error": "ZeroDivisionError: division by zero"}}}


def test_ports_of_a_single_node():
    assert sorted(PLACE.ports()) == ["grpc", "rest"]


def test_keys_are_described_without_being_shown():
    described = _evidence.strength({"api_key": "x" * 40, "read_only_api_key": "x" * 40})
    assert described == {"there": ["api_key", "read_only_api_key"], "shortest": 40, "differ": False}
    assert _evidence.strength({}) == {"there": [], "shortest": 0, "differ": True}


def test_capabilities_are_counted():
    assert [_evidence.capabilities(mask) for mask in ("0000000000000000", "000001ffffffffff")] == [0, 41]


def rule(*expressions):
    return {"expr": list(expressions)}


def dport(right):
    return {"match": {"left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": right}}


SADDR = {"match": {"left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@peers4"}}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([rule(dport(6335), {"counter": "x"}, {"drop": None})], {6335}),
        ([rule(dport({"set": [6333, 6334]}), {"drop": None})], {6333, 6334}),
        ([rule(dport(6335), {"accept": None})], set()),
        # Dropping some sources only is a hole for all others.
        ([rule(dport(6335), SADDR, {"drop": None})], set()),
        ([], set()),
        ([rule({"match": {"left": {"meta": {"key": "iif"}}, "right": "lo"}}, {"accept": None})], set()),
    ],
)
def test_dropped_ports(rules, expected):
    assert _evidence.dropped_ports(rules) == expected


def test_elements_of_sets_in_their_usual_notation():
    elements = ["192.0.2.1", {"prefix": {"addr": "192.0.2.0", "len": 24}}, {"range": ["192.0.2.1", "192.0.2.9"]}, {"elem": {"val": "192.0.2.3"}}]
    assert [_evidence.element_text(element) for element in elements] == ["192.0.2.1", "192.0.2.0/24", "192.0.2.1-192.0.2.9", "192.0.2.3"]


def test_settings_are_read_from_the_file_that_the_role_writes(tmp_path):
    text = "# comment\ncluster:\n  enabled: true\n  p2p:\n    port: 6335\nlog_level: INFO\ntls:\n  cert_ttl: null\n  key: '/k'\n"
    (tmp_path / "config.yaml").write_text(text)
    place = _evidence.Place("u", "q", "/o", str(tmp_path), "/d", "/s", "192.0.2.1", 1, 2, 3)
    assert _evidence.config(place) == {
        "values": {"cluster.enabled": True, "cluster.p2p.port": 6335, "log_level": "INFO", "tls.cert_ttl": None, "tls.key": "/k"},
        "holds_keys": False,
    }
    (tmp_path / "config.yaml").write_text("service:\n  'api_key': x\n")
    assert _evidence.config(place)["holds_keys"]


def test_what_others_may_change_on_the_way_to_a_file(tmp_path):
    target = tmp_path / "folder" / "file"
    target.parent.mkdir(mode=0o755)
    target.write_text("")
    target.chmod(0o644)
    if os.geteuid() != 0:
        # For anybody but root, everything here is somebody else's.
        assert str(target) in _evidence.changeable([str(target)])
        return
    assert str(target) not in _evidence.changeable([str(target)])
    target.parent.chmod(0o775)
    assert _evidence.changeable([str(target)]) == [str(target.parent)]
    target.parent.chmod(0o755)
    os.chown(target, 12345, 0)
    assert _evidence.changeable([str(target)]) == [str(target)]


def test_a_file_that_is_not_there():
    assert _evidence.file("/nonexistent/x") == {"path": "/nonexistent/x", "exists": False}


def test_this_process_is_seen_as_it_is():
    seen = _evidence.mounts(os.getpid())
    assert any(mount["path"] == "/" for mount in seen)
    assert all(isinstance(mount["writable"], bool) for mount in seen)
