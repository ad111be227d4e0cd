# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every call that the collection knows of a version, asked for with any credential. The live tests ask a deployment, bare.py a server of its own.

A request is whole, so that the server looks at the rights before it finds anything wrong; and it is about what is not there, wherever that is looked at
later, so that one that is allowed leaves the server as it was.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ansible_collections.hardened.qdrant.plugins.module_utils import _wire
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _calls
from qdrant_client import grpc as pb

A = "live_a"
ABSENT = _calls.ABSENT
NOBODY_KNOWN, REFUSED = {"rest": 401, "grpc": 16}, {"rest": 403, "grpc": 7}
# A call that is not there: an answer without a body (404, 405), or UNIMPLEMENTED.
NO_CALL = {"rest": 404, "grpc": 12}

VECTOR = [1.0, 2.0]
NEVER = {"must": [{"key": "name", "match": {"value": ABSENT}}]}
UPLOAD = ("multipart/form-data; boundary=cell", b'--cell\r\nContent-Disposition: form-data; name="snapshot"; filename="x"\r\n\r\nnone\r\n--cell--\r\n')
# Bodies of REST by route, below /collections/{collection_name} where the route begins with a dot. What is not named has none.
BODIES: dict[str, t.Any] = {
    "POST /audit/logs": {"limit": 1},
    "PUT /cluster/metadata/keys/{key}": "value",
    "POST /collections/aliases": {"actions": [{"delete_alias": {"alias_name": ABSENT}}]},
    "PATCH .": {},
    "PUT .": {"vectors": {"size": 2, "distance": "Dot"}},
    "POST ./cluster": {"drop_replica": {"shard_id": 99, "peer_id": 1}},
    "POST ./facet": {"key": "name"},
    "PUT ./index": {"field_name": "name", "field_schema": "keyword"},
    "POST ./points": {"ids": [1]},
    "PUT ./points": {"points": [{"id": 7, "vector": VECTOR}]},
    "POST ./points/batch": {"operations": [{"delete": {"points": [99]}}]},
    "POST ./points/count": {},
    "POST ./points/delete": {"points": [99]},
    "POST ./points/discover": {"target": VECTOR, "limit": 1},
    "POST ./points/discover/batch": {"searches": [{"target": VECTOR, "limit": 1}]},
    "POST ./points/payload": {"payload": {"name": "x"}, "filter": NEVER},
    "PUT ./points/payload": {"payload": {"name": "x"}, "filter": NEVER},
    "POST ./points/payload/clear": {"filter": NEVER},
    "POST ./points/payload/delete": {"keys": ["name"], "filter": NEVER},
    "POST ./points/query": {"query": VECTOR},
    "POST ./points/query/batch": {"searches": [{"query": VECTOR}]},
    "POST ./points/query/groups": {"query": VECTOR, "group_by": "name"},
    "POST ./points/recommend": {"positive": [1], "limit": 1},
    "POST ./points/recommend/batch": {"searches": [{"positive": [1], "limit": 1}]},
    "POST ./points/recommend/groups": {"positive": [1], "limit": 1, "group_by": "name", "group_size": 1},
    "POST ./points/scroll": {},
    "POST ./points/search": {"vector": VECTOR, "limit": 1},
    "POST ./points/search/batch": {"searches": [{"vector": VECTOR, "limit": 1}]},
    "POST ./points/search/groups": {"vector": VECTOR, "limit": 1, "group_by": "name", "group_size": 1},
    "POST ./points/search/matrix/offsets": {"sample": 2, "limit": 2},
    "POST ./points/search/matrix/pairs": {"sample": 2, "limit": 2},
    "PUT ./points/vectors": {"points": [{"id": 99, "vector": VECTOR}]},
    "POST ./points/vectors/delete": {"points": [99], "vector": ["absent"]},
    "PUT ./shards": {"shard_key": ABSENT},
    "POST ./shards/delete": {"shard_key": ABSENT},
    "POST ./shards/{shard}/points": {"ids": [1]},
    "POST ./shards/{shard}/points/scroll": {},
    "POST ./shards/{shard}/points/count": {},
    "POST ./shards/{shard}/snapshot/partial/create": {},
    "POST ./shards/{shard}/snapshot/partial/recover": UPLOAD,
    # Neither goes out, whatever the server may fetch from.
    "POST ./shards/{shard}/snapshot/partial/recover_from": {"peer_url": "absent://127.0.0.1:1"},
    "PUT ./shards/{shard}/snapshots/recover": {"location": "absent://127.0.0.1:1"},
    "PUT ./snapshots/recover": {"location": "absent://127.0.0.1:1"},
    "POST ./shards/{shard}/snapshots/upload": UPLOAD,
    "POST ./snapshots/upload": UPLOAD,
    "PUT ./vectors/{vector_name}": {"dense": {"size": 2, "distance": "Dot"}},
    "PATCH /debugger": {"pyroscope": None},
    "POST /logger": {},
    "PUT /quotas": {},
}
# What lasts on the server, or takes all of it: asked for by who may on a server of one's own alone.
LASTING = {"PUT /quotas", "POST /logger", "POST /snapshots", "POST /cluster/recover", "PUT /cluster/metadata/keys/{key}", "/qdrant.Snapshots/CreateFull"}
# Whose refusal must be about the collection A, while who may asks for one that is not there.
DESTROYS = {
    "DELETE /collections/{collection_name}",
    "/qdrant.Collections/Delete",
    "POST /collections/{collection_name}/truncate_unapplied_wal",
    "PUT /collections/{collection_name}/snapshots/recover",
    "POST /collections/{collection_name}/snapshots/upload",
    "PUT /collections/{collection_name}/shards/{shard}/snapshots/recover",
    "POST /collections/{collection_name}/shards/{shard}/snapshots/upload",
    "POST /collections/{collection_name}/shards/{shard}/snapshot/partial/recover",
    "POST /collections/{collection_name}/shards/{shard}/snapshot/partial/recover_from",
}


