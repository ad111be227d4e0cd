# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import unicodedata

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _text
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=()), max_size=80)  # surrogates too
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner) | st.dictionaries(TEXTS | st.integers(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain: ä, 漢字, €, a|b <c>", "plain: ä, 漢字, €, a|b <c>"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
        ("\x7f\x9b31m\x85", "\\x7f\\x9b31m\\x85"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("\u200e\u200f\u061c\u2066\u2069", "\\u200e\\u200f\\u061c\\u2066\\u2069"),
        ("in\u200bvis\ufeffible\u00ad", "in\\u200bvis\\ufeffible\\xad"),
        ("\u2028\u2029\u00a0\u3000", "\\u2028\\u2029\\xa0\\u3000"),
        ("\ud800", "\\ud800"),
        ("\ue000\U000e0041\U000e0100", "\\ue000\\U000e0041\\U000e0100"),
        ("\u3164\u115f\ufe0f\u2800", "\\u3164\\u115f\\ufe0f\\u2800"),
    ],
)
def test_what_does_not_print_is_seen(text, shown):
    assert _text.clean(text) == shown


def test_what_is_wanted_is_kept():
    assert _text.clean("a\n\tb\r", keep="\n\t") == "a\n\tb\\x0d"


def test_a_long_text_is_cut_and_says_so():
    assert _text.clean("a" * 2000) == "a" * 2000
    cut = _text.clean("a" * 5001)
    assert len(cut) == 2000 and cut.endswith("a... (cut: 5001 characters)")
    assert _text.clean("\x1b" * 30, limit=100) == "\\x1b" * 19 + "... (cut: 30 characters)"
    assert [_text.clean("abcdefgh", limit=limit) for limit in (0, 2, 5, 8)] == ["", "..", "ab...", "abcdefgh"]


@given(TEXTS, st.integers(0, 200), st.sampled_from(["", "\n", "\n\t"]))
def test_nothing_that_steers_comes_through(text, limit, keep):
    cleaned = _text.clean(text, limit, keep)
    assert len(cleaned) <= limit
    for character in cleaned:
        assert character in keep or character == " " or unicodedata.category(character)[0] not in "CZ"
        assert character not in _text.INVISIBLE
    cleaned.encode("utf-8")
    assert _text.clean(cleaned, limit, keep) == cleaned


@given(PLAIN)
def test_all_texts_of_a_value_are_cleaned_and_none_is_lost(value):
    def texts(entry):
        if isinstance(entry, dict):
            return [text for pair in entry.items() for part in pair for text in texts(part)]
        if isinstance(entry, (list, tuple)):
            return [text for part in entry for text in texts(part)]
        return [entry] if isinstance(entry, str) else []

    cleaned = _text.clean_all(value)
    assert len(texts(cleaned)) == len(texts(value))
    assert all(text == _text.clean(text) for text in texts(cleaned))
    assert repr(_text.clean_all(cleaned)) == repr(cleaned)


def test_keys_that_look_the_same_stay_apart():
    assert _text.clean_all({"a\x1b": 1, "a\\x1b": 2, "b": 3, 5: ["\x1b"]}) == {"a\\x1b": 1, "a\\x1b (2)": 2, "b": 3, 5: ["\\x1b"]}


def test_what_is_nested_without_end_ends():
    value: list = []
    for _level in range(100_000):
        value = [value]
    cleaned, levels = _text.clean_all(value), 0
    while isinstance(cleaned, list):
        cleaned, levels = cleaned[0], levels + 1
    assert (cleaned, levels) == ("(nested deeper than 64 levels)", 64)
    assert _text.clean_all({"deep": (1, ["x"])}) == {"deep": (1, ["x"])}


def test_a_text_of_a_type_of_its_own_becomes_a_plain_one():
    class Marked(str):
        pass

    assert not isinstance(_text.clean(Marked("a")), Marked) and not isinstance(_text.clean_all([Marked("a")])[0], Marked)
