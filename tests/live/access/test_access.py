# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of credential tries every class of operations, by REST and by gRPC: what the access model promises is what the server does.

The cells come from data: credentials with their scope, operations with their requests. What is expected comes from the collection's access model.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.module_utils import _wire
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _calls, _tokens
from cells import Asked, Credential, allowed, cells, surplus, text, wrong
from qdrant_client import grpc as pb
from server import name as version
from support import token_of

A, B, VICTIM, NEW = "live_a", "live_b", "live_victim", "live_new"
VECTORS = {"vectors": {"size": 2, "distance": "Dot"}, "replication_factor": 3}
OK, DENIED, INTERNAL, UNAUTHENTICATED = 0, 7, 13, 16  # gRPC status codes, https://grpc.io/docs/guides/status-codes/
ALICE = [{"key": "name", "value": "alice"}]


def credentials(secrets: dict, folder: Path) -> list[Credential]:
    key, now = secrets["qdrant_api_key"], int(time.time())

    def token(scope: _access.Scope, condition: dict | None = None, signed_by: str = key) -> str:
        return _tokens.sign(_tokens.Grant("test", scope, 3600, condition or {}), signed_by)

    def raw(claims: dict, secret: str = key, algorithm: str = "HS256") -> str:
        return jwt.encode(claims, secret, algorithm=algorithm)

    everywhere = _access.Scope("r")
    collections = {right: _access.Scope(collections={A: right}) for right in _access.COLLECTION_RIGHTS}
    none, wrong, bad = (401, UNAUTHENTICATED), (401, UNAUTHENTICATED), (403, DENIED)
    return [
        Credential("no key", None, refusal=none),
        Credential("empty key", "", refusal=wrong),
        Credential("wrong key", key[::-1], refusal=wrong),
        Credential("api key", key, _access.FULL),
        Credential("read-only key", secrets["qdrant_read_only_api_key"], _access.READ_ONLY),
        Credential("token m", token(_access.FULL), _access.FULL),
        Credential("token r", token(everywhere), everywhere),
        *(Credential(f"token {right}", token(scope), scope) for right, scope in (("a:" + right, scope) for right, scope in collections.items())),
        Credential("token of another collection", token(_access.Scope(collections={B: "rw"})), _access.Scope(collections={B: "rw"})),
        Credential("token with a fulfilled condition", token(everywhere, {"collection": B, "matches": ALICE}), everywhere),
        Credential("token with an unfulfilled condition", token(everywhere, {"collection": B, "matches": [{"key": "name", "value": "eve"}]}), refusal=wrong),
        Credential("token signed by the read-only key", token(_access.FULL, signed_by=secrets["qdrant_read_only_api_key"]), refusal=bad),
        Credential("expired token", raw({"access": "m", "exp": now - 2 * _tokens.LEEWAY}), refusal=bad),
        Credential("token without a signature", raw({"access": "m", "exp": now + 3600}, "", "none"), refusal=wrong),
        Credential("token of qdrant_access, shop", token_of(folder / "shop"), _access.Scope(collections={A: "rw"})),
        Credential("token of qdrant_access, search", token_of(folder / "search.yml"), everywhere),
        Credential("token of qdrant_access, tenant", token_of(folder / "tenant"), _access.Scope(collections={A: "prw", B: "r"})),
    ]


@dataclass(frozen=True)
class Request:
    """How an operation is asked for. Of gRPC None where it has no such call."""

    rest: tuple
    grpc: tuple | None = None
    # Whether each allowed try needs the collection VICTIM to be there, or NEW not to be.
    needs_victim: bool = False
    makes_new: bool = False


def requests() -> dict[str, Request]:
    point = pb.PointStruct(id=pb.PointId(num=7), vectors=pb.Vectors(vector=pb.Vector(data=[1.0, 2.0])))
    config = pb.VectorsConfig(params=pb.VectorParams(size=2, distance=pb.Distance.Dot))
    index = pb.CreateFieldIndexCollection(collection_name=A, wait=True, field_name="name", field_type=pb.FieldType.FieldTypeKeyword)
    return {
        "list": Request(("GET", "/collections"), ("Collections/List", pb.ListCollectionsRequest())),
        "read": Request(("POST", f"/collections/{A}/points/count", {}), ("Points/Count", pb.CountPoints(collection_name=A))),
        "write": Request(
            ("PUT", f"/collections/{A}/points?wait=true", {"points": [{"id": 7, "vector": [1, 2]}]}),
            ("Points/Upsert", pb.UpsertPoints(collection_name=A, wait=True, points=[point])),
        ),
        "index": Request(("PUT", f"/collections/{A}/index?wait=true", {"field_name": "name", "field_schema": "keyword"}), ("Points/CreateFieldIndex", index)),
        "snapshots": Request(("GET", f"/collections/{A}/snapshots"), ("Snapshots/List", pb.ListSnapshotsRequest(collection_name=A))),
        "snapshot": Request(("POST", f"/collections/{A}/snapshots?wait=true"), ("Snapshots/Create", pb.CreateSnapshotRequest(collection_name=A))),
        "create": Request(
            ("PUT", "/collections/" + NEW, VECTORS), ("Collections/Create", pb.CreateCollection(collection_name=NEW, vectors_config=config)), makes_new=True
        ),
        "delete": Request(("DELETE", "/collections/" + VICTIM), ("Collections/Delete", pb.DeleteCollection(collection_name=VICTIM)), needs_victim=True),
        "cluster": Request(("GET", "/cluster")),
        "metrics": Request(("GET", "/metrics")),
        "telemetry": Request(("GET", "/telemetry")),
    }


