# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as one of its nodes sees it, and whether that is healthy.

``/readyz`` is never asked: it stays 200 when peers are gone.
"""

from __future__ import annotations

import json
import typing as t
import urllib.parse
from collections import Counter

from ansible_collections.hardened.qdrant.plugins.module_utils import _wire

# Seconds for all that a node says of its cluster: a question for each collection, and each of these takes milliseconds.
LOOK = 60.0


class ClusterError(Exception):
    """The node gave no usable answer; the message says which question, and what came instead."""


class OtherKey(ClusterError):
    """The node is there, and has another key."""


def key_header(api_key: str | None) -> dict[str, str]:
    """Return the header that shows a key. An empty key is shown too: some versions take it, where an empty one is configured."""
    return {} if api_key is None else {"api-key": api_key}


class NotThere(ClusterError):
    """The node has no such route: its version does not."""


# The options of modules that ask a node with its own key, described by the fragment node_api.
OPTIONS = {
    "address": {"type": "str", "required": True},
    "http_port": {"type": "int", "default": 6333},
    "ca_path": {"type": "path", "default": "/etc/qdrant/tls/current/ca.crt"},
    "unit": {"type": "str", "default": "qdrant.service"},
    # The file's path is no secret.
    "secrets_file": {"type": "path", "default": "/etc/qdrant/secrets.yaml", "no_log": False},
}


class Node:
    """The REST API of one node, over TLS and with a key unless the node has none, for some seconds from now: that many collections a node may invent."""

    def __init__(self, target: _wire.Target, tls: _wire.Tls | None, api_key: str | None, seconds: float = LOOK) -> None:
        self._target, self._tls, self._headers = target, tls, key_header(api_key)
        self._seconds, self._deadline = seconds, _wire.Deadline(seconds)

    def get(self, path: str) -> t.Any:
        """Return the ``result`` of an answer."""
        return self._ask("GET", path)

    def put(self, path: str, content: dict[str, t.Any]) -> t.Any:
        """Send a change in JSON, and return the ``result`` of the answer."""
        return self._ask("PUT", path, json.dumps(content).encode("utf-8"))

    def _ask(self, method: str, path: str, body: bytes | None = None) -> t.Any:
        if self._deadline.over():
            raise ClusterError("%s %s: not asked, for what came before took %d seconds" % (method, path, self._seconds))
        headers = self._headers if body is None else {**self._headers, "content-type": "application/json"}
        answer = _wire.rest(self._target, path, method=method, headers=headers, body=body, tls=self._tls)
        if answer.status == 401:
            raise OtherKey(f"{method} {path}: HTTP 401, it has another key")
        if answer.status == 404:
            raise NotThere(f"{method} {path}: HTTP 404")
        if answer.error is not None or answer.status != 200:
            raise ClusterError("{} {}: {}".format(method, path, answer.error or f"HTTP {answer.status}"))
        try:
            return json.loads(answer.body)["result"]
        except (ValueError, KeyError, TypeError):
            raise ClusterError(f"{method} {path}: the answer is not Qdrant's") from None


def observe(node: Node) -> dict[str, t.Any]:
    """Return the cluster in plain data: peers, Raft state, and the shards of each collection that the node knows.

    Source: the shapes of GET /cluster and GET /collections/NAME/cluster of Qdrant's REST API.
    """
    cluster = node.get("/cluster")
    raft = cluster.get("raft_info") or {}
    collections = {}
    for entry in node.get("/collections")["collections"]:
        shards = node.get("/collections/{}/cluster".format(urllib.parse.quote(entry["name"], safe="")))
        collections[entry["name"]] = {
            "shards": [
                {"id": shard["shard_id"], "peer": shard.get("peer_id", shards["peer_id"]), "state": shard["state"]}
                for shard in shards.get("local_shards", []) + shards.get("remote_shards", [])
            ],
            "transfers": len(shards.get("shard_transfers", [])),
        }
    return {
        "enabled": cluster.get("status") == "enabled",
        "peer_id": cluster.get("peer_id"),
        "peers": [{"id": int(peer), "uri": entry["uri"]} for peer, entry in sorted((cluster.get("peers") or {}).items())],
        "leader": raft.get("leader"),
        "term": raft.get("term"),
        "commit": raft.get("commit"),
        "pending_operations": raft.get("pending_operations"),
        "consensus": (cluster.get("consensus_thread_status") or {}).get("consensus_thread_status"),
        "send_failures": cluster.get("message_send_failures") or {},
        "collections": collections,
    }


def observe_peer(nodes: t.Iterable[Node]) -> dict[str, t.Any] | None:
    """Return the cluster as a peer sees it, asked with one key after the other; None if it has none of these: keys are being changed.

    Raises ClusterError if the peer does not answer.
    """
    for node in nodes:
        try:
            return observe(node)
        except OtherKey:
            continue
    return None


def unhealthy(cluster: dict[str, t.Any], expected_peers: int) -> list[str]:
    """Return why a cluster should not lose a node now; empty if it is healthy."""
    reasons = []
    if cluster["enabled"]:
        known = {peer["id"] for peer in cluster["peers"]}
        if len(known) != expected_peers:
            reasons.append("it has %d peers, expected are %d" % (len(known), expected_peers))
        if cluster["leader"] not in known:
            reasons.append("it has no leader")
        if cluster["pending_operations"] != 0:
            reasons.append("{} operations wait for consensus".format(cluster["pending_operations"]))
        if cluster["consensus"] != "working":
            reasons.append("the consensus thread is {}".format(cluster["consensus"]))
        if reasons and cluster["send_failures"]:
            reasons.append("messages to {} fail".format(", ".join(sorted(cluster["send_failures"]))))
    elif expected_peers > 1:
        reasons.append("it is not a cluster")
    for name, collection in sorted(cluster["collections"].items()):
        states = sorted({shard["state"] for shard in collection["shards"]} - {"Active"})
        if states:
            reasons.append("collection {} has shards that are {}".format(name, ", ".join(states)))
        if collection["transfers"]:
            reasons.append("collection %s is moving %d shards" % (name, collection["transfers"]))
    return reasons


def unhealthy_views(views: t.Mapping[str, dict[str, t.Any]], expected_peers: int) -> list[str]:
    """Return why a cluster, seen from several nodes by address, should not lose a node now; empty if all say that it is healthy."""
    reasons = []
    for address, seen in views.items():
        reasons += [reason if len(views) == 1 else f"seen from {address}, {reason}" for reason in unhealthy(seen, expected_peers)]
    commits = {seen["commit"] for seen in views.values() if seen["enabled"]}
    if len(commits) > 1:
        reasons.append("nodes have not come as far as others (commits {})".format(", ".join(map(str, sorted(commits, key=str)))))
    return reasons


def single_copies(cluster: dict[str, t.Any]) -> list[str]:
    """Return the collections of which some shard has one copy or none that could answer: without the node that holds it, they are away."""
    away = []
    for name, collection in sorted(cluster["collections"].items()):
        copies = Counter(shard["id"] for shard in collection["shards"] if shard["state"] == "Active")
        if any(copies[shard["id"]] < 2 for shard in collection["shards"]):
            away.append(name)
    return away
