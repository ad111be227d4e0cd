# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the server can be made to call: Qdrant 1.16.3 fetches a snapshot from any URL that a key's holder names, and has no switch for it."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request

import pytest

# On the outsider: says "called" in a file as soon as anybody connects, and answers.
TRAP = """
systemctl stop trap 2>/dev/null; rm -f /run/called
systemd-run --quiet --collect --unit=trap python3 -c '
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open("/run/called", "a").write(self.path + "\\n")
        self.send_error(404)
http.server.HTTPServer(("%s", 8099), Handler).serve_forever()
'
for _try in $(seq 100); do [ -z "$(ss -Hltn 'sport = :8099')" ] || exit 0; sleep 0.1; done
exit 1
"""


@pytest.fixture(scope="module")
def node(deployment):
    return deployment.nodes[0]


@pytest.fixture(scope="module")
def trap(deployment):
    host = deployment.outsiders[0]
    host.run(TRAP % host.address)
    yield host
    host.run("systemctl stop trap", check=False)


def call(deployment, node, method: str, path: str, body: dict | None = None) -> tuple[int, str]:
    request = urllib.request.Request("https://%s:6333%s" % (node.address, path), method=method, data=json.dumps(body).encode() if body is not None else None)
    request.add_header("api-key", deployment.secrets["qdrant_api_key"])
    request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=deployment.ca), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except TimeoutError:
        return 599, "no answer"  # the server waits for packets that the unit's wall drops


@pytest.fixture(scope="module")
def fetch(deployment, node, trap):
    """Have the server fetch a snapshot from the outsider; whether it called there."""
    status, text = call(deployment, node, "PUT", "/collections/egress", {"vectors": {"size": 2, "distance": "Dot"}})
    assert status == 200, text

    def attempt(name: str) -> bool:
        body = {"location": "http://%s:8099/%s" % (trap.address, name)}
        status, text = call(deployment, node, "PUT", "/collections/egress/snapshots/recover", body)
        assert status >= 400, text
        return "/%s\n" % name in trap.run("cat /run/called 2>/dev/null || true")

    yield attempt
    call(deployment, node, "DELETE", "/collections/egress")


def refused(node) -> int:
    objects = json.loads(node.run("nft --json list counters table inet hardened_qdrant"))["nftables"]
    return next(entry["counter"]["packets"] for entry in objects if entry.get("counter", {}).get("name") == "dropped_egress")


def test_a_snapshot_is_fetched_from_no_foreign_address_whichever_wall_stands(deployment, node, fetch):
    before = refused(node)
    assert not fetch("both-walls")
    assert refused(node) > before
    try:
        node.run("systemctl set-property --runtime qdrant.service IPAddressAllow=any")
        before = refused(node)
        assert not fetch("guard-alone")
        assert refused(node) > before
        node.run("nft flush chain inet hardened_qdrant egress")
        # Without either it calls: the tests above would have seen it.
        assert fetch("no-wall")
    finally:
        node.run("rm -rf /run/systemd/system.control/qdrant.service.d; systemctl daemon-reload")
    assert not fetch("unit-alone")
    node.run("nft -f /etc/qdrant/firewall.nft")


def test_what_the_server_needs_still_works(deployment, node):
    status, text = call(deployment, node, "GET", "/cluster")
    cluster = json.loads(text)["result"]
    assert status == 200 and len(cluster["peers"]) == len(deployment.nodes) and cluster["message_send_failures"] == {}