def text(number: int, value: str) -> bytes:
    """Return a field of protobuf that is a text of fewer than 128 bytes."""
    return bytes([number << 3 | 2, len(value)]) + value.encode()


def messages(name: str) -> dict[str, t.Any]:
    """Return the messages of gRPC for a collection by method. What is not named has its name as the first field, as nearly all have."""
    vector = pb.Vectors(vector=pb.Vector(data=VECTOR))
    never = pb.Filter(must=[pb.Condition(field=pb.FieldCondition(key="name", match=pb.Match(keyword=ABSENT)))])
    ids = [pb.PointId(num=99)]
    selected = pb.PointsSelector(points=pb.PointsIdsList(ids=ids))
    unmatched = pb.PointsSelector(filter=never)
    payload = {"name": pb.Value(string_value="x")}
    query = pb.Query(nearest=pb.VectorInput(dense=pb.DenseVector(data=VECTOR)))
    target = pb.TargetVector(single=pb.VectorExample(vector=pb.Vector(data=VECTOR)))
    config = pb.VectorsConfig(params=pb.VectorParams(size=2, distance=pb.Distance.Dot))
    key = pb.ShardKey(keyword=ABSENT)
    # StorageRead: a path, and where a range is asked for, of one byte.
    file = text(1, name) + text(3, ABSENT)
    storage = dict.fromkeys(("ListFiles", "FileExists", "FileLength", "ReadWhole"), file)
    storage.update(dict.fromkeys(("ReadBytes", "ReadBytesStream"), file + b"\x28\x01"))
    storage.update(ReadBatch=file + b"\x22\x02\x10\x01", ReadMulti=text(1, name) + text(3, "\n\x06absent\x18\x01"))
    return {
        "/grpc.health.v1.Health/Check": b"",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": text(7, ""),
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": text(7, ""),
        "/qdrant.Qdrant/HealthCheck": b"",
        "/qdrant.Collections/List": b"",
        "/qdrant.Collections/ListAliases": b"",
        "/qdrant.Snapshots/ListFull": b"",
        "/qdrant.Snapshots/CreateFull": b"",
        "/qdrant.Snapshots/DeleteFull": pb.DeleteFullSnapshotRequest(snapshot_name=ABSENT),
        "/qdrant.Snapshots/Delete": pb.DeleteSnapshotRequest(collection_name=name, snapshot_name=ABSENT),
        "/qdrant.Collections/Create": pb.CreateCollection(collection_name=name, vectors_config=config),
        "/qdrant.Collections/UpdateAliases": pb.ChangeAliases(actions=[pb.AliasOperations(delete_alias=pb.DeleteAlias(alias_name=ABSENT))]),
        "/qdrant.Collections/CreateShardKey": pb.CreateShardKeyRequest(collection_name=name, request=pb.CreateShardKey(shard_key=key)),
        "/qdrant.Collections/DeleteShardKey": pb.DeleteShardKeyRequest(collection_name=name, request=pb.DeleteShardKey(shard_key=key)),
        "/qdrant.Collections/UpdateCollectionClusterSetup": pb.UpdateCollectionClusterSetupRequest(
            collection_name=name, drop_replica=pb.Replica(shard_id=99, peer_id=1)
        ),
        "/qdrant.Points/ClearPayload": pb.ClearPayloadPoints(collection_name=name, points=unmatched),
        "/qdrant.Points/CreateFieldIndex": pb.CreateFieldIndexCollection(collection_name=name, field_name="name", field_type=pb.FieldType.FieldTypeKeyword),
        # CreateVectorNameRequest: a sparse vector (field 5), with options of its own.
        "/qdrant.Points/CreateVectorName": text(1, name) + text(3, "absent") + b"\x2a\x00",
        "/qdrant.Points/DeleteVectorName": text(1, name) + text(3, "absent"),
        "/qdrant.Points/Delete": pb.DeletePoints(collection_name=name, points=selected),
        "/qdrant.Points/DeleteFieldIndex": pb.DeleteFieldIndexCollection(collection_name=name, field_name="absent"),
        "/qdrant.Points/DeletePayload": pb.DeletePayloadPoints(collection_name=name, keys=["name"], points_selector=unmatched),
        "/qdrant.Points/DeleteVectors": pb.DeletePointVectors(collection_name=name, points_selector=selected, vectors=pb.VectorsSelector(names=["absent"])),
        "/qdrant.Points/Discover": pb.DiscoverPoints(collection_name=name, target=target, limit=1),
        "/qdrant.Points/DiscoverBatch": pb.DiscoverBatchPoints(
            collection_name=name, discover_points=[pb.DiscoverPoints(collection_name=name, target=target, limit=1)]
        ),
        "/qdrant.Points/Facet": pb.FacetCounts(collection_name=name, key="name"),
        "/qdrant.Points/Get": pb.GetPoints(collection_name=name, ids=ids),
        "/qdrant.Points/OverwritePayload": pb.SetPayloadPoints(collection_name=name, payload=payload, points_selector=unmatched),
        "/qdrant.Points/SetPayload": pb.SetPayloadPoints(collection_name=name, payload=payload, points_selector=unmatched),
        "/qdrant.Points/Query": pb.QueryPoints(collection_name=name, query=query),
        "/qdrant.Points/QueryBatch": pb.QueryBatchPoints(collection_name=name, query_points=[pb.QueryPoints(collection_name=name, query=query)]),
        "/qdrant.Points/QueryGroups": pb.QueryPointGroups(collection_name=name, query=query, group_by="name"),
        "/qdrant.Points/Recommend": pb.RecommendPoints(collection_name=name, positive=[pb.PointId(num=1)], limit=1),
        "/qdrant.Points/RecommendBatch": pb.RecommendBatchPoints(
            collection_name=name, recommend_points=[pb.RecommendPoints(collection_name=name, positive=[pb.PointId(num=1)], limit=1)]
        ),
        "/qdrant.Points/RecommendGroups": pb.RecommendPointGroups(collection_name=name, positive=[pb.PointId(num=1)], limit=1, group_by="name", group_size=1),
        "/qdrant.Points/Search": pb.SearchPoints(collection_name=name, vector=VECTOR, limit=1),
        "/qdrant.Points/SearchBatch": pb.SearchBatchPoints(collection_name=name, search_points=[pb.SearchPoints(collection_name=name, vector=VECTOR, limit=1)]),
        "/qdrant.Points/SearchGroups": pb.SearchPointGroups(collection_name=name, vector=VECTOR, limit=1, group_by="name", group_size=1),
        "/qdrant.Points/SearchMatrixOffsets": pb.SearchMatrixPoints(collection_name=name, sample=2, limit=2),
        "/qdrant.Points/SearchMatrixPairs": pb.SearchMatrixPoints(collection_name=name, sample=2, limit=2),
        "/qdrant.Points/UpdateBatch": pb.UpdateBatchPoints(
            collection_name=name, operations=[pb.PointsUpdateOperation(delete_points=pb.PointsUpdateOperation.DeletePoints(points=selected))]
        ),
        "/qdrant.Points/UpdateVectors": pb.UpdatePointVectors(collection_name=name, points=[pb.PointVectors(id=ids[0], vectors=vector)]),
        "/qdrant.Points/Upsert": pb.UpsertPoints(collection_name=name, points=[pb.PointStruct(id=pb.PointId(num=7), vectors=vector)]),
        **{f"/qdrant.StorageRead/{method}": message for method, message in storage.items()},
    }


