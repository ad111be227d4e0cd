# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the server can be made to call: Qdrant fetches a snapshot from any URL that a key's holder names.

From 1.18 on a setting keeps it from doing so, by default here. The walls are tried with the setting out of the way.
"""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request

import pytest
from server import ON_TOP, since

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
    request = urllib.request.Request(f"https://{node.address}:6333{path}", method=method, data=json.dumps(body).encode() if body is not None else None)
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
    """Have the server fetch a snapshot from the outsider; what it answered, and whether it called there."""
    status, text = call(deployment, node, "PUT", "/collections/egress", {"vectors": {"size": 2, "distance": "Dot"}})
    assert status == 200, text

    def attempt(name: str) -> tuple[int, bool]:
        body = {"location": f"http://{trap.address}:8099/{name}"}
        status, text = call(deployment, node, "PUT", "/collections/egress/snapshots/recover", body)
        assert status >= 400, text
        return status, f"/{name}\n" in trap.run("cat /run/called 2>/dev/null || true")

    yield attempt
    call(deployment, node, "DELETE", "/collections/egress")


def refused(node) -> int:
    objects = json.loads(node.run("nft --json list counters table inet hardened_qdrant"))["nftables"]
    return next(entry["counter"]["packets"] for entry in objects if entry.get("counter", {}).get("name") == "dropped_egress")


@pytest.fixture
def allowed(node):
    """The node's server without the setting that refuses, where it has one."""
    if since("1.18.0"):
        node.run(f"echo 'service: {{enable_snapshot_url_recovery: true}}' >{ON_TOP}; systemctl restart qdrant")
    yield
    if since("1.18.0"):
        node.run(f"rm -f {ON_TOP}; systemctl restart qdrant")


@pytest.mark.since("1.18.0")
def test_by_default_the_setting_alone_refuses(node, fetch):
    """Before a packet leaves: neither wall has anything to refuse, nor is missed where there is none."""
    before = refused(node)
    assert fetch("setting") == (403, False)
    assert refused(node) == before
    try:
        node.run("systemctl set-property --runtime qdrant.service IPAddressAllow=any; nft flush chain inet hardened_qdrant egress")
        assert fetch("setting-alone") == (403, False)
    finally:
        node.run("rm -rf /run/systemd/system.control/qdrant.service.d; systemctl daemon-reload; nft -f /etc/qdrant/firewall.nft")


def test_a_snapshot_is_fetched_from_no_foreign_address_whichever_wall_stands(node, allowed, fetch):
    before = refused(node)
    assert not fetch("both-walls")[1]
    assert refused(node) > before
    try:
        node.run("systemctl set-property --runtime qdrant.service IPAddressAllow=any")
        before = refused(node)
        assert not fetch("guard-alone")[1]
        assert refused(node) > before
        node.run("nft flush chain inet hardened_qdrant egress")
        # Without either it calls: the tests above would have seen it.
        assert fetch("no-wall")[1]
    finally:
        node.run("rm -rf /run/systemd/system.control/qdrant.service.d; systemctl daemon-reload")
    assert not fetch("unit-alone")[1]
    node.run("nft -f /etc/qdrant/firewall.nft")


@pytest.fixture
def everywhere(deployment, node):
    """A collection whose every write must reach every node."""
    copies = len(deployment.nodes)
    body = {"vectors": {"size": 2, "distance": "Dot"}, "shard_number": 1, "replication_factor": copies, "write_consistency_factor": copies}
    status, text = call(deployment, node, "PUT", "/collections/everywhere", body)
    assert status == 200, text
    yield "/collections/everywhere/points?wait=true"
    assert call(deployment, node, "DELETE", "/collections/everywhere")[0] == 200


def failures(deployment) -> dict[tuple[str, str], int]:
    """How many messages of consensus did not get through, by sender and receiver. Qdrant keeps the count of what is long over."""
    found = {}
    for host in deployment.nodes:
        status, text = call(deployment, host, "GET", "/cluster")
        assert status == 200, text
        cluster = json.loads(text)["result"]
        assert len(cluster["peers"]) == len(deployment.nodes)
        found.update({(host.name, uri): entry["count"] for uri, entry in cluster["message_send_failures"].items()})
    return found


def more_failures(deployment, everywhere) -> list[tuple[str, str]]:
    """Who fails to reach whom now: writes through every node, and consensus for as long as those take and two seconds, some twenty heartbeats."""
    before = failures(deployment)
    for number, host in enumerate(deployment.nodes):
        status, _text = call(deployment, host, "PUT", everywhere, {"points": [{"id": number, "vector": [1.0, 0.0]}]})
        if status != 200:
            return [(host.name, "a write: HTTP %d" % status)]
    time.sleep(2)
    return [pair for pair, count in failures(deployment).items() if count > before.get(pair, 0)]


def test_what_the_server_needs_still_works(deployment, everywhere):
    assert more_failures(deployment, everywhere) == []


def test_a_peer_that_is_blocked_would_show(deployment, node, everywhere):
    """Or else the test above says nothing."""
    node.run(f"nft insert rule inet hardened_qdrant egress ip daddr {deployment.nodes[-1].address} tcp dport 6335 reject with tcp reset")
    try:
        assert more_failures(deployment, everywhere) != []
    finally:
        node.run("nft -f /etc/qdrant/firewall.nft")
    deadline = time.monotonic() + 60
    while more_failures(deployment, everywhere) and time.monotonic() < deadline:
        pass
    assert more_failures(deployment, everywhere) == []
