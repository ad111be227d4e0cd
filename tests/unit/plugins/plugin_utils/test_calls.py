# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of each version. That a server has them, and what they need, is proved by tests/live/access."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections import Counter
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access, _calls

PROJECT = Path(__file__).parents[4]
SHOP = {right: _access.Scope(collections={"shop": right}) for right in _access.COLLECTION_RIGHTS}


def call_of(name: str, version: str) -> _calls.Call:
    return next(call for call in _calls.of(version) if call.call == name)


def test_every_call_is_there_once_for_a_version():
    assert _calls.versions() == ("1.16.3", "1.18.3", "1.19.0")
    for version in _calls.versions():
        counts = Counter(call.call for call in _calls.of(version))
        assert set(counts.values()) == {1}
        assert Counter(call.port for call in _calls.of(version))["rest"] > 85


def test_nothing_but_health_is_for_who_has_no_key():
    for version in _calls.versions():
        found = {call.call for call in _calls.of(version) if _calls.may(_access.NOBODY, call)}
        assert found == {"GET /", "GET /healthz", "GET /livez", "GET /readyz", "/grpc.health.v1.Health/Check", "/qdrant.Qdrant/HealthCheck"}


def test_who_may_less_may_nothing_that_who_may_more_may_not():
    ladder = [_access.NOBODY, SHOP["prw"], SHOP["rw"], _access.FULL]
    for call in _calls.known():
        allowed = [_calls.may(scope, call, "shop") for scope in ladder]
        assert allowed == sorted(allowed), call.call
        assert not _calls.may(SHOP["rw"], call, "other") or not call.of_collection
    # What changes something on the server as a whole is for full rights alone, and no reader changes anything by REST.
    for call in _calls.known():
        if call.port == "rest" and call.method in ("PUT", "PATCH", "DELETE"):
            assert not _calls.may(_access.READ_ONLY, call) and call.need in (_access.POINTS, _access.WRITE, _access.MANAGE), call.call


def test_calls_between_nodes_are_of_the_services_between_nodes_alone():
    between = {call.call.split("/")[1] for call in _calls.known() if call.port == "p2p"}
    assert between == {f"qdrant.{name}" for name in ("CollectionsInternal", "PointsInternal", "QdrantInternal", "Raft", "ShardSnapshots")}
    assert not between & {call.call.split("/")[1] for call in _calls.known() if call.port == "grpc"}
    assert not any(_calls.may(_access.FULL, call) for call in _calls.known() if call.port == "p2p")


def test_what_came_with_a_version():
    assert call_of("GET /quotas", "1.19.0").need == _access.SERVER
    assert "GET /quotas" not in {call.call for call in _calls.of("1.18.3")}
    raw = call_of("/qdrant.StorageRead/ReadWhole", "1.18.3")
    assert _calls.may(SHOP["prw"], raw, "shop") and _calls.may(_access.READ_ONLY, raw) and raw.part == "none"
    assert "/qdrant.StorageRead/ReadWhole" not in {call.call for call in _calls.of("1.16.3")}
    for name in ("POST /audit/logs", "GET /profiler/slow_requests", "GET /debugger", "PATCH /debugger", "POST /logger", "GET /stacktrace"):
        assert (call_of(name, "1.19.0").need, call_of(name, "1.19.0").part) == (_access.MANAGE, "none"), name


@pytest.mark.parametrize(("version", "known"), [("1.15.0", "1.16.3"), ("1.16.3", "1.16.3"), ("1.17.1", "1.16.3"), ("1.18.4", "1.18.3"), ("1.20.0", "1.19.0")])
def test_a_version_that_is_not_known_has_the_calls_of_the_one_before(version, known):
    assert _calls.version_for(version) == known


def test_paths_that_are_asked_for_hold_no_name_that_something_could_have():
    for call in _calls.known():
        asked = call.asked()
        assert "{" not in asked and (asked == call.path or _calls.ABSENT in asked or "/0" in asked)
    assert call_of("GET /collections/{collection_name}/shards/{shard}/snapshots", "1.19.0").asked("shop") == "/collections/shop/shards/0/snapshots"


def test_what_an_observer_may_ask_changes_nothing():
    asked = {call.call for call in _calls.known() if call.reads}
    assert "/qdrant.StorageRead/ListFiles" in asked and "GET /quotas" in asked and "/qdrant.Points/Scroll" in asked
    assert not {"/qdrant.Snapshots/CreateFull", "/qdrant.Points/Delete", "PUT /quotas", "POST /logger", "/qdrant.Snapshots/Create"} & asked


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"need": "undecided"}, "needs 'undecided'"),
        ({"part": "all"}, "of part 'all'"),
        ({"port": "http"}, "no call of http"),
        ({"call": "HEAD /"}, "no call of rest"),
        ({"versions": ["1.17.0"]}, "its versions"),
        ({"versions": []}, "its versions"),
        ({"need": "peer"}, "needs 'peer'"),
    ],
)
def test_a_row_that_is_wrong_is_refused(change, what):
    row = {"call": "GET /", "port": "rest", "need": "nothing", "part": "api", "documented": True, "versions": ["1.19.0"], **change}
    with pytest.raises(ValueError, match=what):
        _calls.parse({"versions": ["1.19.0"], "calls": [row]})


def test_the_page_is_made_from_the_data():
    made = subprocess.run([sys.executable, str(PROJECT / "scripts/lib/calls_doc")], check=True, capture_output=True, text=True).stdout
    assert made == (PROJECT / "docs/calls.md").read_text(encoding="utf-8"), "run scripts/lib/calls_doc > docs/calls.md"