@dataclass(frozen=True)
class Credential:
    """A credential and what it should reach. ``refusal`` is the one answer that it gets to all that needs a key, by REST and by gRPC."""

    kind: str
    secret: str | None = field(repr=False)
    scope: _access.Scope = _access.NOBODY
    refusal: tuple[int, int] | None = None


@dataclass(frozen=True)
class Asked:
    """Where requests go."""

    rest: _wire.Target
    grpc: _wire.Target
    tls: _wire.Tls | None = None

    def answer(self, secret: str | None, call: _calls.Call, name: str) -> t.Any:
        """Return the answer to a call for a collection, as _wire has it."""
        headers = {} if secret is None else {"api-key": secret}
        if call.port != "rest":
            message = messages(name).get(call.call, text(1, name))
            content = message if isinstance(message, bytes) else message.SerializeToString()
            return _wire.grpc(self.grpc, call.call, metadata=headers, message=content, tls=self.tls, timeout=60)
        body = BODIES.get(call.call, BODIES.get(call.call.replace("/collections/{collection_name}", ".")))
        kind, content = body if isinstance(body, tuple) else ("application/json", None if body is None else json.dumps(body).encode())
        path = call.asked(name).replace(f"/index/{ABSENT}", "/index/absent")
        return _wire.rest(self.rest, path, method=call.method, headers={**headers, "content-type": kind}, body=content, tls=self.tls, timeout=60)

    def status(self, secret: str | None, call: _calls.Call, name: str) -> int:
        """Return the status of a call for a collection; that of NO_CALL where the server does not know the call."""
        answer = self.answer(secret, call, name)
        assert answer.status is not None, (call.call, answer.error)
        if call.port != "rest":
            return int(answer.status)
        unknown = answer.status in (404, 405) and not answer.body
        return NO_CALL["rest"] if unknown else 404 + 1000 if answer.status == 404 else int(answer.status)


