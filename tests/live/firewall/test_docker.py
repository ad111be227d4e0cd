# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that Docker publishes beside Qdrant's own: a real engine, a container with the real server and none of its walls.

Docker leads packets for IPv4 past every filter of incoming packets, by address translation; those for IPv6 to a proxy that listens on the host.
"""

from __future__ import annotations

import time

import pytest
from vantages import CLIENT, CLIENTS, NOBODY, PEER, all_at_once, info, knock, nmap, prepare

# The node's server, its libraries and the host's CAs are the image: Qdrant from 1.17.1 on does not start without any.
# It is published at a second address, and at the one of IPv6, where nothing else listens.
START = """
set -e
systemctl restart docker
docker rm --force published >/dev/null 2>&1 || true
folder=$(mktemp -d)
server=$(readlink -f /opt/qdrant/current/qdrant)
install -D "$server" "$folder/qdrant"
ldd "$server" | grep -o '/[^ ]*' | while read -r library; do install -D "$library" "$folder$library"; done
install -D /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/ca-certificates.crt"
mkdir -p "$folder/data"
tar -C "$folder" -c . | docker import --change 'WORKDIR /data' --change 'ENV QDRANT__CLUSTER__ENABLED=true' - published >/dev/null
rm -rf "$folder"
ip address replace %(second)s/24 dev eth0
docker run --detach --name published --publish '%(second)s:6333-6335:6333-6335' --publish '[%(ipv6)s]:6333-6335:6333-6335' \
  published /qdrant --uri http://127.0.0.1:6335 >/dev/null
"""
STOP = "docker rm --force published; docker rmi published; ip address del %(second)s/24 dev eth0; systemctl stop docker.socket docker"


@pytest.fixture(scope="module")
def published(deployment) -> dict[str, str]:
    """The addresses at which the first node publishes the three ports, by family."""
    host = deployment.nodes[0]
    prepare(deployment)
    host.run("systemctl stop listener")
    places = {"second": host.address.rpartition(".")[0] + ".200", "ipv6": host.vars["testbed_ipv6"]}
    host.run(START % places)
    deadline = time.monotonic() + 60
    while knock(host, places["second"]) != dict.fromkeys(PEER, "open") and time.monotonic() < deadline:
        time.sleep(0.5)
    yield {"ipv4": places["second"], "ipv6": places["ipv6"]}
    host.run(STOP % places, check=False)


def reached(deployment, published) -> dict:
    """What outsider, client and a peer reach, by family."""
    outsider, peer = deployment.outsiders[0], deployment.nodes[1]
    calls = {}
    for family, address in published.items():
        calls[family, "outsider"] = (lambda address=address: nmap(outsider, [address])[address],)
        calls[family, "client"] = (lambda address=address, family=family: nmap(outsider, [address], CLIENTS[family])[address],)
        calls[family, "peer"] = (knock, peer, address)
    return all_at_once(calls)


AS_IT_SHOULD_BE = {(family, who): seen for family in ("ipv4", "ipv6") for who, seen in (("outsider", NOBODY), ("client", CLIENT), ("peer", PEER))}
EVERYTHING = dict.fromkeys(PEER, "open")


def test_published_ports_are_guarded_as_qdrants_own(deployment, published):
    assert reached(deployment, published) == AS_IT_SHOULD_BE


def test_what_docker_does_with_the_ports_is_said(deployment, published):
    foreign = info(deployment, deployment.nodes[0].name)[deployment.nodes[0].name]["firewalls"]["foreign"]
    assert any("chain DOCKER" in rule for rule in foreign), foreign


def test_without_the_guard_they_would_be_open(deployment, published):
    """Or else the test above says nothing: without the hook before Docker's rules over IPv4, without the table over both families."""
    host = deployment.nodes[0]
    try:
        host.run("nft flush chain inet hardened_qdrant incoming")
        seen = reached(deployment, published)
        assert seen["ipv4", "outsider"] == EVERYTHING and seen["ipv6", "outsider"] == NOBODY
        host.run("nft delete table inet hardened_qdrant")
        seen = reached(deployment, published)
        assert seen["ipv4", "outsider"] == seen["ipv6", "outsider"] == EVERYTHING
    finally:
        host.run("nft -f /etc/qdrant/firewall.nft")
    assert reached(deployment, published) == AS_IT_SHOULD_BE