def test_the_matrix_of_the_page_about_access_is_what_the_model_says():
    """Its columns are operations, its rows the rights of a token."""
    page = (PROJECT / "docs/access.md").read_text(encoding="utf-8")
    columns = [["list", "telemetry"], ["read"], ["write"], ["index", "snapshot"], ["snapshots"], ["cluster", "metrics"], ["create", "delete"]]
    operations = {operation.name: operation for operation in _access.OPERATIONS}
    assert sorted(name for column in columns for name in column) == sorted(operations)
    scopes = {f"{{shop: {right}}}": scope for right, scope in SHOP.items()}
    scopes.update({right: _access.Scope(right) for right in _access.GLOBAL_RIGHTS})
    for title, scope in scopes.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{title}` |"))
        shown = [cell.strip() for cell in row.split("|")[2:-1]]
        for names, text in zip(columns, shown, strict=True):
            for name in names:
                operation = operations[name]
                everywhere = "all" if operation.of_collection else "yes"
                wanted = (everywhere if scope.everywhere or not operation.of_collection else "shop") if _access.may(scope, operation, "shop") else ""
                assert text == wanted, (title, name)


# --- the script ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def script():
    loader = SourceFileLoader("calls_script", str(PROJECT / "scripts/lib/calls"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("calls_script", loader))
    loader.exec_module(module)
    return module


@pytest.fixture
def source(tmp_path):
    files = {
        "src/actix/mod.rs": '#[get("/")]\n',
        "src/actix/api/points.rs": '#[post("/collections/{name}/points")]\n#[cfg(feature = "staging")]\n#[post("/staging")]\n',
        "src/actix/api/debug.rs": '#[cfg(feature = "staging")]\nmod staging {\n    #[get("/wal")]\n}\n\n#[patch(\n    "/debugger")]\n',
        "lib/api/src/grpc/proto/points.proto": "package qdrant;\nservice Points {\n  // rpc Gone(\n  rpc Get(A) returns (B) {}\n}\n",
        "lib/api/src/grpc/proto/raft.proto": "package qdrant;\nservice Raft {\n  rpc Send(A)\n}\n",
        "src/tonic/mod.rs": ".add_service(reflection_service_v1)\n.add_service(\n PointsServer::new(x))\n"
        "pub fn init_internal(\n.add_service(RaftServer::new(x))",
        "docs/redoc/v1.19.x/openapi.json": '{"paths": {"/collections/{collection_name}/points": {"post": {}, "parameters": []}}}',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_calls_are_read_from_the_source(script, source):
    assert script.routes(source) == {"GET /", "POST /collections/{collection_name}/points", "PATCH /debugger"}
    assert script.documented(source, "1.19.0") == {"POST /collections/{collection_name}/points"}
    reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    assert script.methods(source) == {"grpc": {"/qdrant.Points/Get", reflection}, "p2p": {"/qdrant.Raft/Send"}}


def test_what_was_decided_is_kept_and_what_is_new_is_named(script, source, monkeypatch, capsys):
    kept = _calls.Call("GET /", "rest", "nothing", "api", ("1.18.3", "1.19.0"), True)
    gone = _calls.Call("GET /gone", "rest", "server", "none", ("1.18.3", "1.19.0"), True)
    monkeypatch.setattr(_calls, "FILE", source / "calls.yml")
    _calls.FILE.write_text(script.document([gone, kept]), encoding="utf-8")
    assert script.main("1.19.0", str(source)) == 1
    rows = {row.call: row for row in _calls.read(complete=False)[1]}
    assert rows["GET /"] == kept and rows["GET /gone"].versions == ("1.18.3",)
    assert rows["/qdrant.Raft/Send"].need == "undecided"
    assert "undecided: PATCH /debugger" in capsys.readouterr().err


def test_a_need_that_differs_by_version_keeps_its_versions(script):
    old = _calls.Call("GET /quotas", "rest", "manage", "none", ("1.18.3",), True)
    new = _calls.Call("GET /quotas", "rest", "server", "none", ("1.19.0",), True)
    entered = script.enter([old, new], "1.19.0", {("rest", "GET /quotas"): True})
    assert sorted(entered, key=lambda row: row.versions) == [old, new]
    assert script.enter([old], "1.19.0", {("rest", "GET /quotas"): True}) == [old._replace(versions=("1.18.3", "1.19.0"))]


# --- what no setting closes ----------------------------------------------------------------------------------------------


def row_of(entry: _calls.Unclosed) -> str:
    since = " ({} and later)".format(entry.since.rpartition(".")[0]) if entry.since else ""
    return f"| {entry.what}{since}{'' if entry.opened else ' †'} | {entry.who} | {entry.besides or 'no'} |"


def test_what_no_setting_closes_is_documented():
    page = (PROJECT / "docs/access.md").read_text(encoding="utf-8")
    assert "\n".join(map(row_of, _calls.unclosed("1.19.0"))) in page


def test_what_came_later_is_not_said_of_an_earlier_version():
    names = [row.what for row in _calls.unclosed("1.16.3")]
    assert names and not any("StorageRead" in name or "PUT /quotas" in name or "audit" in name for name in names)
    assert len(_calls.unclosed("1.18.3")) == len(_calls.unclosed("1.19.0")) - 1 == len(names) + 2


@pytest.mark.parametrize("row", _calls.unclosed("1.19.0"), ids=lambda row: row.what[:30])
def test_the_calls_of_a_row_are_known_and_what_the_proxy_opens_is_theirs(row):
    """Their words between backticks are calls or services of the newest known version."""
    named = [text.split()[-1] for text in row.what.split("`")[1::2]]
    found = [call for call in _calls.of("1.19.0") for name in named if call.path == name or name in call.call.split("/")[1]]
    assert found, named
    assert {call.part != "none" for call in found} == {row.opened}
