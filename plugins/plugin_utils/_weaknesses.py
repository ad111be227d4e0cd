# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known weaknesses of Qdrant, by version: weaknesses.json of this collection, or a newer list in the same form (weaknesses.schema.json).

A list says of which day it is and which release is the newest that it knows. Of later releases it knows nothing, and that is said like a weakness.
Pure functions: bytes in, lists out.
"""

from __future__ import annotations

import datetime as dt
import json
import typing as t
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

try:
    import jsonschema
except ImportError:
    jsonschema = None  # type: ignore[assignment]  # a library that may be missing has no type of its own

LIST = Path(__file__).with_name("weaknesses.json")
SCHEMA = Path(__file__).with_name("weaknesses.schema.json")
VARIABLE = "qdrant_weaknesses_file"
LARGEST = 1024 * 1024  # bytes
FIRST = (0, 0, 0)

Version = tuple[int, int, int]
Json = dict[str, t.Any]


class WeaknessError(Exception):
    """A list that is none; the message says what is wrong where, without a full stop."""


def version_of(text: str) -> Version:
    """Return the version of a text that fits the schema."""
    first, second, third = map(int, text.split("."))
    return first, second, third


def text_of(version: Version) -> str:
    return "%d.%d.%d" % version


@dataclass(frozen=True)
class Range:
    """Versions from ``introduced`` on, and before ``fixed`` where there is one."""

    introduced: Version
    fixed: Version | None = None

    def holds(self, version: Version) -> bool:
        return self.introduced <= version and (self.fixed is None or version < self.fixed)


@dataclass(frozen=True)
class Weakness:
    """A weakness, the versions that have it, and where it is described."""

    ids: tuple[str, ...]
    severity: str
    summary: str
    affected: tuple[Range, ...]
    source: str

    def affects(self, version: Version) -> bool:
        return any(entry.holds(version) for entry in self.affected)

    def text(self, version: Version) -> str:
        """Return what it is, with its ids and the release that mends it in a version that it affects."""
        fixes = [entry.fixed for entry in self.affected if entry.holds(version) and entry.fixed]
        return "{} ({})".format(self.summary, "; ".join([*self.ids, self.severity, f"mended in {text_of(min(fixes))}" if fixes else "not mended yet"]))

    def as_dict(self) -> Json:
        ranges = [{"introduced": text_of(one.introduced), **({"fixed": text_of(one.fixed)} if one.fixed else {})} for one in self.affected]
        return {"ids": list(self.ids), "severity": self.severity, "summary": self.summary, "affected": ranges, "source": self.source}


@dataclass(frozen=True)
class Known:
    """A list: complete up to a day, for releases up to the newest that it knows."""

    date: dt.date
    newest: Version
    source: str
    entries: tuple[Weakness, ...]

    def covers(self, version: Version) -> bool:
        return version <= self.newest

    def of(self, version: Version) -> list[str]:
        """Return what is known against a version, as it follows the server's name and version. Of a release after the list that is that nothing is known."""
        found = [entry.text(version) for entry in self.entries if entry.affects(version)]
        if not self.covers(version):
            found.append(f"was released after this list of {self.date} (up to {text_of(self.newest)}), so its weaknesses are not known")
        return found

    def mended(self, old: Version, new: Version) -> list[Weakness]:
        """Return what the old version has and the new one has not."""
        return [entry for entry in self.entries if entry.affects(old) and not entry.affects(new)]

    def described(self, today: dt.date) -> Json:
        """Return {date, age_days, newest}, for reports."""
        return {"date": self.date.isoformat(), "age_days": (today - self.date).days, "newest": text_of(self.newest)}

    def render(self) -> str:
        """Return the list as a file that ``parse`` takes."""
        content = {"schema": 1, "date": self.date.isoformat(), "source": self.source, "newest": text_of(self.newest)}
        return json.dumps({**content, "weaknesses": [entry.as_dict() for entry in self.entries]}, indent=2) + "\n"


@lru_cache
def own() -> Known:
    """Return the list of this collection."""
    return _known(json.loads(LIST.read_text(encoding="utf-8")))


def _known(content: Json) -> Known:
    entries = []
    for entry in content["weaknesses"]:
        ranges = tuple(Range(version_of(one["introduced"]), version_of(one["fixed"]) if "fixed" in one else None) for one in entry["affected"])
        entries.append(Weakness(tuple(entry["ids"]), entry["severity"], entry["summary"], ranges, entry["source"]))
    return Known(dt.date.fromisoformat(content["date"]), version_of(content["newest"]), content["source"], tuple(entries))


def parse(data: bytes, today: dt.date) -> Known:
    """Return the list that a file holds.

    :raises WeaknessError: it does not fit the schema, or is dated in the future.
    """
    if jsonschema is None:
        raise WeaknessError("Python's library jsonschema is missing on the controller. Install it: pip install jsonschema")
    if len(data) > LARGEST:
        raise WeaknessError("it has %d bytes, and %d are the most" % (len(data), LARGEST))
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise WeaknessError("it is no JSON") from None
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for error in validator.iter_errors(content):
        place = ".".join(map(str, error.absolute_path)) or "the whole"
        raise WeaknessError(f"{place} does not fit {error.validator} of weaknesses.schema.json")
    try:
        known = _known(content)
    except ValueError:
        raise WeaknessError("date is no day of the calendar") from None
    if known.date > today:
        raise WeaknessError(f"date is {known.date}, which is yet to come")
    return known


def combined(given: Known, base: Known) -> Known:
    """Return a newer list over an older one. What the newer does not name stays: a list that forgets a weakness does not mend it."""
    named = {name for entry in given.entries for name in entry.ids}
    kept = [entry for entry in base.entries if entry not in given.entries and not named & set(entry.ids)]
    return Known(given.date, max(given.newest, base.newest), given.source, (*given.entries, *kept))
