# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shlex
from pathlib import Path

import yaml
from ansible_collections.hardened.qdrant.tests.testbed.bed.inventory import Member, render

_MEMBERS = [
    Member("node1", "qdrant", "172.30.0.10", "fd00::a"),
    Member("outsider", "outsiders", "172.30.0.12", "fd00::c"),
    Member("node2", "qdrant", "172.30.0.11", "fd00::b"),
]


def _render(folder: str = "/srv/bed") -> dict:
    text = render("demo", _MEMBERS, gateway="172.30.0.1", gateway_ipv6="fd00::1", key=Path(folder, "ssh_key"), known_hosts=Path(folder, "known_hosts"))
    return yaml.safe_load(text)["all"]


def test_groups_and_addresses() -> None:
    groups = _render()["children"]
    assert set(groups) == {"qdrant", "outsiders"}
    assert groups["qdrant"]["hosts"]["node2"] == {"ansible_host": "172.30.0.11", "qdrant_address": "172.30.0.11", "testbed_ipv6": "fd00::b"}
    assert list(groups["outsiders"]["hosts"]) == ["outsider"]


def test_variables_of_all_hosts() -> None:
    variables = _render()["vars"]
    assert variables["ansible_user"] == "admin"
    assert variables["ansible_ssh_private_key_file"] == "/srv/bed/ssh_key"
    assert variables["testbed_gateway"] == "172.30.0.1"
    assert variables["qdrant_limit_nofile"] == 16384


def test_host_keys_are_checked() -> None:
    words = shlex.split(_render()["vars"]["ansible_ssh_common_args"])
    assert "StrictHostKeyChecking=yes" in words
    assert 'UserKnownHostsFile="/srv/bed/known_hosts"' in words


def test_a_folder_with_a_space() -> None:
    # One word for the shell-like split that Ansible does, with the quotes that ssh needs left inside (ssh_config(5)).
    assert 'UserKnownHostsFile="/srv/my bed/known_hosts"' in shlex.split(_render("/srv/my bed")["vars"]["ansible_ssh_common_args"])
