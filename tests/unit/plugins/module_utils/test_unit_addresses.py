# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a running unit must be told the addresses of its file, and how. That systemd then lets them in is for the scenario cluster to show."""

from __future__ import annotations

import json

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _unit_addresses

UNIT = "qdrant.service"
TEXT = "[Service]\nExecStart=/q\nIPAddressDeny=any\nIPAddressAllow=%s\nLimitCORE=0\n"
RUNNING = {"ActiveState": "active", "InvocationID": "abc"}


@pytest.fixture
def node(tmp_path, monkeypatch):
    """A unit's file with two addresses, and a function that changes them."""
    drop_in = tmp_path / "control/qdrant.service.d/50-IPAddressAllow.conf"
    monkeypatch.setattr(_unit_addresses, "file_of", lambda unit: str(tmp_path / unit))
    monkeypatch.setattr(_unit_addresses, "drop_in_of", lambda _unit: str(drop_in))

    def write(addresses):
        (tmp_path / UNIT).write_text(TEXT % addresses, encoding="ascii")

    write("127.0.0.0/8 192.0.2.1")
    return write, tmp_path, drop_in


def test_only_the_addresses_are_left_out_of_the_digest(node):
    write, folder, _drop_in = node
    path = str(folder / UNIT)
    before = _unit_addresses.digest_without(path)
    write("192.0.2.9")
    assert _unit_addresses.digest_without(path) == before
    with open(path, "a", encoding="ascii") as file:
        file.write("IPAddressDeny=\n")
    assert _unit_addresses.digest_without(path) != before
    assert _unit_addresses.digest_without(str(folder / "none")) is None and _unit_addresses.of_file(str(folder / "none")) == []


def test_due_is_what_was_not_told(node):
    write, _folder, drop_in = node
    told = ["127.0.0.0/8", "192.0.2.1"]
    assert not _unit_addresses.due(UNIT, RUNNING, told)
    write("127.0.0.0/8 192.0.2.1 192.0.2.2")
    assert _unit_addresses.due(UNIT, RUNNING, told)
    # Its next start tells it; and of a start that nobody knows of there is nothing to compare.
    assert not _unit_addresses.due(UNIT, {"ActiveState": "inactive"}, told)
    assert not _unit_addresses.due(UNIT, RUNNING, None)
    # Of a run that was killed.
    drop_in.parent.mkdir(parents=True)
    drop_in.touch()
    assert _unit_addresses.due(UNIT, {"ActiveState": "inactive"}, None)


def test_wanted_addresses_are_told_before_the_unit_is_replaced(node):
    """Nodes that run let new ones in at once; what else changes of their units waits for their restart."""
    _write, folder, _drop_in = node
    told, wanted = ["127.0.0.0/8", "192.0.2.1"], ["127.0.0.0/8", "192.0.2.7"]
    assert _unit_addresses.due(UNIT, RUNNING, told, wanted) and not _unit_addresses.due(UNIT, RUNNING, wanted, wanted)
    path = folder / UNIT
    path.chmod(0o640)
    _unit_addresses.put_into_file(str(path), wanted)
    assert path.read_text(encoding="ascii") == TEXT % "127.0.0.0/8 192.0.2.7" and path.stat().st_mode & 0o777 == 0o640
    assert _unit_addresses.of_text(path.read_bytes()) == wanted
    path.write_text("[Service]\nExecStart=/q\n", encoding="ascii")
    _unit_addresses.put_into_file(str(path), wanted)
    assert path.read_text(encoding="ascii") == "[Service]\nExecStart=/q\n", "a unit without addresses stays as it is"


def test_a_record_says_what_its_own_start_was_told():
    record = {"invocation": "abc", "addresses": ["192.0.2.1"]}
    assert _unit_addresses.told_of_record(RUNNING, record) == ["192.0.2.1"]
    assert _unit_addresses.told_of_record(RUNNING, {"invocation": "abc"}) == []
    assert _unit_addresses.told_of_record(RUNNING, {**record, "invocation": "of another start"}) is None
    assert _unit_addresses.told_of_record({"ActiveState": "inactive"}, {}) is None


def test_telling_leaves_no_drop_in(node):
    _write, _folder, drop_in = node
    asked = []

    def run(words):
        asked.append(words)
        drop_in.parent.mkdir(parents=True, exist_ok=True)
        if "set-property" in words:
            drop_in.touch()
        return 0, "", ""

    _unit_addresses.tell(UNIT, RUNNING, run)
    assert [words[1] for words in asked] == ["set-property", "daemon-reload"]
    assert asked[0][-2:] == ["IPAddressAllow=", "IPAddressAllow=127.0.0.0/8 192.0.2.1"]
    assert not drop_in.exists()


def test_what_a_unit_was_told_is_written_down_and_nothing_else(tmp_path):
    record, copy = tmp_path / "started.json", tmp_path / "unit"
    _unit_addresses.note_in_record(str(record), {"invocation": "abc", "files": {}, "addresses": []}, ["192.0.2.1"])
    assert json.loads(record.read_text(encoding="utf-8")) == {"invocation": "abc", "files": {}, "addresses": ["192.0.2.1"]}
    copy.write_text(TEXT % "192.0.2.9", encoding="ascii")
    _unit_addresses.note_in_copy(str(copy), ["127.0.0.0/8", "192.0.2.1"])
    assert copy.read_text(encoding="ascii") == TEXT % "127.0.0.0/8 192.0.2.1"
    assert {path.stat().st_mode & 0o777 for path in (record, copy)} == {0o600}


def test_what_does_not_run_is_only_cleaned_up(node):
    _write, _folder, drop_in = node
    drop_in.parent.mkdir(parents=True)
    drop_in.touch()
    asked, stopped = [], {"ActiveState": "inactive", "InvocationID": ""}
    _unit_addresses.tell(UNIT, stopped, lambda words: asked.append(words) or (0, "", ""))
    assert [words[1] for words in asked] == ["daemon-reload"] and not drop_in.parent.exists()


def test_what_systemd_refuses_is_an_error_with_its_words(node):
    with pytest.raises(OSError, match="set-property: no such unit"):
        _unit_addresses.tell(UNIT, RUNNING, lambda words: (1, "", "no such unit\n"))
