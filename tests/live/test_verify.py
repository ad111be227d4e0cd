# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only several nodes can show: each way to break a cluster turns the expected controls red on the expected nodes, and no others.

tests/sabotage breaks single nodes in all the other ways.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from qdrant_client import models
from test_data import connect, eventually, vector

NAME = "live_verify"


@pytest.fixture
def verify(deployment, tmp_path):
    """Run the playbook verify over an inventory; return the failed controls by node, and the report."""

    def run(*arguments: str, inventory: Path | None = None):
        target = replace(deployment, inventory=inventory) if inventory else deployment
        result = target.playbook("hardened.qdrant.verify", "-e", "qdrant_verify_report_dir=%s" % (tmp_path / "report"), *arguments, check=False)
        report = json.loads((tmp_path / "report/report.json").read_text(encoding="utf-8"))
        failed = {host: {finding["id"] for finding in findings if finding["state"] == "failed"} for host, findings in report["hosts"].items()}
        states = {finding["state"] for findings in report["hosts"].values() for finding in findings}
        assert (result.returncode != 0) == bool(states & {"failed", "error"})
        return failed, report

    return run


def test_a_healthy_cluster_has_no_finding(verify):
    failed, _report = verify()
    assert not any(failed.values())


def test_a_peer_that_is_locked_out(deployment, verify):
    first, second, third = deployment.nodes
    # In one transaction. Neighbouring addresses are one range in the kernel, so the set is written anew.
    rules = "flush set {0}\nadd element {0} {{ {1} }}\n".format("inet hardened_qdrant peers4", third.address)
    first.run(f"nft -f - <<'END'\n{rules}END")
    try:
        failed, _report = verify()
    finally:
        first.run("nft -f /etc/qdrant/firewall.nft")
    assert failed[first.name] == {"firewall-as-file", "firewall-as-inventory", "reach-peers"}
    assert not failed[second.name]


def test_a_peer_that_the_inventory_does_not_know(deployment, verify, tmp_path):
    forgotten = deployment.nodes[2]
    shutil.copytree(deployment.inventory, tmp_path / "hosts", symlinks=True)
    path = tmp_path / "hosts" / "inventory.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    del content["all"]["children"]["qdrant"]["hosts"][forgotten.name]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    failed, _report = verify(inventory=tmp_path / "hosts")
    # It is a stranger to the cluster, and the firewall still lets it in.
    assert failed == {node.name: {"cluster-no-strangers", "firewall-as-inventory"} for node in deployment.nodes[:2]}


def test_a_shard_that_lost_a_replica(deployment, verify):
    client = connect(deployment, deployment.nodes[0], grpc=False)
    last = deployment.nodes[2]

    def make():
        client.delete_collection(NAME)
        client.create_collection(
            NAME, vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT), shard_number=1, replication_factor=3, write_consistency_factor=1
        )

    eventually(make)
    try:
        last.run("systemctl stop qdrant")
        points = [models.PointStruct(id=number, vector=vector(number), payload={}) for number in range(5)]
        eventually(lambda: client.upsert(NAME, points, wait=True))
        failed, _report = verify()
        assert failed[deployment.nodes[0].name] == failed[deployment.nodes[1].name] == {"cluster-shards-active"}
        assert "unit-active" in failed[last.name]
    finally:
        last.run("systemctl start qdrant")
        eventually(lambda: client.delete_collection(NAME))
    deadline = time.monotonic() + 60
    while any((failed := verify()[0]).values()) and time.monotonic() < deadline:
        time.sleep(1)
    assert not any(failed.values())


def test_drift_between_two_reports(deployment, verify, tmp_path):
    verify()
    before = tmp_path / "before.json"
    shutil.copy(tmp_path / "report/report.json", before)
    node = deployment.nodes[0]
    node.run("chmod 0640 /etc/qdrant/config.yaml")
    try:
        _failed, report = verify("-e", f"qdrant_verify_compare_with={before}")
    finally:
        node.run("chmod 0644 /etc/qdrant/config.yaml")
    assert report["drift"] == [{"host": node.name, "place": "files.config.mode", "was": "0644", "is": "0640"}]


def test_nodes_of_several_versions(deployment, verify, tmp_path):
    """What the nodes said, but for the version of one: hosts of two releases are an upgrade's, in tests/live/rotation."""
    _failed, report = verify()
    first = deployment.nodes[0].name
    expected = {"cluster-one-version", "cluster-versions-adjacent"}
    for version in ("1.99.0", "0.1.0"):
        report["evidence"][first]["web"]["version"] = version
        saved = tmp_path / "saved.json"
        saved.write_text(json.dumps(report), encoding="utf-8")
        failed, _again = verify("-e", f"qdrant_verify_evidence_file={saved}")
        assert all(expected <= failed[node.name] for node in deployment.nodes) and failed[deployment.nodes[1].name] == expected, failed


def test_saved_evidence_is_judged_again_without_a_host(deployment, verify, tmp_path):
    _failed, report = verify()
    saved = tmp_path / "saved.json"
    report["evidence"][deployment.nodes[0].name]["auth"]["rest"]["none"] = 200
    saved.write_text(json.dumps(report), encoding="utf-8")
    failed, again = verify("-e", f"qdrant_verify_evidence_file={saved}")
    assert failed[deployment.nodes[0].name] == {"auth-rest-anonymous"}
    assert len(again["evidence"][deployment.nodes[1].name]["vantages"]) == len(report["evidence"][deployment.nodes[1].name]["vantages"])
