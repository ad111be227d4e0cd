# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running cluster grows by several nodes in one run, without a restart of those that run. The last of the tests beside the folders: the nodes stay."""

from __future__ import annotations

import json

from qdrant_client import models
from test_data import connect, eventually

NAME = "live_growth"


def test_two_nodes_join_in_one_run(deployment):
    spares = {node.name: {"qdrant_address": node.address} for node in deployment.spares}
    before = [node for node in deployment.nodes if node.name not in spares]
    assert len(spares) == 2
    (deployment.inventory / "growth.json").write_text(json.dumps({"qdrant": {"hosts": spares}}), encoding="utf-8")
    starts = [node.run("systemctl show --value -p InvocationID qdrant") for node in before]
    deployment.playbook("hardened.qdrant.site")
    again = deployment.playbook("hardened.qdrant.site")
    everyone = before + deployment.spares
    assert again.stdout.count("changed=0 ") == len(everyone) + len(deployment.outsiders), again.stdout[-1500:]
    assert "VERIFIED" in again.stdout + again.stderr
    assert [node.run("systemctl show --value -p InvocationID qdrant") for node in before] == starts, "a node was restarted"

    # One copy on every node, written through one that joined and read through each.
    client = connect(deployment, deployment.spares[0], grpc=True)
    eventually(
        lambda: client.create_collection(
            NAME, vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT), shard_number=1, replication_factor=len(everyone)
        )
    )
    try:
        client.upsert(NAME, [models.PointStruct(id=number, vector=[1.0, float(number)], payload={}) for number in range(50)], wait=True)
        for node in everyone:
            reader = connect(deployment, node, grpc=False)
            assert reader.count(NAME).count == 50, node.name
            assert len(reader.cluster_status().peers) == len(everyone), node.name
    finally:
        client.delete_collection(NAME)
