# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused of a container before any host is changed, and where its server is to be found."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _container

DIGEST = "sha256:" + "ab" * 32
ENGINE = {"cli": True, "version": "26.1.5", "userns": False, "limits": {}}
GOOD = {
    "qdrant_image": "docker.io/qdrant/qdrant:v{version}-unprivileged",
    "qdrant_image_digest": DIGEST,
    "qdrant_docker_network": "published",
    "qdrant_docker_publish": ["192.0.2.1"],
    "qdrant_docker_subnet": "172.31.253.0/29",
    "qdrant_docker_address": "172.31.253.2",
}


def check(accepted=(), cluster=False, engine=None, address="192.0.2.1", **changes):
    variables = {**GOOD, **changes}

    def file_digest(path):
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    return _container.check(
        lambda name, default=None: variables.get(name, default),
        address=address, cluster=cluster, version="1.19.0", accepted=accepted, engine=ENGINE if engine is None else engine, file_digest=file_digest,
    )  # fmt: skip


def test_good_input_yields_what_the_unit_needs():
    wanted, found = check()
    assert found.problems == []
    assert wanted == {"image": "docker.io/qdrant/qdrant@" + DIGEST, "identity": "ab" * 32, "gateway": "172.31.253.1"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"qdrant_image_digest": ""}, "risk: image-unpinned"),
        ({"qdrant_image_digest": "sha256:abc"}, "it is no digest"),
        ({"qdrant_image": "qdrant/qdrant@" + DIGEST}, "is no image's name"),
        ({"qdrant_image": "no image"}, "is no image's name"),
        ({"qdrant_binary_file": "/tmp/qdrant"}, "runs the server of its image"),
        ({"qdrant_image_archive": "/no/such", "qdrant_image_digest": ""}, "is no file on the controller"),
        ({"qdrant_image_archive": __file__, "qdrant_image_digest": ""}, "nothing is known of the image's archive"),
        ({"qdrant_image_archive": __file__, "qdrant_image_digest": "", "qdrant_checksum": "0" * 64}, "it is not the SHA-256 of"),
        ({"qdrant_image_archive": __file__, "qdrant_checksum": "0" * 64}, "loaded from a file has none"),
        ({"qdrant_docker_network": "bridge"}, "there is no pattern 'bridge'"),
        ({"qdrant_docker_network": "internal", "cluster": True}, "peers could not reach each other"),
        ({"qdrant_docker_publish": ["0.0.0.0"]}, "risk: bind-all-addresses"),
        ({"qdrant_docker_publish": []}, "it is no list of addresses"),
        ({"qdrant_docker_publish": ["node1"]}, "'node1' is no IPv4 address"),
        ({"qdrant_docker_subnet": "172.31.253.1/29"}, "it is no network"),
        ({"qdrant_docker_subnet": "8.8.8.0/24", "qdrant_docker_address": "8.8.8.2"}, "is not private, or too small"),
        ({"qdrant_docker_subnet": "172.31.253.0/30"}, "is not private, or too small"),
        ({"qdrant_docker_address": "172.31.253.1"}, "is no address of a container in"),
        ({"qdrant_docker_address": "172.31.253.9"}, "is no address of a container in"),
        ({"address": "172.31.253.3"}, "lies in it"),
        ({"address": "2001:db8::1"}, "has IPv4 alone"),
        ({"engine": {"cli": False, "version": None}}, "the host has no Docker engine"),
        ({"engine": {"cli": True, "version": None}}, "does not answer"),
        ({"engine": {**ENGINE, "version": "19.03.1"}}, "is too old"),
        ({"engine": {**ENGINE, "userns": True}}, "userns-remap"),
        ({"engine": {"cli": False, "version": None, "distribution": "fedora"}, "qdrant_docker_install": True}, "on Debian and Ubuntu alone"),
        ({"qdrant_memory_max": "50%"}, "Docker does not know"),
        ({"qdrant_docker_cpus": "many"}, "is no number of processors"),
    ],
)
def test_bad_input_is_refused(changes, expected):
    _wanted, found = check(**changes)
    assert any(expected in str(problem) for problem in found.problems), found.problems


def test_what_is_accepted_or_installed_is_not_refused():
    assert check(accepted=("image-unpinned",), qdrant_image_digest="")[1].problems == []
    assert check(accepted=("bind-all-addresses",), qdrant_docker_publish=["0.0.0.0"])[1].problems == []
    assert check(engine={"cli": False, "version": None, "distribution": "debian"}, qdrant_docker_install=True)[1].problems == []
    assert check(address="2001:db8::1", qdrant_docker_network="host")[1].problems == []


def test_an_archive_is_known_by_its_digest():
    with open(__file__, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    wanted, found = check(qdrant_image_archive=__file__, qdrant_image_digest="", qdrant_checksum="sha256:" + digest)
    assert found.problems == [] and wanted["identity"] == digest


@pytest.mark.parametrize(
    ("deployment", "network", "bind", "endpoint", "bridge"),
    [
        ("systemd", "internal", "192.0.2.1", "192.0.2.1", ""),
        ("docker", "host", "192.0.2.1", "192.0.2.1", ""),
        ("docker", "published", "172.31.253.2", "192.0.2.1", "qdrant0"),
        ("docker", "internal", "172.31.253.2", "172.31.253.2", "qdrant0"),
    ],
)
def test_places(deployment, network, bind, endpoint, bridge):
    assert _container.places(deployment, network, "192.0.2.1", "172.31.253.2") == _container.Places(bind, endpoint, bridge)
