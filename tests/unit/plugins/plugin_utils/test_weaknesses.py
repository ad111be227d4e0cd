# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known weaknesses by version: what a list says of a version, which files are lists, and which of two lists counts."""

from __future__ import annotations

import json
from datetime import date

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _derived, _weaknesses, _weaknesses_file
from hypothesis import given
from hypothesis import strategies as st

OWN = _weaknesses.own()
TODAY = date(2026, 12, 1)
OLD, DEFAULT = (1, 16, 3), (1, 19, 0)
ENTRY = {
    "ids": ["GHSA-2222-3333-4444", "CVE-2026-12345"],
    "severity": "high",
    "summary": "answers twice",
    "affected": [{"introduced": "1.20.0", "fixed": "1.21.1"}],
    "source": "https://example.com/1",
}


def a_list(**changes) -> bytes:
    content = {"schema": 1, "date": "2026-11-30", "source": "a test", "newest": "1.21.1", "weaknesses": [ENTRY]}
    return json.dumps({**content, **changes}).encode()


def test_the_collections_list_is_one():
    assert _weaknesses.parse(_weaknesses.LIST.read_bytes(), TODAY) == OWN
    assert _weaknesses.parse(OWN.render().encode(), TODAY) == OWN


def test_weaknesses_end_with_the_version_that_mends_them():
    assert len(OWN.of(OLD)) == len(OWN.entries)
    assert OWN.of(DEFAULT) == ["lets collections named . and .. lead out of their folder (GHSA-jwrp-6pff-wg9c; high; mended in 1.19.1)"]
    assert OWN.of((1, 19, 1)) == OWN.of(OWN.newest) == []
    assert [entry.ids for entry in OWN.mended(DEFAULT, (1, 19, 1))] == [("GHSA-jwrp-6pff-wg9c",)]


def test_a_release_after_the_list_is_no_pass():
    (text,) = OWN.of((1, 20, 1))
    assert text.startswith("was released after this list of 2026-10-22 (up to 1.20.0)")
    document = _derived.with_knowledge({"web": {"version": "1.20.1"}}, 7)
    assert document["advisories"] == [text]
    assert _derived.with_knowledge({"web": {"version": "1.20.0"}}, 7)["advisories"] == []
    known = _weaknesses.parse(a_list(), TODAY)
    assert "not known" not in str(_derived.with_knowledge({"web": {"version": "1.20.1"}}, 7, known)["advisories"])


def test_what_nobody_mended_says_so():
    known = _weaknesses.parse(a_list(weaknesses=[{**ENTRY, "affected": [{"introduced": "1.20.0"}]}]), TODAY)
    assert known.of((1, 19, 9)) == [] and known.of((1, 20, 0)) == ["answers twice (GHSA-2222-3333-4444; CVE-2026-12345; high; not mended yet)"]


def test_the_age_of_a_list_is_said():
    assert OWN.described(TODAY) == {"date": "2026-10-22", "age_days": 40, "newest": "1.20.0"}


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100000, "no JSON"),
        (b"[]", "the whole does not fit type"),
        (a_list(schema=2), "schema does not fit const"),
        (a_list(more=1), "the whole does not fit additionalProperties"),
        (a_list(date="2026-02-30"), "no day of the calendar"),
        (a_list(date="2026-12-02"), "yet to come"),
        (a_list(newest="v1.20.0"), "newest does not fit pattern"),
        (a_list(newest="1.20.0\n"), "newest does not fit pattern"),
        (a_list(weaknesses=[{**ENTRY, "ids": ["x"]}]), "weaknesses.0.ids.0 does not fit pattern"),
        (a_list(weaknesses=[{**ENTRY, "severity": "huge"}]), "weaknesses.0.severity does not fit enum"),
        (a_list(weaknesses=[{**ENTRY, "summary": "a\x1b[2Jb"}]), "weaknesses.0.summary does not fit pattern"),
        (a_list(weaknesses=[{**ENTRY, "affected": []}]), "weaknesses.0.affected does not fit minItems"),
        (a_list(weaknesses=[{**ENTRY, "source": "http://example.com"}]), "weaknesses.0.source does not fit pattern"),
        (b" " * (_weaknesses.LARGEST + 1), "are the most"),
    ],
)
def test_what_is_no_list_is_refused_with_the_place(data, what):
    with pytest.raises(_weaknesses.WeaknessError, match=what):
        _weaknesses.parse(data, TODAY)


@given(
    st.binary(max_size=64)
    | st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(json.dumps).map(str.encode)
)
def test_nothing_but_a_list_passes(data):
    with pytest.raises(_weaknesses.WeaknessError):
        _weaknesses.parse(data, TODAY)


def test_a_newer_list_adds_and_corrects_and_forgets_nothing():
    corrected = {**OWN.entries[-1].as_dict(), "severity": "low"}
    known = _weaknesses.combined(_weaknesses.parse(a_list(weaknesses=[ENTRY, corrected], newest="1.19.9"), TODAY), OWN)
    assert len(known.entries) == len(OWN.entries) + 1 and known.newest == OWN.newest and known.date == date(2026, 11, 30)
    assert [text for text in known.of(DEFAULT) if "low" in text] == known.of(DEFAULT)


def test_a_file_is_taken_if_it_is_newer_and_refused_if_it_is_none(tmp_path):
    path = tmp_path / "list"
    assert _weaknesses_file.load("", TODAY) == (OWN, [])
    with pytest.raises(_weaknesses_file.Refused, match=r"qdrant_weaknesses_file: there is no file .*hardened\.qdrant\.releases"):
        _weaknesses_file.load(str(path), TODAY)
    path.write_bytes(a_list())
    known, warnings = _weaknesses_file.load(str(path), TODAY)
    assert known.newest == (1, 21, 1) and warnings == []
    path.write_bytes(a_list(date="2026-10-21"))
    known, warnings = _weaknesses_file.load(str(path), TODAY)
    assert known == OWN and "of 2026-10-21 and older than the collection's list of 2026-10-22" in warnings[0]
    path.write_bytes(b"{}")
    with pytest.raises(_weaknesses_file.Refused, match="is no list of weaknesses: the whole does not fit required"):
        _weaknesses_file.load(str(path), TODAY)
    path.write_bytes(a_list())
    path.chmod(0o666)
    with pytest.raises(_weaknesses_file.Refused, match="may be written by everyone"):
        _weaknesses_file.load(str(path), TODAY)
