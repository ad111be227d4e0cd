# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted state: one document per node and per proxy, made of inventory and vault, from which files are written and restarts are planned.

Its form is wanted.schema.json. Owner and mode of a file stand there and nowhere else. Secrets are no part of it: a file of secrets is marked, and its
text is made where it is sent.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from ansible_collections.hardened.qdrant.plugins.module_utils import _digests, _files

try:
    import jsonschema
except ImportError:
    jsonschema = None  # type: ignore[assignment]  # a library that may be missing has no type of its own

SCHEMA = Path(__file__).with_name("wanted.schema.json")
SECTIONS = {"folders": _files.FOLDER, "files": _files.FILE, "links": _files.LINK, "absent": _files.ABSENT}

Json = dict[str, t.Any]


class WantedError(Exception):
    """A document that is none. The message says where, and what belongs there."""


@dataclass(frozen=True)
class Entry:
    """A path and what it should be; the fields are those of the document, ``kind`` is the section's."""

    path: str
    kind: str
    owner: str | None = "root"
    group: str | None = "root"
    mode: str | None = None
    content: str | None = None
    secret: bool = False
    target: str = ""
    staged: str = ""
    part: str = ""


@dataclass(frozen=True)
class Wanted:
    """A host's wanted state, in the order of the document."""

    entries: tuple[Entry, ...] = field(default=())

    @property
    def secret(self) -> bool:
        """Return whether a file of secrets is among the entries."""
        return any(entry.secret for entry in self.entries)

    def of(self, parts: t.Collection[str] | None) -> Wanted:
        """Return the entries of some parts; of all where none is named."""
        return self if parts is None else Wanted(tuple(entry for entry in self.entries if entry.part in parts))


@lru_cache
def _validator() -> t.Any:
    if jsonschema is None:
        raise WantedError("Python's library jsonschema is missing on the controller. Install it: pip install jsonschema")
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def parse(document: t.Any) -> Wanted:
    """Return the state that a document says.

    :raises WantedError: it does not fit the schema, or names a path twice.
    """
    plain = _plain(document)
    for error in _validator().iter_errors(plain):
        place = ".".join(map(str, error.absolute_path)) or "the document"
        raise WantedError(f"{place}: {_why(error)}")
    entries = []
    for section, kind in SECTIONS.items():
        for given in plain.get(section, []):
            mode = given.get("mode", {"folders": "0755", "files": "0644"}.get(section))
            entries.append(Entry(**{**given, "kind": kind, "mode": mode}))
    paths = [entry.path for entry in entries]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise WantedError("{} is named twice".format(", ".join(twice)))
    return Wanted(tuple(entries))


def _plain(value: t.Any) -> t.Any:
    """Return templated data as Python's own types; None stays where a section was left empty."""
    if isinstance(value, t.Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return "".join(value) if isinstance(value, str) else value


def _why(error: t.Any) -> str:
    """Return what is wrong at a place, without the text of a file."""
    if error.validator == "additionalProperties":
        return "it has more than {}".format(", ".join(sorted(error.schema["properties"])))
    if error.validator == "oneOf":
        return "exactly one of {} belongs there".format(
            " and ".join(sorted(name for one in error.schema["oneOf"] for name in one.get("required", ["a value"])))
        )
    if error.validator == "required":
        return "{} is missing".format(", ".join(sorted(set(error.validator_value) - set(error.instance))))
    return f"a value that fits {error.validator} {error.validator_value} belongs there"


# --- for a host --------------------------------------------------------------------------------------------------------


def question(wanted: Wanted, secret_text: str, salt: str) -> list[Json]:
    """Return the entries as qdrant_files and qdrant_plan_info take them; secrets by a salted digest (_digests)."""
    return [_sent(entry, salt=salt, digest=_digests.digest(secret_text.encode("utf-8"), salt)) if entry.secret else _sent(entry) for entry in wanted.entries]


def order(wanted: Wanted, secret_text: str) -> tuple[list[Json], dict[str, str]]:
    """Return the entries, and apart from them the contents of secret files by path."""
    return [_sent(entry) for entry in wanted.entries], {entry.path: secret_text for entry in wanted.entries if entry.secret}


def _sent(entry: Entry, **further: str) -> Json:
    named = {"path": entry.path, "kind": entry.kind, "owner": entry.owner, "group": entry.group, "mode": entry.mode}
    optional = {"text": entry.content, "target": entry.target or None, "staged": entry.staged or None}
    return {**named, **{name: value for name, value in optional.items() if value is not None}, **further}


def as_seen(wanted: Wanted, seen: t.Mapping[str, t.Any]) -> bool:
    """Return whether a host has all of it already, by ``files`` of qdrant_node_info. What was not looked at, or is known by more than that, differs."""
    return all(entry.path in seen and _as_seen(entry, seen[entry.path]) for entry in wanted.entries)


def _as_seen(entry: Entry, state: t.Mapping[str, t.Any] | None) -> bool:
    if entry.kind == _files.ABSENT or state is None:
        return entry.kind == _files.ABSENT and state is None
    if entry.kind == _files.LINK or entry.secret or state.get("kind") != entry.kind:
        return False
    if entry.content is not None and state.get("sha256") != _digests.sha256(entry.content):
        return False
    return all(wanted is None or state.get(name) == wanted for name, wanted in (("owner", entry.owner), ("group", entry.group), ("mode", entry.mode)))
