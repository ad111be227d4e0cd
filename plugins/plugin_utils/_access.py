# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access model: which credential may do what. One table, which the report shows and the live tests prove on the real server.

Source: what Qdrant answers, the same from 1.16.3 to 1.19.0 (docs/tested.md). Its documentation differs in places: any valid token reads the telemetry.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

# What an operation asks for, from the weakest on.
KNOWN = "known"  # any valid credential; answers hold what it may see
READ = "read"  # reading points of a collection
WHOLE = "whole"  # reading a collection that is not limited to payloads
POINTS = "points"  # changing points of a collection
WRITE = "write"  # changing a collection that is not limited to payloads
SERVER = "server"  # reading what belongs to no collection
MANAGE = "manage"  # everything

# By a token's rights in a collection (Qdrant's letters).
_COLLECTION = {
    "r": frozenset((KNOWN, READ, WHOLE)),
    "rw": frozenset((KNOWN, READ, WHOLE, POINTS, WRITE)),
    "prw": frozenset((KNOWN, READ, POINTS)),
}
# By rights that hold everywhere.
_EVERYWHERE = {
    "r": frozenset((KNOWN, READ, WHOLE, SERVER)),
    "m": frozenset((KNOWN, READ, WHOLE, POINTS, WRITE, SERVER, MANAGE)),
}
OF_COLLECTION = (READ, WHOLE, POINTS, WRITE)
NEEDS = (KNOWN, READ, WHOLE, POINTS, WRITE, SERVER, MANAGE)
COLLECTION_RIGHTS, GLOBAL_RIGHTS = tuple(_COLLECTION), tuple(_EVERYWHERE)


@dataclass(frozen=True)
class Operation:
    """A class of operations: what it asks for, and whether it belongs to a collection."""

    name: str
    title: str
    need: str

    @property
    def of_collection(self) -> bool:
        return self.need in OF_COLLECTION


OPERATIONS = (
    Operation("list", "list collections", KNOWN),
    Operation("read", "read points", READ),
    Operation("write", "write points", POINTS),
    Operation("index", "create indexes", WRITE),
    Operation("snapshots", "list snapshots", WHOLE),
    Operation("snapshot", "make snapshots", WRITE),
    Operation("create", "create collections", MANAGE),
    Operation("delete", "delete collections", MANAGE),
    Operation("cluster", "see the cluster", SERVER),
    Operation("metrics", "read metrics", SERVER),
    Operation("telemetry", "read telemetry", KNOWN),
)


@dataclass(frozen=True)
class Scope:
    """What a credential reaches: rights everywhere, or rights by collection. None of both: nothing."""

    everywhere: str = ""
    collections: t.Mapping[str, str] = field(default_factory=dict)


FULL, READ_ONLY, NOBODY = Scope("m"), Scope("r"), Scope()


def may(scope: Scope, operation: Operation, collection: str = "") -> bool:
    """Return whether a credential may do something, in a collection if the operation belongs to one."""
    return has(scope, operation.need, collection)


def has(scope: Scope, need: str, collection: str = "") -> bool:
    """Return whether a credential has what is needed, in a collection if that is about one."""
    if scope.everywhere:
        return need in _EVERYWHERE[scope.everywhere]
    if need in OF_COLLECTION:
        return need in _COLLECTION.get(scope.collections.get(collection, ""), frozenset())
    return need == KNOWN and bool(scope.collections)


def where(scope: Scope, operation: Operation) -> str:
    """Return where a credential may do something: ``everywhere``, names of collections, or nothing."""
    if scope.everywhere or not operation.of_collection:
        return "everywhere" if may(scope, operation) else ""
    return ", ".join(name for name in sorted(scope.collections) if may(scope, operation, name))


@dataclass(frozen=True)
class Row:
    """A line of the table of who can do what: cells by operation, in OPERATIONS' order."""

    who: str
    kind: str
    until: str
    cells: tuple[str, ...]

    def as_dict(self) -> dict[str, t.Any]:
        cells = {operation.name: cell for operation, cell in zip(OPERATIONS, self.cells)}
        return {"who": self.who, "kind": self.kind, "until": self.until, "may": cells}


def row(who: str, kind: str, until: str, scope: Scope) -> Row:
    return Row(who, kind, until, tuple(where(scope, operation) for operation in OPERATIONS))


def table(tokens: t.Iterable[tuple[str, str, Scope]], read_only: bool, alternate: bool = False) -> list[Row]:
    """Return the table of credentials and their rights. ``tokens`` are (application, lifetime, scope). No secret is part of it."""
    rows = [row("qdrant_api_key", "API key", "it is rotated", FULL)]
    if alternate:
        rows.append(row("qdrant_alt_api_key", "API key", "it is rotated", FULL))
    if read_only:
        rows.append(row("qdrant_read_only_api_key", "read-only key", "it is rotated", READ_ONLY))
    rows += [row(name, "token", f"{lifetime} after it was made", scope) for name, lifetime, scope in tokens]
    rows.append(row("without a key", "nobody", "", NOBODY))
    return rows


def saved(rows: t.Any) -> list[dict[str, t.Any]]:
    """Return rows as a report has them, from a file that anybody may have changed.

    :raises ValueError: they are not of that form.
    """
    names = {operation.name for operation in OPERATIONS}
    if not isinstance(rows, list):
        raise ValueError("its access is not of rows")
    for entry in rows:
        cells = entry.get("may") if isinstance(entry, dict) else None
        if not isinstance(cells, dict) or set(cells) != names or set(entry) != {"who", "kind", "until", "may"}:
            raise ValueError("its access is not of rows")
        if not all(isinstance(text, str) for text in (entry["who"], entry["kind"], entry["until"], *cells.values())):
            raise ValueError("its access is not of texts")
    return rows