class Server:
    """One node, asked with any credential."""

    def __init__(self, deployment) -> None:
        address = deployment.nodes[0].address
        self._rest, self._grpc, self._tls = _wire.Target(address, 6333), _wire.Target(address, 6334), _wire.Tls(ca_file=deployment.ca)
        self.key = deployment.secrets["qdrant_api_key"]
        self.asked = Asked(self._rest, self._grpc, self._tls)

    def rest(self, secret: str | None, method: str, path: str, body: dict | None = None) -> int:
        headers = {"content-type": "application/json", **({} if secret is None else {"api-key": secret})}
        content = None if body is None else json.dumps(body).encode()
        answer = _wire.rest(self._rest, path, method=method, headers=headers, body=content, tls=self._tls, timeout=60)
        assert answer.status is not None, answer.error
        return answer.status

    def grpc(self, secret: str | None, method: str, message) -> int:
        metadata = {} if secret is None else {"api-key": secret}
        answer = _wire.grpc(self._grpc, "/qdrant." + method, metadata=metadata, message=message.SerializeToString(), tls=self._tls, timeout=60)
        assert answer.status is not None, answer.error
        return answer.status

    def raw(self, secret: str, method: str, message: bytes):
        return _wire.grpc(self._grpc, method, metadata={"api-key": secret}, message=message, tls=self._tls, timeout=60)

    def there(self, name: str) -> bool:
        return self.rest(self.key, "GET", "/collections/" + name) == 200

    def ensure(self, name: str, wanted: bool) -> None:
        """A collection that is there, or is not. A change of the collections needs a leader, which a restart may have taken."""
        deadline = time.monotonic() + 120
        while self.there(name) != wanted:
            assert time.monotonic() < deadline, f"{name} cannot be brought about"
            self.rest(self.key, *(("PUT", "/collections/" + name, VECTORS) if wanted else ("DELETE", "/collections/" + name)))


@pytest.fixture(scope="module")
def server(deployment):
    server = Server(deployment)
    for name in (A, B, VICTIM):
        server.ensure(name, True)
    for name in (A, B):
        point = {"points": [{"id": 1, "vector": [1, 2], "payload": {"name": "alice"}}]}
        assert server.rest(server.key, "PUT", f"/collections/{name}/points?wait=true", point) == 200
    # The scenario made the deployment; the application's tokens are the next thing that a user makes.
    output = deployment.playbook("hardened.qdrant.tokens", "-vvv", "--diff")
    assert "made anew" not in output.stderr and "names collections that the server does not have" not in output.stdout + output.stderr
    yield server
    for name in (VICTIM, NEW):
        server.ensure(name, False)


@pytest.fixture(scope="module")
def known(deployment, server) -> list[Credential]:
    return credentials(deployment.secrets, deployment.inventory.parent / "tokens")


OPERATIONS = {operation.name: operation for operation in _access.OPERATIONS}
REQUESTS = requests()
# Kinds are counted without secrets, so that the cells have names before there is a server.
KINDS = 19
CELLS = [(kind, name, way) for kind in range(KINDS) for name, request in REQUESTS.items() for way in ("rest", "grpc") if way == "rest" or request.grpc]


def test_the_matrix_is_whole(known):
    assert len(known) == KINDS and len({credential.kind for credential in known}) == KINDS
    assert REQUESTS.keys() == OPERATIONS.keys(), "the access model and the requests name the same operations"
    needs = {call.call: call.need for call in _calls.of(version())}
    for name, request in REQUESTS.items():
        method, path, *_body = request.rest
        route = re.sub("|".join((A, VICTIM, NEW)), "{collection_name}", f"{method} {path.partition('?')[0]}")
        assert needs[route] == OPERATIONS[name].need, name
        assert request.grpc is None or needs["/qdrant." + request.grpc[0]] == OPERATIONS[name].need, name
    proof = (Path(__file__).parents[3] / "docs/proof.md").read_text(encoding="utf-8")
    assert "| %d cells of credentials by operations" % len(CELLS) in proof
    allowed = [_access.may(credential.scope, operation, A) for credential in known for operation in OPERATIONS.values()]
    assert 50 < sum(allowed) < len(allowed) - 50, "a matrix that only allows, or only refuses, proves little"


