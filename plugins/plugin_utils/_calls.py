# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be called on a server, by its version: REST routes and methods of gRPC, with what each asks for and which part of the proxy opens it.

The data is calls/calls.yml, which ``scripts/lib/calls`` makes from upstream's source. The access model (``_access``) says which credential has what
they need; the live tests of ``access`` ask a server for each.
"""

from __future__ import annotations

import re
import typing as t
from functools import cache
from pathlib import Path

import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _access

FILE = Path(__file__).with_name("calls") / "calls.yml"
UNCLOSED = FILE.with_name("unclosed.yml")
PORTS = ("rest", "grpc", "p2p")
# What needs no key, and what asks for a certificate of the nodes' CA, and with enforce_internal_auth for a key.
NOTHING, PEER = "nothing", "peer"
NEEDS = (NOTHING, *_access.NEEDS, PEER)
PARTS = ("api", "snapshots", "cluster", "telemetry", "metrics", "none")
# A name that no collection, snapshot, key or alias has: an observer asks for what is not there.
ABSENT = "hardened-qdrant-absent"


class Call(t.NamedTuple):
    """A REST route, such as ``GET /collections``, or a method of gRPC, such as ``/qdrant.Points/Upsert``."""

    call: str
    port: str
    need: str
    part: str
    versions: tuple[str, ...]
    documented: bool

    @property
    def method(self) -> str:
        return self.call.partition(" ")[0] if self.port == "rest" else "POST"

    @property
    def path(self) -> str:
        return self.call.partition(" ")[2] if self.port == "rest" else self.call

    @property
    def of_collection(self) -> bool:
        return self.need in _access.OF_COLLECTION

    @property
    def reads(self) -> bool:
        """Return whether asking changes nothing, whoever asks and whatever the server makes of it."""
        if self.port == "rest":
            return self.method == "GET"
        if self.port == "p2p":
            return self.call.rpartition("/")[2].startswith("Get")
        return self.need in (NOTHING, _access.KNOWN, _access.READ, _access.WHOLE, _access.SERVER)

    def asked(self, collection: str = ABSENT) -> str:
        """Return its path for a collection; for what else has a name, one that is not there. Numbers are 0."""
        path = self.path.replace("{collection_name}", collection)
        return re.sub(r"\{(\w+)\}", lambda name: "0" if name[1] in ("shard", "peer_id", "point_id") else ABSENT, path)


class Unclosed(t.NamedTuple):
    """What a valid credential opens without a setting of Qdrant to withhold it. Texts, with code between backticks.

    ``since`` is the first version that has it, empty for all; ``opened`` is whether the proxy opens it on request; ``besides`` is what else closes it.
    """

    what: str
    who: str
    opened: bool
    besides: str
    since: str = ""


def key_of(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def parse(content: t.Any, complete: bool = True) -> tuple[tuple[str, ...], list[Call]]:
    """Return the versions that the data knows, lowest first, and its calls.

    :raises ValueError: a row is not of the form; without ``complete`` what it needs may be undecided.
    """
    versions = tuple(content["versions"])
    rows = [Call(**{**row, "versions": tuple(row["versions"])}) for row in content["calls"]]
    for row in rows:
        form = r"(GET|POST|PUT|PATCH|DELETE) /[a-z_/{}]*" if row.port == "rest" else r"/[\w.]+/[A-Z]\w+"
        if row.port not in PORTS or not re.fullmatch(form, row.call):
            raise ValueError(f"{row.call}: it is no call of {row.port}")
        if not row.versions or not set(row.versions) <= set(versions):
            raise ValueError(f"{row.call}: its versions are not among those above")
        if complete and (row.need not in NEEDS or row.part not in PARTS or (row.need == PEER) != (row.port == "p2p")):
            raise ValueError(f"{row.call}: it needs {row.need!r} and is of part {row.part!r}, which do not exist")
    return versions, rows


@cache
def _data() -> tuple[tuple[str, ...], tuple[Call, ...]]:
    versions, rows = read()
    return versions, tuple(rows)


def read(complete: bool = True) -> tuple[tuple[str, ...], list[Call]]:
    """Return the file as ``parse`` does."""
    return parse(yaml.safe_load(FILE.read_text(encoding="utf-8")), complete)


def versions() -> tuple[str, ...]:
    """Return the versions whose calls are known, lowest first."""
    return _data()[0]


def known() -> tuple[Call, ...]:
    """Return the calls of all versions. What a call needs may differ by version; it is there once for each need then."""
    return _data()[1]


def version_for(version: str) -> str:
    """Return the known version whose calls a server of some version has: the latest that is not later, and the earliest for what is before all."""
    earlier = [entry for entry in versions() if key_of(entry) <= key_of(version)]
    return earlier[-1] if earlier else versions()[0]


def of(version: str) -> list[Call]:
    """Return the calls of a version, or of the latest known one before it."""
    return [call for call in known() if version_for(version) in call.versions]


def may(scope: _access.Scope, call: Call, collection: str = "") -> bool:
    """Return whether a credential may call, for a collection if the call is about one. Who has no credential has the empty scope."""
    return call.need == NOTHING or (call.need != PEER and _access.has(scope, call.need, collection))


@cache
def _unclosed() -> tuple[Unclosed, ...]:
    return tuple(Unclosed(**row) for row in yaml.safe_load(UNCLOSED.read_text(encoding="utf-8")))


def unclosed(version: str) -> list[Unclosed]:
    """Return what no setting closes on a server of a version."""
    return [row for row in _unclosed() if not row.since or key_of(version) >= key_of(row.since)]
