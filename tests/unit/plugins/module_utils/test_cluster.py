# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a cluster bears the loss of a node, and when not."""

from __future__ import annotations

import json
import time

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _cluster, _wire


def healthy() -> dict:
    shards = [{"id": 0, "peer": peer, "state": "Active"} for peer in (1, 2)]
    return {
        "enabled": True,
        "peers": [{"id": peer, "uri": "https://192.0.2.%d:6335/" % peer} for peer in (1, 2, 3)],
        "leader": 2,
        "pending_operations": 0,
        "consensus": "working",
        "send_failures": {},
        "collections": {"c": {"shards": shards, "transfers": 0}},
    }


def test_a_healthy_cluster_is_healthy():
    assert _cluster.unhealthy(healthy(), 3) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"peers": []}, "it has 0 peers, expected are 3"),
        ({"leader": 0}, "it has no leader"),
        ({"leader": None}, "it has no leader"),
        ({"pending_operations": 4}, "4 operations wait"),
        ({"pending_operations": None}, "None operations wait"),
        ({"consensus": "stopped_with_err"}, "consensus thread is stopped_with_err"),
        ({"consensus": None}, "consensus thread is None"),
        ({"collections": {"c": {"shards": [{"id": 0, "peer": 1, "state": "Dead"}], "transfers": 0}}}, "shards that are Dead"),
        ({"collections": {"c": {"shards": [], "transfers": 1}}}, "moving 1 shards"),
        ({"enabled": False}, "it is not a cluster"),
        ({"leader": 0, "send_failures": {"https://192.0.2.3:6335/": {}}}, "messages to https://192.0.2.3:6335/ fail"),
    ],
)
def test_each_lack_is_a_reason(change, expected):
    assert any(expected in reason for reason in _cluster.unhealthy({**healthy(), **change}, 3))


def test_a_single_node_needs_no_cluster():
    assert _cluster.unhealthy({**healthy(), "enabled": False, "collections": {}}, 1) == []


def test_old_failures_alone_are_no_reason():
    """Messages failed while a peer was restarted; it is back."""
    assert _cluster.unhealthy({**healthy(), "send_failures": {"https://192.0.2.3:6335/": {}}}, 3) == []


@pytest.mark.parametrize(
    "answer",
    [_wire.RestAnswer(error="refused"), _wire.RestAnswer(503), _wire.RestAnswer(200, body=b"no json"), _wire.RestAnswer(200, body=b"[]")],
)
def test_an_answer_that_is_none_is_an_error(monkeypatch, answer):
    monkeypatch.setattr(_wire, "rest", lambda *_arguments, **_named: answer)
    with pytest.raises(_cluster.ClusterError, match="/cluster"):
        _cluster.Node(_wire.Target("192.0.2.1", 1), _wire.Tls(), "key").get("/cluster")


def test_observation_of_a_cluster(monkeypatch):
    answers = {
        "/cluster": {
            "status": "enabled",
            "peer_id": 1,
            "peers": {"1": {"uri": "https://192.0.2.1:6335/"}},
            "raft_info": {"leader": 1, "term": 3, "commit": 9, "pending_operations": 0},
            "consensus_thread_status": {"consensus_thread_status": "working"},
        },
        "/collections": {"collections": [{"name": "a b"}]},
        "/collections/a%20b/cluster": {
            "peer_id": 1,
            "local_shards": [{"shard_id": 0, "state": "Active"}],
            "remote_shards": [{"shard_id": 0, "peer_id": 2, "state": "Dead"}],
            "shard_transfers": [{}],
        },
    }
    monkeypatch.setattr(_wire, "rest", lambda _target, path, **_named: _wire.RestAnswer(200, body=json.dumps({"result": answers[path]}).encode()))
    seen = _cluster.observe(_cluster.Node(_wire.Target("192.0.2.1", 1), _wire.Tls(), "key"))
    assert seen["peers"] == [{"id": 1, "uri": "https://192.0.2.1:6335/"}]
    assert seen["collections"]["a b"] == {
        "shards": [{"id": 0, "peer": 1, "state": "Active"}, {"id": 0, "peer": 2, "state": "Dead"}],
        "transfers": 1,
    }


def test_a_node_that_invents_collections_is_not_asked_for_ever(monkeypatch):
    def rest(_target, path, **_named):
        time.sleep(0.05)
        result = {"collections": [{"name": str(number)} for number in range(1000)]} if path == "/collections" else {}
        return _wire.RestAnswer(200, body=json.dumps({"result": {"peer_id": 1, **result}}).encode())

    monkeypatch.setattr(_wire, "rest", rest)
    with pytest.raises(_cluster.ClusterError, match="not asked, for what came before took 1 seconds"):
        _cluster.observe(_cluster.Node(_wire.Target("192.0.2.1", 1), _wire.Tls(), "key", seconds=1))


def test_collections_with_a_single_copy_are_named():
    def collection(*shards):
        return {"shards": [{"id": number, "peer": peer, "state": state} for number, peer, state in shards], "transfers": 0}

    seen = {
        "two": collection((0, 1, "Active"), (0, 2, "Active")),
        "one": collection((0, 1, "Active"), (0, 2, "Active"), (1, 1, "Active")),
        "ill": collection((0, 1, "Active"), (0, 2, "Dead")),
        "none": collection(),
    }
    assert _cluster.single_copies({"collections": seen}) == ["ill", "one"]


def test_every_node_must_say_that_the_cluster_is_healthy():
    good = {
        "enabled": True, "peers": [{"id": 1}, {"id": 2}], "leader": 1, "pending_operations": 0, "consensus": "working", "send_failures": {},
        "commit": 7, "collections": {},
    }  # fmt: skip
    assert _cluster.unhealthy_views({"192.0.2.1": good, "192.0.2.2": good}, 2) == []
    behind = {**good, "commit": 6}
    assert "commits 6, 7" in _cluster.unhealthy_views({"192.0.2.1": good, "192.0.2.2": behind}, 2)[0]
    lost = {**good, "leader": 0}
    assert _cluster.unhealthy_views({"192.0.2.1": good, "192.0.2.2": lost}, 2) == ["seen from 192.0.2.2, it has no leader"]
    assert _cluster.unhealthy_views({"192.0.2.2": lost}, 2) == ["it has no leader"]


class Peer:
    """A node that answers as one with a key of its own, or not at all."""

    def __init__(self, error=None):
        self.error = error

    def get(self, path):
        if self.error:
            raise self.error
        return {"/cluster": {"status": "disabled"}, "/collections": {"collections": []}}[path]


def test_a_peer_is_asked_with_one_key_after_the_other():
    other, gone = Peer(_cluster.OtherKey("401")), Peer(_cluster.ClusterError("refused"))
    assert _cluster.observe_peer([other, Peer()])["enabled"] is False
    assert _cluster.observe_peer([other, other]) is None
    with pytest.raises(_cluster.ClusterError, match="refused"):
        _cluster.observe_peer([other, gone])
