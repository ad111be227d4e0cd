# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the audit log of real nodes, how it is bounded and handed on, and settings that run beside the inventory's."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from qdrant_client import models
from test_data import connect, eventually

FOLDER = "/var/lib/qdrant/storage/audit"
NAME = "live_audit"
ASK = """\
python3 - <<'PYTHON'
import json, ssl, urllib.request
with open("/etc/qdrant/secrets.yaml") as file:
    key = json.load(file)["service"]["api_key"]
headers = {"api-key": key, "Content-Type": "application/json", "Forwarded": "for=203.0.113.7"}
request = urllib.request.Request("https://%s:6333%s", %s, headers, method="%s")
print(urllib.request.urlopen(request, context=ssl.create_default_context(cafile="/etc/qdrant/tls/current/ca.crt"), timeout=15).read().decode())
PYTHON
"""


def ask(node, method: str, path: str, body: str | None = None):
    """The result of a request with the node's key, from the node itself, that claims to come from elsewhere."""
    return json.loads(node.run(ASK % (node.address, path, repr(body.encode()) if body else None, method)))["result"]


def entries(node) -> list[dict]:
    return [json.loads(line) for line in node.run(f"cat {FOLDER}/audit*.log").splitlines()]


@pytest.mark.since("1.17.0")
def test_each_request_stands_in_the_log_with_its_origin(deployment):
    node = deployment.nodes[0]
    before = len(entries(node))
    ask(node, "GET", "/collections")
    found = entries(node)[before:]
    # A request that was denied has no method.
    assert [entry for entry in found if entry.get("method") == "list_collections" and entry["remote"] == node.address], found
    assert "203.0.113.7" not in json.dumps(found), "the word of whoever asks"
    assert node.run(f"stat -c '%a %U' {FOLDER}").split() == ["700", "qdrant"]


@pytest.mark.since("1.17.0")
def test_the_log_is_bounded_by_its_timer(deployment):
    node = deployment.nodes[0]
    old = [f"{FOLDER}/audit.2020-01-01-0{hour}.log" for hour in range(3)]
    node.run("".join(f"truncate -s 600M {path}; touch -d '2020-01-01 0{hour}:30' {path}\n" for hour, path in enumerate(old)))
    try:
        node.run("systemctl start qdrant-audit.service")
        left = node.run(f"ls {FOLDER}").split()
        assert "audit.2020-01-01-02.log" in left and "audit.2020-01-01-00.log" not in left and len(left) > 1, left
        assert "removed audit.2020-01-01-00.log" in node.run("journalctl -t qdrant-audit -o cat --no-pager -n 20")
    finally:
        node.run("rm -f {}".format(" ".join(old)))


@pytest.mark.since("1.17.0")
def test_the_journal_gets_the_log_if_it_is_asked_to(deployment):
    node = deployment.nodes[0]
    try:
        deployment.playbook("hardened.qdrant.site", "-e", "qdrant_audit_journal=true")
        node.run("systemctl start qdrant-audit.service")
        ask(node, "GET", "/collections")
        time.sleep(1)
        node.run("systemctl start qdrant-audit.service")
        lines = [line for line in node.run("journalctl -t qdrant-audit -o cat --no-pager -n 200").splitlines() if line.startswith("{")]
        assert [entry for entry in map(json.loads, lines) if entry.get("method") == "list_collections"], lines
    finally:
        deployment.playbook("hardened.qdrant.site")


@pytest.mark.since("1.19.0")
def test_quotas_that_somebody_set_are_put_right(deployment):
    node = deployment.nodes[-1]
    assert ask(node, "GET", "/quotas")["config"] == {"enabled": True, "max_disk_usage_percent": 90}
    ask(node, "PUT", "/quotas?wait=true", json.dumps({"enabled": True, "max_disk_usage_percent": 100, "max_resident_memory_percent": 99}))
    judged = deployment.playbook("hardened.qdrant.verify", check=False)
    assert judged.returncode != 0 and "config-quotas-as-wanted" in judged.stdout + judged.stderr
    right = deployment.playbook("hardened.qdrant.site")
    assert "VERIFIED" in right.stdout + right.stderr
    assert all(ask(each, "GET", "/quotas")["config"] == {"enabled": True, "max_disk_usage_percent": 90} for each in deployment.nodes)
    again = deployment.playbook("hardened.qdrant.site")
    assert again.stdout.count("changed=0 ") == len(deployment.nodes) + len(deployment.outsiders)


def test_a_new_collection_is_as_the_settings_say(deployment):
    """Defaults of collections show in a new one alone, and verification makes none."""
    node = deployment.nodes[0]
    wanted = {"hnsw_index": {"m": 24}, "optimizers": {"default_segment_number": 3}, "wal": {"wal_capacity_mb": 16}}
    try:
        deployment.playbook("hardened.qdrant.site", "-e", json.dumps({"qdrant_config": {"storage": wanted}}))
        assert yaml.safe_load(node.run("cat /etc/qdrant/config.yaml"))["storage"]["hnsw_index"] == {"m": 24}
        client = connect(deployment, node, grpc=False)
        eventually(lambda: client.create_collection(NAME, vectors_config=models.VectorParams(size=4, distance=models.Distance.DOT)))
        made = client.get_collection(NAME).config
        assert (made.hnsw_config.m, made.optimizer_config.default_segment_number, made.wal_config.wal_capacity_mb) == (24, 3, 16)
        eventually(lambda: client.delete_collection(NAME))
    finally:
        deployment.playbook("hardened.qdrant.site")
