# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that keeps the audit log within its bytes and hands it on."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "roles/qdrant/files/audit.py"


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def log(tmp_path):
    folder = tmp_path / "audit"
    folder.mkdir()
    for hour in range(4):
        path = folder / f"audit.2026-11-26-0{hour}.log"
        path.write_bytes(b"x" * 99 + b"\n")
        os.utime(path, (1000 + hour, 1000 + hour))
    (folder / "audit.link.log").symlink_to("/etc/passwd")
    (folder / "other.txt").write_text("x" * 500)
    return folder


def left(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("audit.2026"))


def test_the_oldest_hours_go_first(audit, log, capsys):
    audit.trim(str(log), 400)
    assert len(left(log)) == 4 and capsys.readouterr().err == ""
    audit.trim(str(log), 250)
    assert left(log) == ["audit.2026-11-26-02.log", "audit.2026-11-26-03.log"]
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and told[0].startswith("<4>removed audit.2026-11-26-00.log, 100 bytes")
    assert (log / "other.txt").stat().st_size == 500 and (log / "audit.link.log").is_symlink()


def test_the_file_that_is_written_is_emptied_only_if_it_alone_is_too_large(audit, log, capsys):
    current = log / "audit.2026-11-26-03.log"
    with current.open("ab") as server:
        audit.trim(str(log), 99)
        assert left(log) == [current.name] and current.stat().st_size == 0
        assert "<2>emptied audit.2026-11-26-03.log: it alone had 100 bytes, and 99 is the most" in capsys.readouterr().err
        server.write(b"next\n")
    assert current.read_bytes() == b"next\n", "the server appends, so it goes on at the beginning"


def test_without_a_log_there_is_nothing_to_do(audit, tmp_path):
    audit.trim(str(tmp_path / "none"), 1)
    (tmp_path / "empty").mkdir()
    audit.trim(str(tmp_path / "empty"), 1)


def handed(audit, log, state):
    output = io.BytesIO()
    audit.forward(str(log), str(state), output)
    return output.getvalue().splitlines()


def test_each_whole_line_is_handed_on_once(audit, log, tmp_path):
    state, current = tmp_path / "position.json", log / "audit.2026-11-26-03.log"
    assert handed(audit, log, state) == [], "what was there before it was switched on may be a month's"
    with current.open("ab") as file:
        file.write(b'{"a": 1}\n{"b": 2}\n{"half')
    assert handed(audit, log, state) == [b'{"a": 1}', b'{"b": 2}'] and handed(audit, log, state) == []
    with current.open("ab") as file:
        file.write(b'": 3}\n')
    (log / "audit.2026-11-26-04.log").write_bytes(b'{"c": 4}\n')
    assert handed(audit, log, state) == [b'{"half": 3}', b'{"c": 4}']
    assert state.stat().st_mode & 0o777 == 0o600 and str(current.stat().st_ino) in json.loads(state.read_text())
    current.write_bytes(b"new\n")
    assert handed(audit, log, state) == [b"new"], "it was emptied"
    state.write_text("{")
    assert handed(audit, log, state) == []


def test_lines_longer_than_a_block_stay_whole(audit, log, tmp_path, monkeypatch):
    monkeypatch.setattr(audit, "BLOCK", 7)
    handed(audit, log, tmp_path / "state")
    (log / "audit.2026-11-26-05.log").write_bytes(b"0123456789" * 5 + b"\nab\n")
    assert handed(audit, log, tmp_path / "state") == [b"0123456789" * 5, b"ab"]


def test_a_link_in_the_place_of_a_file_is_not_followed(audit, tmp_path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(OSError):
        audit.opened(str(tmp_path / "link"), os.O_RDONLY)


def test_it_hands_on_before_it_removes(audit, log, tmp_path, monkeypatch, capsysbinary):
    monkeypatch.setattr(sys, "argv", ["audit.py", "--most=100", f"--state={tmp_path / 'state'}", str(log)])
    assert audit.main() == 0
    with (log / "audit.2026-11-26-03.log").open("ab") as server:
        server.write(b"kept\n")
    assert audit.main() == 0
    assert capsysbinary.readouterr().out == b"kept\n" and (log / "audit.2026-11-26-03.log").stat().st_size == 0
