# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container, and a network, named as the node's are but somebody else's, keep what they hold: the start fails, the run refuses, and both name them."""

from __future__ import annotations

import json

import pytest

LABELS = "docker inspect --format '{{json .Config.Labels}}' qdrant"


@pytest.fixture
def node(deployment):
    """The node, stopped; it runs again afterwards, and nothing of others is left."""
    node = deployment.nodes[0]
    image = node.run("docker inspect --format '{{.Image}}' qdrant").strip()
    node.run(f"systemctl stop qdrant; printf '{image}' > /run/others-image")
    yield node
    node.run(
        "docker ps --all --quiet --filter volume=precious | xargs -r docker rm --force >/dev/null; docker volume rm --force precious >/dev/null; "
        "systemctl is-active --quiet qdrant || { docker network rm qdrant >/dev/null 2>&1; systemctl reset-failed qdrant; systemctl start qdrant; }; "
        "rm -f /run/others-image"
    )
    assert node.run("systemctl is-active qdrant").strip() == "active"


THEIRS = (
    "docker run --detach --name qdrant --volume precious:/precious --network none --pull never --user 0 --entrypoint bash $(cat /run/others-image) "
    "-c 'echo theirs > /precious/data; sleep 600' >/dev/null; sleep 1"
)
LEFT = "docker inspect --format '{{.State.Running}}' qdrant; cat $(docker volume inspect --format '{{.Mountpoint}}' precious)/data"


def failed_start(node) -> str:
    since = node.run("date +%s.%N").strip()
    node.run("systemctl reset-failed qdrant; systemctl start qdrant", check=False)
    assert node.run("systemctl is-active qdrant", check=False).strip() != "active"
    node.run("systemctl stop qdrant")
    return node.run(f"journalctl --no-pager -o cat -u qdrant --since @{since}")


def test_a_container_of_others_is_left_alone_by_the_unit_and_refused_by_the_run(deployment, node):
    node.run(THEIRS)
    assert "a container named qdrant" in failed_start(node)
    assert node.run(LEFT).split() == ["true", "theirs"]
    refused = deployment.playbook("hardened.qdrant.site", check=False)
    assert refused.returncode != 0 and "container qdrant: it was not made by this collection" in refused.stdout and "changed=0" in refused.stdout
    assert node.run(LEFT).split() == ["true", "theirs"]


def test_it_is_taken_over_with_what_it_holds(deployment, node):
    node.run(THEIRS)
    taken = deployment.playbook("hardened.qdrant.site", "-e", json.dumps({"qdrant_take_over": ["container"]}))
    assert "NOT VERIFIED" not in taken.stdout + taken.stderr
    name = node.run("docker ps --all --filter volume=precious --format '{{.Names}} {{.State}}'").split()
    assert name[0].startswith("qdrant-before-hardened-") and name[1] == "exited"
    assert node.run("cat $(docker volume inspect --format '{{.Mountpoint}}' precious)/data").strip() == "theirs"
    assert "hardened.qdrant" in node.run(LABELS)
    assert "changed=0" in deployment.playbook("hardened.qdrant.site").stdout


def test_a_network_of_others_is_left_alone(deployment, node):
    node.run("docker network create qdrant >/dev/null")
    try:
        assert "a network named qdrant" in failed_start(node)
        refused = deployment.playbook("hardened.qdrant.site", check=False)
        assert refused.returncode != 0 and "network qdrant of Docker" in refused.stdout
        assert node.run("docker network ls --quiet --filter name=^qdrant$").strip()
    finally:
        node.run("docker network rm qdrant")


def test_what_an_earlier_release_made_is_ours(deployment, node):
    """Its containers had no label."""
    node.run("sed -i 's/ --label=hardened.qdrant//' /etc/systemd/system/qdrant.service; systemctl daemon-reload; systemctl start qdrant")
    assert "hardened.qdrant" not in node.run(LABELS)
    result = deployment.playbook("hardened.qdrant.site")
    assert "NOT VERIFIED" not in result.stdout + result.stderr
    assert "hardened.qdrant" in node.run(LABELS)
