# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody else has put in the place of a file neither holds a module for ever nor fills its memory."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _container, _firewall, _node, _read, _unit_addresses
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import read
from ansible_collections.hardened.qdrant.plugins.module_utils._firewalls import ufw


def in_time(question):
    """The result, or error, of a question that must not wait."""
    outcome = []

    def ask() -> None:
        try:
            outcome.append(question())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(10)
    assert outcome, "it waits"
    return outcome[0]


@pytest.fixture(params=["fifo", "folder", "device", "link to a device", "missing"])
def odd(tmp_path, request) -> str:
    path = tmp_path / "odd"
    if request.param == "fifo":
        os.mkfifo(path)
    elif request.param == "folder":
        path.mkdir()
    elif request.param == "link to a device":
        path.symlink_to("/dev/zero")
    return "/dev/zero" if request.param == "device" else str(path)


def test_what_is_no_file_is_an_error(odd):
    assert isinstance(in_time(lambda: _read.content(odd)), OSError)


def layout(folder: str) -> _node.Layout:
    return _node.Layout("qdrant.service", folder, folder, folder)


def test_every_reader_takes_what_is_no_file_for_none(odd, monkeypatch):
    monkeypatch.setattr(_node.Layout, "unit_file", odd)
    monkeypatch.setattr(_node.Layout, "credential_source", lambda _layout, _name: odd)
    readers = {
        "load_json": (lambda: _node.load_json(odd), {}),
        "digest": (lambda: _node.digest(odd), None),
        "start_arguments": (lambda: _node.start_arguments(odd), {}),
        "certificates": (lambda: _node.certificates(layout("/nonexistent")), {"certificate": "", "trust": ""}),
        "of_file": (lambda: _unit_addresses.of_file(odd), []),
        "digest_without": (lambda: _unit_addresses.digest_without(odd), None),
        "firewall": (lambda: _firewall.read(odd), ""),
        "ufw": (lambda: ufw.Ufw(odd).observe([], lambda arguments: (0, "", ""))["ipv6"], False),
        "seccomp": (lambda: _container.seccomp({"HostConfig": {"SecurityOpt": ["seccomp={}"]}}, odd)["as_file"], False),
    }
    assert {name: in_time(read) for name, (read, _expected) in readers.items()} == {name: expected for name, (_read, expected) in readers.items()}
    assert len(in_time(lambda: _node.handed_over(layout("/nonexistent"), []))) == 6
    assert isinstance(in_time(lambda: read(odd)), OSError)


def test_a_state_of_the_cluster_that_the_server_s_user_wrote(tmp_path):
    """The folder is that user's: it may put there what it likes."""
    os.mkfifo(tmp_path / "raft_state.json")
    assert in_time(lambda: _node.cluster_scheme(str(tmp_path))) is None
    (tmp_path / "raft_state.json").unlink()
    (tmp_path / "raft_state.json").write_text("[" * 100000)
    assert in_time(lambda: _node.cluster_scheme(str(tmp_path))) is None


def test_files_are_read_to_their_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert _read.content(str(path), 5) == b"12345"
    with pytest.raises(OSError, match=r"file is longer than 4 bytes"):
        _read.content(str(path), 4)
    path.write_bytes(b"\xff")
    assert _read.text(str(path)) == "\ufffd"


def test_what_is_too_long_to_be_a_program_has_no_digest(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert _node.digest(str(path)) == "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5"
    monkeypatch.setattr(_read, "LARGEST", 4)
    assert _node.digest(str(path)) is None


def test_files_of_the_kernel_are_files():
    assert _read.text("/proc/self/status").startswith("Name:")
    assert _read.content("/proc/self/mountinfo")
    with open("/proc/self/exe", "rb") as program:
        assert _read.content("/proc/self/exe", 1 << 30)[:100] == program.read(100)


def test_the_last_part_of_a_link_s_way_is_followed(tmp_path):
    (tmp_path / "file").write_text("x")
    Path(tmp_path / "link").symlink_to("file")
    assert _read.text(str(tmp_path / "link")) == "x"


def test_a_file_that_its_owner_holds_is_not_waited_for(tmp_path):
    """With a lease (fcntl(2)) whoever owns a file makes others wait who open it, for 45 seconds."""
    path = tmp_path / "file"
    path.write_text("x")
    # Whoever holds it is told by a signal, which would end the process.
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        with open(path, "rb+") as file:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            assert isinstance(in_time(lambda: _read.content(str(path))), BlockingIOError)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    finally:
        signal.signal(signal.SIGIO, before)
