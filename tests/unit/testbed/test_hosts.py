# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.tests.testbed.bed import hosts
from ansible_collections.hardened.qdrant.tests.testbed.bed.shell import Failure


def test_spec() -> None:
    assert hosts.parse_spec("node1=debian12", "qdrant") == hosts.Spec("node1", "debian12", "qdrant")


@pytest.mark.parametrize("text", ["node1", "node1=", "=debian12", "node1=debian11", "Node1=debian12", "no de=debian12", "1node=debian12", "--x=debian12"])
def test_spec_of_another_form(text: str) -> None:
    with pytest.raises(Failure, match="write NAME=IMAGE"):
        hosts.parse_spec(text, "qdrant")


@pytest.mark.parametrize("name", ["", "UPPER", "a" * 32, "a/b", "-a", "../a", "a b"])
def test_name_of_another_form(name: str) -> None:
    with pytest.raises(Failure, match="cannot be the name of a test bed"):
        hosts.check_name(name)


def test_the_archive_holds_a_file_that_sshd_accepts() -> None:
    with tarfile.open(fileobj=io.BytesIO(hosts._archive("authorized_keys", b"key\n"))) as archive:
        [entry] = archive.getmembers()
        # sshd refuses keys that others may write (sshd(8), StrictModes).
        assert (entry.name, entry.mode, entry.uid) == ("authorized_keys", 0o600, 1000)
        assert archive.extractfile(entry).read() == b"key\n"


def test_a_network_that_goes_meanwhile_is_not_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def docker(*arguments: str, **_options: object) -> str:
        if arguments[:2] == ("network", "ls"):
            return "here\ngone"
        if arguments[-1] == "gone":
            raise Failure("network gone not found")
        return json.dumps([{"IPAM": {"Config": [{"Subnet": "172.30.0.0/24"}]}}])

    monkeypatch.setattr(hosts, "docker", docker)
    monkeypatch.setattr(hosts.shutil, "which", lambda _program: None)
    assert hosts._used_networks() == ["172.30.0.0/24"]


def test_hosts_that_the_kernel_has_no_room_for_are_told_from_broken_ones(tmp_path: Path) -> None:
    limit = tmp_path / "sys/fs/inotify/max_user_instances"
    limit.parent.mkdir(parents=True)
    limit.write_text("10\n")
    descriptors = tmp_path / "1/fd"
    descriptors.mkdir(parents=True)
    for number in range(8):
        (descriptors / str(number)).symlink_to("anon_inode:inotify")
    (descriptors / "8").symlink_to("/dev/null")
    assert hosts._inotify_used_up(tmp_path) == ""
    (descriptors / "9").symlink_to("anon_inode:inotify")
    assert "9 of the 10 inotify instances" in hosts._inotify_used_up(tmp_path) and "max_user_instances=40" in hosts._inotify_used_up(tmp_path)
