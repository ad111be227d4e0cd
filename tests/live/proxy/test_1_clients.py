# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients and strangers get from the proxies: the API, and nothing else."""

from __future__ import annotations

import json
import secrets
import socket
import ssl
import time
from pathlib import Path

import grpc
import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _proxy
from fixtures import collection, key, proxies, proxy
from proxied import wait_for
from qdrant_client import models
from qdrant_client.http.exceptions import UnexpectedResponse

# Fixtures.
__all__ = ["collection", "key", "proxies", "proxy"]


@pytest.mark.parametrize("prefer_grpc", [False, True], ids=["rest", "grpc"])
@pytest.mark.parametrize("number", [0, 1], ids=["own-host", "on-a-node"])
def test_a_client_creates_writes_and_searches(proxies, key, prefer_grpc, number):
    name = "live_proxy_%d_%d" % (prefer_grpc, number)
    client = proxies[number].client(key, prefer_grpc)
    client.delete_collection(name)
    try:
        assert client.create_collection(name, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT), replication_factor=2)
        client.upsert(name, [models.PointStruct(id=1, vector=[1.0, 0.5], payload={"a": 1})], wait=True)
        assert [point.id for point in client.query_points(name, query=[1.0, 1.0], limit=1).points] == [1]
        assert client.count(name).count == 1
    finally:
        client.delete_collection(name)


def test_a_wrong_key_and_none_are_refused(proxies, collection):
    for each in proxies:
        assert each.get("/collections").status_code == 401
        with pytest.raises(UnexpectedResponse) as refused:
            each.client(secrets.token_urlsafe(32)).get_collections()
        assert refused.value.status_code == 401
        with pytest.raises(grpc.RpcError) as unauthenticated:
            each.client(secrets.token_urlsafe(32), prefer_grpc=True).get_collections()
        assert unauthenticated.value.code() == grpc.StatusCode.UNAUTHENTICATED


