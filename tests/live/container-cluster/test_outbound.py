# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a container's outgoing connections trust: the deployment's CA, where the image has CAs of its own as where it has none."""

from __future__ import annotations

import pytest
from outbound import COLLECTION, Traps, call, gets_through
from server import since
from test_startup import seen, test_the_server_finds_what_it_reads

# The same as of native nodes.
__all__ = ["seen", "test_the_server_finds_what_it_reads"]

OWN, FOREIGN = 8441, 8442
UNIT = "/etc/systemd/system/qdrant.service"


def change_unit(node, expression: str) -> None:
    """Start the container with other words: an expression of sed's."""
    node.run(f"sed -i '{expression}' {UNIT}; systemctl daemon-reload; systemctl restart qdrant")


@pytest.fixture(scope="module")
def node(deployment):
    """The node whose image trusts the foreign CA. Its server may fetch from URLs, where a setting says whether."""
    node = deployment.nodes[2]
    node.run(f"cp -p {UNIT} /run/unit")
    if since("1.18.0"):
        change_unit(node, "s|--env=SSL_CERT_FILE |&--env=QDRANT__SERVICE__ENABLE_SNAPSHOT_URL_RECOVERY=true |")
    yield node
    call(deployment, node, "DELETE", f"/collections/{COLLECTION}")
    node.run(f"mv /run/unit {UNIT}; systemctl daemon-reload; systemctl restart qdrant")


@pytest.fixture(scope="module")
def traps(deployment, tmp_path_factory):
    """On a peer's host, with certificates for its address."""
    folder = deployment.inventory.parent
    own = (deployment.nodes[0].vars["qdrant_tls_ca_certificate"], deployment.secrets["qdrant_tls_ca_private_key"])
    foreign = tuple((folder / name).read_text(encoding="ascii") for name in ("foreign.crt", "foreign.key"))
    with Traps(deployment.nodes[1], {OWN: own, FOREIGN: foreign}, tmp_path_factory.mktemp("traps"), ["peer.example.com"]) as there:
        yield there


def test_one_image_has_cas_and_the_others_have_no_place_for_them(deployment):
    show = "docker exec qdrant cat /etc/ssl/certs/ca-certificates.crt 2>/dev/null || true"
    foreign = (deployment.inventory.parent / "foreign.crt").read_text(encoding="ascii")
    assert [node.run(show) for node in deployment.nodes] == ["", "", foreign]
    image = deployment.nodes[2].run("docker image inspect --format '{{.Config.Env}}' $(docker inspect --format '{{.Image}}' qdrant)")
    assert "SSL_CERT_DIR=/etc/ssl/certs" in image
    assert [node.run("docker exec qdrant env | grep SSL_CERT | sort").split() for node in deployment.nodes] == [
        ["SSL_CERT_FILE=/run/credentials/qdrant.service/ca.crt"]
    ] * 3


def test_a_peers_address_is_not_believed_by_the_images_cas(deployment, node, traps):
    address = traps.host.address
    assert gets_through(deployment, node, traps, address, OWN, "own")
    assert not gets_through(deployment, node, traps, address, FOREIGN, "foreign")


def test_a_target_is_found_by_its_name(deployment, node, traps):
    assert gets_through(deployment, node, traps, "peer.example.com", OWN, "by-name")


def test_without_what_the_unit_names_the_images_cas_would_count(deployment, node, traps):
    """Or else the tests above say nothing. The last one: the fixture puts the unit back."""
    change_unit(node, "s|--env=SSL_CERT_FILE ||")
    assert gets_through(deployment, node, traps, traps.host.address, FOREIGN, "foreign-by-the-image")
