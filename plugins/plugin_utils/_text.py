# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Texts that came from a host, made fit to be shown: on a terminal, in a log, in a report.

A control character steers the terminal that a text is printed to; a mark of direction shows a text as another than it is; what has no
width hides in one. Each is shown as an escape (``\x1b``, ``\u202e``), so that a reader sees that it was there. Both functions give
the same for what they gave, so a text may pass more than once.
"""

from __future__ import annotations

import typing as t

LIMIT = 2000  # characters
DEPTH = 64  # levels of dicts and lists; evidence has ten

# Python holds these to be printable, and they take no room or look like a space (Unicode: Default_Ignorable_Code_Point, and the blank of Braille).
# What else has that property is a control, a mark of format or unassigned, which is not printable.
INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)


def clean(text: str, limit: int = LIMIT, keep: str = "") -> str:
    """Return a text with what does not print escaped, except the characters in ``keep``, and cut to ``limit`` characters, which a mark at its end says."""
    # Longer than this it stays: an escape only adds.
    shown = [_shown(character, keep) for character in text[: limit + 1]]
    if len(text) <= limit and sum(map(len, shown)) <= limit:
        return "".join(shown)
    mark = "... (cut: %d characters)" % len(text)
    if len(mark) * 2 > limit:
        mark = "..."[:limit]
    room, kept = limit - len(mark), []
    for piece in shown:
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + mark


def _shown(character: str, keep: str) -> str:
    if character in keep or (character.isprintable() and character not in INVISIBLE):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clean_all(value: t.Any, limit: int = LIMIT, keep: str = "") -> t.Any:
    """Return plain data (dicts, lists, tuples, texts) with every text cleaned, keys too.

    What is nested deeper than ``DEPTH`` is replaced by a text that says so.
    """
    return _clean_all(value, limit, keep, DEPTH)


def _clean_all(value: t.Any, limit: int, keep: str, room: int) -> t.Any:
    if isinstance(value, str):
        return clean(value, limit, keep)
    if not isinstance(value, (dict, list, tuple)):
        return value
    if not room:
        return "(nested deeper than %d levels)" % DEPTH
    if not isinstance(value, dict):
        entries = [_clean_all(entry, limit, keep, room - 1) for entry in value]
        return tuple(entries) if isinstance(value, tuple) else entries
    result: dict[t.Any, t.Any] = {}
    numbers: dict[t.Any, int] = {}
    for key, entry in value.items():
        cleaned = name = clean(key, limit, keep) if isinstance(key, str) else key
        # Two keys may look the same now; neither may hide the other.
        while name in result:
            numbers[cleaned] = numbers.get(cleaned, 1) + 1
            name = "%s (%d)" % (cleaned, numbers[cleaned])
        result[name] = _clean_all(entry, limit, keep, room - 1)
    return result