CLOSED = {
    403: [
        "/metrics", "/metrics/", "/telemetry", "/dashboard", "/dashboard/", "/cluster", "/cluster/peer/1", "/snapshots", "/collections/x/snapshots",
        "/collections/x/snapshots/y", "/collections/x/shards/0/snapshots", "/collections/x/cluster", "/collections/x/shards", "/logger", "/stacktrace",
        "/issues", "/locks", "/METRICS", "/collections/x/unknown", "/%6Detrics", "/collections/x/%73napshots", "/nothing",
    ],
    400: [
        "//metrics", "/collections/../metrics", "/metrics/../collections", "/collections/x%2fsnapshots", "/collections/x/snapshots/..%2f..", "/./metrics",
        "/collections/%2e%2e/metrics", "/collections\\..\\metrics", "/collections/%252e%252e/metrics", "/collections/x/..",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("status", "path"), [(status, path) for status, paths in CLOSED.items() for path in paths])
def test_what_is_no_api_is_closed_even_with_the_key(proxy, key, status, path):
    assert proxy.get(path, headers={"api-key": key}).status_code == status


def test_every_call_that_no_part_holds_is_closed_even_with_the_key(proxy, key):
    answers = {path: proxy.get(path, headers={"api-key": key}).status_code for path in _proxy.closed_paths(_proxy.PARTS)}
    assert len(answers) > 8 and set(answers.values()) == {403}, answers


@pytest.mark.parametrize("method", ["/qdrant.Snapshots/ListFull", "/qdrant.Collections/CollectionClusterInfo", "/qdrant.PointsInternal/Upsert",
                                    "/qdrant.StorageRead/ListFiles", "/qdrant.StorageRead/ReadBytes",
                                    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"])  # fmt: skip
def test_what_is_no_api_is_closed_over_grpc(proxy, key, method):
    with open(proxy.ca, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    with grpc.secure_channel("%s:%d" % (proxy.host.address, proxy.grpc), credentials) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(method)(b"", metadata=[("api-key", key)], timeout=20)
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_tls_is_as_it_should_be(proxies):
    for each in proxies:
        assert "max-age=31536000" in each.get("/metrics").headers["strict-transport-security"]
        for port in (each.rest, each.grpc):
            context = ssl.create_default_context(cafile=each.ca)
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")
            with pytest.raises(OSError), socket.create_connection((each.host.address, port), timeout=10) as plain:
                context.wrap_socket(plain, server_hostname=each.host.address)
            assert each.served(port)
            for request in (b"GET /collections HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"nonsense\r\n\r\n"):
                with socket.create_connection((each.host.address, port), timeout=10) as plain:
                    plain.sendall(request)
                    try:
                        answer = plain.recv(16)
                    except ConnectionResetError:
                        answer = b""
                    assert answer == b"", "it answers in clear"


def test_a_stranger_gets_no_connection(deployment, proxies):
    """The unit's own list drops packets, before nginx says no."""
    stranger = deployment.outsiders[0]
    ports = [(proxy.host.address, port) for proxy in proxies for port in (proxy.rest, proxy.grpc)]
    knocks = ["(timeout 3 bash -c 'exec 3<>/dev/tcp/%s/%d' 2>/dev/null; echo $?) &" % target for target in ports]
    codes = stranger.run("\n".join(knocks) + "\nwait").split()
    assert len(codes) == 4 and "0" not in codes


def test_a_body_is_as_large_as_qdrant_takes_it(proxy, key, collection):
    headers = {"api-key": key, "Content-Type": "application/json"}
    just_over = b" " * (32 * 1024 * 1024 + 1)
    assert proxy.ask("PUT", f"/collections/{collection}/points", body=just_over, headers=headers).status_code == 413
    point = json.dumps({"points": [{"id": 999, "vector": [1.0, 1.0], "payload": {"text": "x" * (20 * 1024 * 1024)}}]})
    assert proxy.ask("PUT", f"/collections/{collection}/points?wait=true", body=point, headers=headers).status_code == 200
    assert proxy.ask("POST", f"/collections/{collection}/points/delete", body='{"points": [999]}', headers=headers).status_code == 200


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_slow_client_is_cut_off(proxy, key, part):
    """One that never ends its headers, or its body."""
    context = ssl.create_default_context(cafile=proxy.ca)
    started = time.monotonic()
    with (
        socket.create_connection((proxy.host.address, proxy.rest), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=proxy.host.address) as secure,
    ):
        secure.sendall(b"PUT /collections/x/points HTTP/1.1\r\nHost: x\r\n")
        if part == "body":
            secure.sendall(b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        secure.settimeout(25)
        try:
            answer = secure.recv(1000)
        except ConnectionError:
            answer = b""
    assert answer == b"" or b" 408 " in answer.splitlines()[0]
    assert time.monotonic() - started < 20


def test_the_log_says_who_did_what_and_no_key(proxy, key):
    started, marker, canary = time.time() - 1, secrets.token_hex(8), "canary-" + secrets.token_hex(16)
    # The real key goes where keys belong, a made-up one wherever a client may put it by mistake.
    proxy.get(f"/collections/live_{marker}", headers={"api-key": key})
    headers = {"api-key": canary, "Authorization": "Bearer " + canary, "Referer": "https://x/" + canary, "User-Agent": canary, "Cookie": canary}
    proxy.get(f"/collections/live_{marker}?api-key={canary}", headers=headers)
    proxy.get(f"/metrics?api-key={canary}", headers=headers)
    proxy.get(f"//x?{canary}", headers=headers)
    text = wait_for(lambda: proxy.log(started) if proxy.log(started).count(marker) >= 2 else "")
    assert canary not in text and key not in text
    entries = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    mine = [entry for entry in entries if entry["path"] == f"/collections/live_{marker}"]
    assert {entry["status"] for entry in mine} == {"404", "401"} and mine[0]["node"].endswith(":6333") and mine[0]["method"] == "GET"
    assert all("?" not in entry["path"] for entry in entries)
    # Nowhere else on the host either.
    assert proxy.host.run(f"grep -rlF -e '{canary}' /var/log /etc/qdrant-proxy /opt/qdrant-proxy /tmp /run/qdrant-proxy 2>/dev/null || true") == ""


@pytest.mark.since("1.17.0")
@pytest.mark.parametrize("over_grpc", [False, True], ids=["rest", "grpc"])
def test_the_nodes_log_the_proxys_word_and_not_the_clients(deployment, proxy, key, over_grpc):
    """Whatever a client says of its origin, in either header, once or twice."""
    name = f"live_{secrets.token_hex(8)}"
    words = {"Forwarded": "for=203.0.113.7", "X-Forwarded-For": "203.0.113.8"}
    if over_grpc:
        credentials = grpc.ssl_channel_credentials(Path(proxy.ca).read_bytes())
        with grpc.secure_channel("%s:%d" % (proxy.host.address, proxy.grpc), credentials) as channel:
            call = channel.unary_unary("/qdrant.Collections/Get")
            metadata = [("api-key", key), *((header.lower(), word) for header, word in words.items()), ("forwarded", "for=203.0.113.9")]
            with pytest.raises(grpc.RpcError) as missing:
                call(b"\x0a" + bytes([len(name)]) + name.encode(), metadata=metadata, timeout=20)
            assert missing.value.code() == grpc.StatusCode.NOT_FOUND
    else:
        assert proxy.get(f"/collections/{name}", headers={"api-key": key, **words}).status_code == 404
    time.sleep(1)
    lines = [line for node in deployment.nodes for line in node.run(f"grep -h '{name}' /var/lib/qdrant/storage/audit/*.log || true").splitlines()]
    assert lines and "203.0.113." not in "".join(lines), lines
    assert all(json.loads(line)["remote"] for line in lines)


def test_the_proxies_hold_no_key_of_qdrants(deployment, proxy):
    """Neither on disk nor in what the process was given: a client's key goes through."""
    for secret in deployment.secrets.values():
        needle = secret.strip().splitlines()[-2] if "BEGIN" in secret else secret
        found = proxy.host.run(f"grep -rlF -- '{needle}' /etc /opt /run/qdrant-proxy /var/lib 2>/dev/null || true")
        assert found == ""


def test_the_distributions_own_service_never_ran(proxies):
    for each in proxies:
        assert each.host.run("systemctl is-enabled nginx.service || true").strip() == "masked"
        assert each.host.run("journalctl --no-pager -o cat -u nginx.service | grep -c Started || true").strip() == "0"
        assert not each.host.run("ss -Htln sport = :80").strip()
