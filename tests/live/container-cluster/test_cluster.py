# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster in containers: published on the nodes' addresses alone, of one server by two ways, connected to peers alone, rotated one by one."""

from __future__ import annotations

import json

import pytest
from qdrant_client import models
from test_closed_from_the_start import test_no_peer_got_an_answer_without_key_or_tls, test_no_stranger_was_let_in
from test_data import connect, eventually, vector
from test_firewall import connects, test_peers_reach_the_cluster_port_and_not_grpc

# The same as of native nodes.
__all__ = ["test_no_peer_got_an_answer_without_key_or_tls", "test_no_stranger_was_let_in", "test_peers_reach_the_cluster_port_and_not_grpc"]

NAME = "live_container"


def inspected(node) -> dict:
    return json.loads(node.run("docker inspect qdrant"))[0]


def test_registry_and_archive_give_the_same_server(deployment):
    digests = set()
    for node in deployment.nodes:
        manifest = json.loads(node.run("cat /opt/qdrant/current/release.json"))
        assert inspected(node)["Image"] == manifest["image_id"], node.name
        digests.add(manifest["binary_sha256"])
    assert len(digests) == 1
    pulled = [node.run("docker image inspect --format '{{{{len .RepoDigests}}}}' {}".format(inspected(node)["Image"])).strip() for node in deployment.nodes]
    assert pulled == ["1", "1", "0"], "the last node loaded its image from an archive"


def test_ports_are_published_on_the_nodes_address_alone(deployment):
    for node in deployment.nodes:
        bindings = inspected(node)["HostConfig"]["PortBindings"]
        assert {entry["HostIp"] for entries in bindings.values() for entry in entries} == {node.address}
        assert sorted(bindings) == ["6333/tcp", "6334/tcp", "6335/tcp"]
        # Not even for who is on the host, on its other addresses.
        assert node.run("timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/6333' 2>/dev/null || echo closed").strip() == "closed"


def reaches(node, address: str, port: int) -> bool:
    return node.run("timeout 3 docker exec qdrant bash -c 'exec 3<>/dev/tcp/%s/%d' 2>/dev/null && echo open || true" % (address, port)).strip() == "open"


def test_a_container_connects_to_peers_alone(deployment):
    first, second, _third = deployment.nodes
    outsider = deployment.outsiders[0]
    assert reaches(first, second.address, 6335) and reaches(first, second.address, 6333)
    by_ssh = [(address, 22) for address in (second.address, first.address, "172.31.253.1", outsider.address)]
    others = [(second.address, 6334), (outsider.address, 5443), *by_ssh]
    for address, port in others:
        assert not reaches(first, address, port), (address, port)


def test_another_way_to_the_container_is_guarded_too(deployment):
    """Somebody leads another port of the host to the container: the guard looks after the translation as well."""
    node, outsider = deployment.nodes[0], deployment.outsiders[0]
    rule = f"PREROUTING -d {node.address} -p tcp --dport 7333 -j DNAT --to-destination 172.31.253.2:6333"
    node.run(f"iptables -t nat -I {rule}; iptables -I FORWARD -d 172.31.253.2 -j ACCEPT")
    try:
        assert connects(outsider, node.address, 7333) == "timeout"
    finally:
        node.run(f"iptables -t nat -D {rule}; iptables -D FORWARD -d 172.31.253.2 -j ACCEPT")


def served(deployment) -> dict:
    script = "openssl s_client -connect %s:6333 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256"
    return {node.name: node.run(script % node.address).strip() for node in deployment.nodes}


@pytest.fixture
def collection(deployment):
    """A collection with two copies of each shard, so that no node is missed while it restarts."""
    client = connect(deployment, deployment.nodes[0], grpc=False)

    def make():
        client.delete_collection(NAME)
        client.create_collection(NAME, vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT), shard_number=3, replication_factor=2)

    eventually(make)
    points = [models.PointStruct(id=number, vector=vector(number), payload={}) for number in range(50)]
    eventually(lambda: client.upsert(NAME, points, wait=True))
    yield NAME
    eventually(lambda: client.delete_collection(NAME))


def test_certificates_are_rotated_one_node_after_the_other(deployment, collection):
    before = served(deployment)
    invocations = [node.run("systemctl show --value -p InvocationID qdrant") for node in deployment.nodes]
    deployment.playbook("hardened.qdrant.rotate_certificates", "-e", "qdrant_tls_force_renewal=true")
    after = served(deployment)
    for node, invocation in zip(deployment.nodes, invocations):
        assert after[node.name] != before[node.name] and "Fingerprint" in after[node.name]
        assert node.run("systemctl show --value -p InvocationID qdrant") != invocation
    script = 'date -d "$(systemctl show --value -p ExecMainStartTimestamp qdrant)" +%s'
    times = [node.run(script).strip() for node in deployment.nodes]
    assert len(set(times)) == len(times), "nodes were restarted at once"
    for node in deployment.nodes:
        assert connect(deployment, node, grpc=True).count(collection).count == 50, node.name