def cells(version: str, credentials: t.Iterable[Credential], lasting: bool) -> list[tuple[_calls.Call, Credential]]:
    """Return what is asked of a server of a version: what is made first, and what removes it afterwards. ``lasting``: also by who may, where it lasts."""
    calls = sorted((call for call in _calls.of(version) if call.port != "p2p"), key=lambda call: call.method == "DELETE")
    return [(call, one) for call in calls for one in credentials if lasting or call.call not in LASTING or not allowed(one, call)]


def allowed(credential: Credential, call: _calls.Call) -> bool:
    if credential.refusal is not None:
        return call.need == _calls.NOTHING
    return _calls.may(credential.scope, call, A)


def wrong(asked: Asked, call: _calls.Call, credential: Credential) -> str:
    """Return what is wrong with the answer to a cell; empty if nothing is."""
    may = allowed(credential, call)
    status = asked.status(credential.secret, call, ABSENT if may and call.call in DESTROYS else A)
    right = status not in (NOBODY_KNOWN[call.port], REFUSED[call.port], NO_CALL[call.port])
    if not may:
        right = status == (REFUSED[call.port] if credential.refusal is None else credential.refusal[call.port == "grpc"])
    return "" if right else f"{credential.kind}, {call.call}: {status}, though it needs {call.need}"


def surplus(asked: Asked, version: str, key: str) -> list[str]:
    """Return the calls that a server of a version answers on its public ports, though the data gives them to other versions, or to the port of nodes."""
    there = {call.call for call in _calls.of(version) if call.port != "p2p"}
    others = {call.call: call for call in _calls.known() if call.call not in there}
    public = [call._replace(port="grpc" if call.port == "p2p" else call.port) for call in others.values()]
    return [call.call for call in public if asked.status(key, call, ABSENT) != NO_CALL[call.port]]
