# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real client works, over REST and gRPC, with TLS verified and the key; and what it wrote survives restarts."""

from __future__ import annotations

import time

import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

POINTS = 200
NAME = "live_data"


def connect(deployment, node, grpc: bool, key: str = "qdrant_api_key") -> QdrantClient:
    """qdrant-client as a user makes it. Its gRPC channel takes the CA from a file as well."""
    with open(deployment.ca, "rb") as file:
        trust = file.read()
    return QdrantClient(
        url=f"https://{node.address}:6333",
        api_key=deployment.secrets[key],
        prefer_grpc=grpc,
        verify=deployment.ca,
        timeout=30,
        grpc_options={"root_certificates": trust} if grpc else None,
    )


def eventually(action, seconds: float = 60.0):
    """The result of an action that may fail while the cluster elects a leader."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return action()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def vector(number: int) -> list[float]:
    return [float(number % 7), float(number % 11), float(number % 13), 1.0]


@pytest.fixture(scope="module")
def collection(deployment):
    client = connect(deployment, deployment.nodes[0], grpc=False)
    points = [models.PointStruct(id=number, vector=vector(number), payload={"number": number}) for number in range(POINTS)]

    def make() -> None:
        """All of it, or nothing: a change of the collections needs a leader, which tests before this one may have restarted."""
        client.delete_collection(NAME)
        client.create_collection(
            NAME,
            vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT),
            shard_number=2,
            replication_factor=min(2, len(deployment.nodes)),
            write_consistency_factor=1,
        )
        client.upsert(NAME, points, wait=True)

    eventually(make)
    yield NAME
    eventually(lambda: client.delete_collection(NAME))


def read_back(deployment, node, grpc: bool) -> list[tuple]:
    records, _rest = connect(deployment, node, grpc).scroll(NAME, limit=POINTS + 10, with_payload=True)
    return sorted((record.id, record.payload["number"]) for record in records)


EXPECTED = [(number, number) for number in range(POINTS)]


@pytest.mark.parametrize("grpc", [False, True], ids=["rest", "grpc"])
def test_every_node_serves_what_was_written(deployment, collection, grpc):
    for node in deployment.nodes:
        assert read_back(deployment, node, grpc) == EXPECTED, node.name


def test_the_read_only_key_reads_and_does_not_write(deployment, collection):
    client = connect(deployment, deployment.nodes[0], grpc=False, key="qdrant_read_only_api_key")
    assert client.count(NAME).count == POINTS
    with pytest.raises(UnexpectedResponse) as refusal:
        client.upsert(NAME, [models.PointStruct(id=POINTS, vector=vector(1), payload={})])
    assert refusal.value.status_code == 403


def test_data_survives_a_restart_of_each_node_in_turn(deployment, collection):
    for node in deployment.nodes:
        node.run("systemctl restart qdrant.service")
        for peer in deployment.nodes:
            assert eventually(lambda peer=peer: read_back(deployment, peer, grpc=False)) == EXPECTED, peer.name
