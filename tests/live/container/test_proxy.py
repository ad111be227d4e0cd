# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy on the node's host is the only way to a server on an internal network."""

from __future__ import annotations

import grpc
import pytest
from proxied import Proxy
from qdrant_client import models
from qdrant_client.http.exceptions import UnexpectedResponse

NAME = "live_internal"
PORTS = (8443, 8444)


@pytest.fixture(scope="module")
def proxy(deployment) -> Proxy:
    return Proxy(deployment.nodes[0], *PORTS, deployment.ca)


@pytest.mark.parametrize("prefer_grpc", [False, True], ids=["rest", "grpc"])
def test_a_client_gets_through(deployment, proxy, prefer_grpc):
    client = proxy.client(deployment.secrets["qdrant_api_key"], prefer_grpc)
    client.delete_collection(NAME)
    try:
        assert client.create_collection(NAME, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
        client.upsert(NAME, [models.PointStruct(id=1, vector=[1.0, 0.5], payload={"a": 1})], wait=True)
        assert [point.id for point in client.query_points(NAME, query=[1.0, 1.0], limit=1).points] == [1]
    finally:
        client.delete_collection(NAME)


def test_a_wrong_key_does_not(proxy):
    with pytest.raises(UnexpectedResponse) as refused:
        proxy.client("wrong" * 8).get_collections()
    assert refused.value.status_code == 401
    with pytest.raises(grpc.RpcError) as unauthenticated:
        proxy.client("wrong" * 8, prefer_grpc=True).get_collections()
    assert unauthenticated.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_its_certificate_names_the_host_alone(deployment):
    node = deployment.nodes[0]
    names = node.run("openssl x509 -in /etc/qdrant-proxy/tls/current/tls.crt -noout -ext subjectAltName")
    assert node.address in names and node.name in names and "172.31.253.2" not in names


def test_there_is_no_other_way(deployment):
    """Not for a stranger by any port, and for the proxy's client by the proxy's ports alone."""
    node, outsider = deployment.nodes[0], deployment.outsiders[0]
    connects = "timeout 2 bash -c 'exec 3<>/dev/tcp/%s/%d' 2>/dev/null && echo open || true"
    for port in (6333, 6334, 6335, *PORTS):
        assert outsider.run(connects % (node.address, port)).strip() == "", port
    listening = node.run("ss -Hltn | awk '{print $4}'").split()
    assert not [entry for entry in listening if entry.rpartition(":")[2] in ("6333", "6334", "6335")], listening
    inside = connects % ("172.31.253.2", 6333)
    assert outsider.run(f"ip route add 172.31.253.0/29 via {node.address}; {inside}; ip route del 172.31.253.0/29").strip() == ""
