# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody set up by hand is refused by name, and taken over when that is asked for, with its data. The first node is the one that is changed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from qdrant_client import models
from test_data import connect, eventually
from test_refusals import inventory, refusals, snapshot

UNIT = "/etc/systemd/system/qdrant.service"
KEPT = UNIT + ".before-hardened-qdrant"
MARK = "/var/lib/qdrant/storage/.qdrant-initialized"
BY_HAND = "[Unit]\\nDescription=Qdrant vector database\\n[Service]\\nUser=qdrant\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n"
TAKE = {"qdrant_take_over": ["user", "unit", "data_dir"]}
COLLECTION = "taken_over"


@pytest.fixture
def by_hand(deployment):
    """A node as if somebody had set it up: a unit of their own that runs, a login, and data that no unit of ours names."""
    node = deployment.nodes[0]
    node.run(f"cp -a {UNIT} /run/own-unit; systemctl stop qdrant")
    node.run("mkdir -p /home/somebody; usermod --home /home/somebody --shell /bin/bash qdrant")
    node.run(f"mv {MARK} /run/own-mark; printf '{BY_HAND}' > {UNIT}; systemctl daemon-reload; systemctl start qdrant")
    yield node
    node.run(
        f"grep -q gate.py {UNIT} || {{ systemctl stop qdrant; cp -a /run/own-unit {UNIT}; cp -a /run/own-mark {MARK}; }}; "
        f"usermod --home /nonexistent --shell /usr/sbin/nologin qdrant 2>/dev/null; rm -rf {KEPT} /home/somebody /run/own-unit /run/own-mark; "
        "systemctl daemon-reload; systemctl start qdrant"
    )


def state(node) -> str:
    return node.run(
        f"systemctl show --value -p ActiveState -p InvocationID qdrant; sha256sum {UNIT}; getent passwd qdrant; "
        "ls -lA /etc/qdrant /opt/qdrant /var/lib/qdrant/storage; nft --stateless list table inet hardened_qdrant"
    )


def test_what_was_set_up_by_hand_is_refused_by_name_and_taken_over_when_asked(deployment, by_hand):
    before = state(by_hand)
    refused = deployment.playbook("hardened.qdrant.site", check=False)
    assert refused.returncode != 0
    for words in ("user qdrant: it was not made by this collection", "unit qdrant.service: it was not made", "qdrant_data_dir", "qdrant_take_over: [unit]"):
        assert words in refused.stdout + refused.stderr, words
    assert "changed=0" in refused.stdout and state(by_hand) == before
    # Part of a yes is no yes.
    partly = deployment.playbook("hardened.qdrant.site", "-e", json.dumps({"qdrant_take_over": ["user"]}), check=False)
    assert partly.returncode != 0 and "user qdrant:" not in partly.stdout and state(by_hand) == before

    taken = deployment.playbook("hardened.qdrant.site", "-e", json.dumps(TAKE))
    assert "NOT VERIFIED" not in taken.stdout + taken.stderr and "VERIFIED" in taken.stdout + taken.stderr
    assert by_hand.run("cat " + KEPT) == BY_HAND.replace("\\n", "\n")
    assert by_hand.run("getent passwd qdrant").strip().split(":")[5:] == ["/nonexistent", "/usr/sbin/nologin"]
    assert by_hand.run("test -d /home/somebody && echo kept").strip() == "kept"
    assert by_hand.run("find /var/lib/qdrant/storage ! -user qdrant").strip() == ""
    # Ours from now on; and a wish that is left over is said to be.
    again = deployment.playbook("hardened.qdrant.site", "-e", json.dumps(TAKE))
    assert again.stdout.count("changed=0 ") == len(deployment.nodes) + len(deployment.outsiders), again.stdout[-1500:]
    assert "there is nothing to take over" in again.stdout + again.stderr


def test_data_is_there_after_a_takeover(deployment, by_hand):
    deployment.playbook("hardened.qdrant.site", "-e", json.dumps(TAKE))
    client = connect(deployment, by_hand, grpc=False)
    eventually(lambda: client.create_collection(COLLECTION, models.VectorParams(size=4, distance=models.Distance.DOT)))
    by_hand.run(f"systemctl stop qdrant; cp -a {UNIT} /run/own-unit; rm -f {KEPT}; mv {MARK} /run/own-mark")
    by_hand.run(f"printf '{BY_HAND}' > {UNIT}; systemctl daemon-reload; systemctl start qdrant; chown -R root /var/lib/qdrant/storage")
    deployment.playbook("hardened.qdrant.site", "-e", json.dumps({"qdrant_take_over": ["unit", "data_dir"]}))
    assert COLLECTION in eventually(lambda: {entry.name for entry in client.get_collections().collections})
    client.delete_collection(COLLECTION)


def test_a_clean_host_with_others_things_is_refused_and_stays_as_it_is(deployment, tmp_path):
    """One message for each of them."""
    clean = deployment.outsiders[0]
    names = "/opt/qdrant/qdrant /etc/qdrant/config.yaml /var/lib/qdrant/storage/aliases/data.json /var/lib/qdrant/snapshots/docs.snapshot"
    try:
        clean.run(f"for file in {names}; do mkdir -p $(dirname $file); echo theirs > $file; done")
        clean.run(f"printf '{BY_HAND}' > /etc/systemd/system/qdrant-firewall.service; systemctl mask qdrant")
        before = snapshot(clean)
        result, messages = refusals(inventory(deployment, tmp_path, {"others": ({}, [{}])}))
        (text,) = messages["others-0"]
        assert result.returncode != 0 and snapshot(clean).splitlines() == before.splitlines()
        for words in (
            "qdrant_install_dir ('/opt/qdrant'): it was not made by this collection, and holds 'qdrant'",
            "qdrant_config_dir ('/etc/qdrant')", "qdrant_data_dir ('/var/lib/qdrant/storage')", "qdrant_snapshots_dir ('/var/lib/qdrant/snapshots')",
            "unit qdrant-firewall.service", "unit qdrant.service: somebody has masked it",
        ):  # fmt: skip
            assert words in text, words
    finally:
        clean.run("rm -rf /opt/qdrant /etc/qdrant /var/lib/qdrant /etc/systemd/system/qdrant-firewall.service; systemctl unmask qdrant")
        clean.run("systemctl daemon-reload")


def test_a_first_run_that_is_killed_is_gone_on_with(deployment, tmp_path):
    """Between any two steps there is nothing that the next run takes for somebody else's."""
    clean = deployment.outsiders[0]
    path = inventory(deployment, tmp_path, {"cut": ({}, [{}])})
    steps = [
        "useradd --system --comment Qdrant --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin qdrant",
        "mkdir -p /etc/qdrant /opt/qdrant/root/etc /opt/qdrant/libexec",
        "install -d -o qdrant -g qdrant -m 0700 /var/lib/qdrant/storage /var/lib/qdrant/snapshots",
        "mkdir -p /etc/qdrant/tls/generations/.pending-1; echo 'table inet hardened_qdrant {}' > /etc/qdrant/firewall.nft",
    ]
    try:
        for step in steps:
            clean.run(step)
            replace(deployment, inventory=path).playbook("hardened.qdrant.preflight")
    finally:
        clean.run("userdel qdrant; rm -rf /etc/qdrant /opt/qdrant /var/lib/qdrant")