@pytest.mark.parametrize(("kind", "name", "way"), CELLS, ids=["%d-%s-%s" % cell for cell in CELLS])
def test_what_the_access_model_promises_is_what_the_server_does(server, known, kind, name, way):
    credential, request = known[kind], REQUESTS[name]
    may = credential.refusal is None and _access.may(credential.scope, OPERATIONS[name], A)
    if request.needs_victim:
        server.ensure(VICTIM, True)
    if request.makes_new:
        server.ensure(NEW, False)
    status = server.rest(credential.secret, *request.rest) if way == "rest" else server.grpc(credential.secret, *request.grpc)
    what = f"{credential.kind}, {OPERATIONS[name].title} by {way}"
    if credential.refusal:
        assert status == credential.refusal[way == "grpc"], what
    elif may:
        assert status == (200 if way == "rest" else OK), what
    else:
        assert status == (403 if way == "rest" else DENIED), what
    # An answer could lie; the data does not.
    if request.needs_victim:
        assert server.there(VICTIM) != may, what
    if request.makes_new:
        assert server.there(NEW) == may, what


def test_the_cells_of_the_version_are_as_many_as_documented(known):
    """All kinds of credentials by all calls, without those that last on the server and would be let in."""
    asked = cells(version(), known, lasting=False)
    proof = (Path(__file__).parents[3] / "docs/proof.md").read_text(encoding="utf-8")
    assert re.search(rf"\b{len(asked)} for {re.escape(_calls.version_for(version()))}\b", proof), len(asked)
    let_in = sum(allowed(credential, call) for call, credential in asked)
    assert len(asked) / 10 < let_in < len(asked) * 9 / 10


@pytest.mark.parametrize("kind", range(KINDS))
def test_every_call_of_the_version_lets_in_whom_it_should(server, known, kind):
    asked = cells(version(), known[kind : kind + 1], lasting=False)
    assert asked and [text for text in (wrong(server.asked, call, credential) for call, credential in asked) if text] == []


def test_calls_of_other_versions_and_between_nodes_are_not_there(server):
    if version() in _calls.versions():
        assert surplus(server.asked, version(), server.key) == []


@pytest.mark.since("1.18.0")
def test_who_reads_points_lists_raw_files_and_cannot_read_them(server, known):
    """Known, and said in docs/access.md: the log holds deleted points. The server reads it by io_uring, which the node refuses."""
    point = {"points": [{"id": 77, "vector": [1, 2]}]}
    assert server.rest(server.key, "PUT", f"/collections/{A}/points?wait=true", point) == 200

    def ask(kind: str, method: str, shard: int, file: str, more: bytes = b""):
        secret = next(one.secret for one in known if one.kind == kind)
        return server.raw(secret, f"/qdrant.StorageRead/{method}", text(1, A) + bytes([0x10, shard]) + text(3, file) + more)

    for kind in ("read-only key", "token a:r", "token a:prw"):
        # A cluster spreads the collection over shards, of which each node has a copy here.
        listed = {shard: ask(kind, "ListFiles", shard, "wal/open") for shard in range(3)}
        assert listed[0].status == OK
        logs = [(shard, name.decode()) for shard, answer in listed.items() for name in re.findall(rb"wal/open-\d+", answer.body)]
        # A range of 64 KiB (field 5), from the start.
        assert {ask(kind, "ReadBytes", shard, name, b"\x28\x80\x80\x04").status for shard, name in logs} == {INTERNAL}
    assert ask("token of another collection", "ListFiles", 0, "wal/open").status == DENIED


def test_what_a_list_holds_is_what_the_token_reaches(deployment, server, known):
    target, tls = _wire.Target(deployment.nodes[0].address, 6333), _wire.Tls(ca_file=deployment.ca)
    seen = {}
    for credential in known:
        if credential.refusal is None:
            answer = _wire.rest(target, "/collections", headers={"api-key": credential.secret}, tls=tls, timeout=60)
            seen[credential.kind] = {entry["name"] for entry in json.loads(answer.body)["result"]["collections"]} & {A, B}
    assert seen["token of qdrant_access, shop"] == {A} and seen["token of another collection"] == {B}
    assert seen["token r"] == seen["read-only key"] == {A, B}


def test_the_report_says_who_can_do_what(deployment):
    report = json.loads((deployment.inventory.parent / "report/report.json").read_text(encoding="utf-8"))
    rows = {row["who"]: row for row in report["access"]}
    assert rows["shop"]["may"]["write"] == A and rows["search"]["may"]["cluster"] == "everywhere" and rows["tenant"]["may"]["snapshot"] == ""
    assert not any(rows["without a key"]["may"].values())
    settings = yaml.safe_load((deployment.inventory / "group_vars/qdrant/access.yml").read_text(encoding="utf-8"))
    assert {entry["application"] for entry in settings["qdrant_access"]} <= rows.keys()


def test_tokens_that_fit_are_kept(deployment, server):
    before = {path: path.read_bytes() for path in (deployment.inventory.parent / "tokens").iterdir()}
    output = deployment.playbook("hardened.qdrant.tokens")
    assert "changed=0" in output.stdout and "changed=1" not in output.stdout
    assert len(before) == 3 and all(path.read_bytes() == content for path, content in before.items())
