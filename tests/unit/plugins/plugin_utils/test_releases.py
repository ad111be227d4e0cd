# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pin of a release: its file, which release is chosen, and what contradicts it."""

from __future__ import annotations

from datetime import date

import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _pinning, _preflight, _releases, _weaknesses
from ansible_collections.hardened.qdrant.plugins.plugin_utils._releases import Pin, PinError, Release, Written

ONE, TWO = "1" * 64, "2" * 64
BOTH = {"x86_64": ONE, "aarch64": TWO}
PIN = Pin((1, 20, 0), BOTH, "sha256:" + ONE, "https://mirror.example/{version}/{arch}.tar.gz", "{{ inventory_dir }}/x")
OLD = Pin((1, 19, 0), {"x86_64": TWO})


@pytest.mark.parametrize("written", [Written(PIN), Written(PIN, OLD, ("one", "two")), Written(OLD, PIN)])
def test_a_pin_is_read_as_it_was_written(written):
    text = written.render()
    assert _releases.parse_pin(text) == written and _releases.parse_pin(text).render() == text
    content = yaml.safe_load(text)
    assert content["qdrant_version"] == _weaknesses.text_of(written.pin.version) and content["qdrant_checksums"] == {
        content["qdrant_version"]: dict(written.pin.checksums)
    }


def test_a_note_stays_a_comment():
    text = Written(PIN, None, ("a\nqdrant_api_key: x",)).render()
    assert "qdrant_api_key" not in yaml.safe_load(text)


GOOD = Written(PIN, OLD).render()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "does not set"),
        ("[", "no YAML"),
        ("- a", "does not set"),
        (GOOD + "x", "no comment"),
        (GOOD.replace("qdrant_checksums:", "qdrant_dashboard: true\nqdrant_checksums:", 1), "nothing else"),
        (GOOD.replace('"1.20.0"', "1.20", 1), "not of qdrant_version"),
        (GOOD.replace('"1.20.0":', '"1.20.1":', 1), "not of qdrant_version"),
        (GOOD.replace(ONE, "1" * 63, 1), "SHA-256"),
        (GOOD.replace("aarch64", "riscv64", 1), "SHA-256"),
        (GOOD.replace("sha256:" + ONE, "sha256:x", 1), "no digest"),
        (GOOD.replace('"{{ inventory_dir }}/x"', "[1]", 1), "no text"),
        (GOOD.replace("# qdrant_version", "# qdrant_v", 1), "does not set"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(text, what):
    with pytest.raises(PinError, match=what):
        _releases.parse_pin(text)


def release(version, **checksums) -> Release:
    return Release(version, checksums or BOTH)


RELEASES = [release((1, 21, 0), x86_64=ONE), release((1, 20, 1)), release((1, 19, 2)), release((1, 18, 3))]


@pytest.mark.parametrize(
    ("after", "version"), [(None, (1, 20, 1)), ((1, 19, 0), (1, 20, 1)), ((1, 18, 0), (1, 19, 2)), ((1, 17, 0), (1, 18, 3)), ((1, 20, 1), (1, 20, 1))]
)
def test_the_newest_is_complete_and_one_step_away(after, version):
    assert _pinning.choose(RELEASES, "newest", after).version == version


@pytest.mark.parametrize(
    ("releases", "wanted", "what"),
    [
        (RELEASES[:1], "newest", "No release has a digest for each of x86_64, aarch64"),
        (RELEASES, "1.20.7", "no release 1.20.7 among its newest 4. Those are 1.18.3 and later"),
        (RELEASES, "latest", "Write a version in full"),
        (RELEASES, "1.20", "Write a version in full"),
        ([Release((1, 17, 0), {})], "1.17.0", "no digest for the files of 1.17.0"),
    ],
)
def test_what_cannot_be_chosen_is_said(releases, wanted, what):
    with pytest.raises(_pinning.PinningError, match=what):
        _pinning.choose(releases, wanted, None)


def test_a_digest_that_was_exchanged_is_noticed():
    known = _releases.collection()["1.19.0"]
    assert _releases.contradiction(Release((1, 19, 0), known), known) == ""
    assert "the digest of 1.19.0 for aarch64 is not the one" in _releases.contradiction(Release((1, 19, 0), {**known, "aarch64": ONE}), known)


def test_the_collections_default_is_one_of_its_digests():
    assert _weaknesses.text_of(_releases.default()) in _releases.collection()


def test_upstreams_answer_takes_no_weakness_away():
    own, today = _weaknesses.own(), date(2026, 12, 1)
    narrowed = _weaknesses.Weakness(own.entries[-1].ids, "low", "has nothing", (_weaknesses.Range((9, 0, 0)),), "https://example.com")
    added = _weaknesses.Weakness(("CVE-2026-9999",), "low", "has a new one", (_weaknesses.Range((1, 20, 0)),), "https://example.com")
    known = _releases.up_to_date(own, [release((1, 21, 0))], [narrowed, added], "a test", today)
    assert known.entries == (*own.entries, added) and known.newest == (1, 21, 0) and known.date == today
    assert _weaknesses.parse(known.render().encode(), today) == known


@pytest.mark.parametrize(
    ("pinned", "what"),
    [
        ([], "it is no mapping"),
        ({"latest": {}}, "no version with a digest"),
        ({"1.20.0": ONE}, "no version with a digest"),
        ({"1.20.0": {"x86_64": "sha256:" + ONE}}, "no SHA-256 of a release"),
        ({"1.20.0": {"x86_64": ONE.upper().replace("1", "A")}}, "no SHA-256 of a release"),
        ({"1.20.0": {"mips": ONE}}, "no SHA-256 of a release for x86_64 or aarch64"),
        ({"1.19.0": {"x86_64": ONE}}, "the collection knows another digest"),
    ],
)
def test_the_inventorys_digests_are_judged(pinned, what):
    (problem,) = _preflight.check_checksums(pinned, _releases.collection())
    assert what in problem.what and problem.where.startswith("qdrant_checksums")


def test_the_inventorys_digests_stand_beside_the_collections():
    assert _preflight.check_checksums({"1.20.0": BOTH, "1.19.0": _releases.collection()["1.19.0"]}, _releases.collection()) == []
    known = _preflight.known_checksums({"1.20.0": {"x86_64": ONE}, "x": 1}, _releases.collection())
    assert known == {**_releases.collection(), "1.20.0": {"x86_64": ONE}}
    assert _preflight.known_checksums("x", {}) == {}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"api_url": "http://127.0.0.1"}, "api_url is .* no https URL"),
        ({"api_url": "api.example.com"}, "api_url is .* no https URL"),
        ({"download_url": "http://mirror/{version}"}, "download_url is .* no https URL"),
        ({"download_url": 'https://mirror/"\nx: y'}, "download_url is .* no https URL"),
        ({"ca_file": "/nonexistent"}, "ca_file is .* no file on the controller"),
        ({"timeout": "soon"}, "timeout is no number of seconds"),
        ({"timeout": 0.1}, "timeout is no number of seconds"),
        ({"timeout": "inf"}, "timeout is no number of seconds"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused(arguments, what):
    with pytest.raises(_pinning.PinningError, match=what):
        _pinning.Source.of(arguments)


def test_a_mirror_of_files_keeps_its_placeholders():
    assert (
        _pinning.Source.of({"download_url": "https://mirror.example/{version}/q-{arch}.tar.gz"}).download_url
        == "https://mirror.example/{version}/q-{arch}.tar.gz"
    )
