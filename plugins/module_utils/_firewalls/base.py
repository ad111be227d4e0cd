# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a firewall of the host is that drops what the guard let pass, unless it is told as well. Each is a class in a file of its own.

Its rules carry a mark, so that the collection knows its own again and leaves others' alone. What it is told by, the role's tasks of its name,
``roles/qdrant_firewall/tasks/backends/NAME.yml``, get ``add`` and ``remove``. ``_backends`` lists them, for a module is sent what it imports by name.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

Json = dict[str, t.Any]

PORT = re.compile(r"\b(\d+)(?::(\d+))?(?=[,/ ]|$)")


def names_port(text: str, ports: t.Collection[int]) -> bool:
    """Return whether a text names one of the ports, by itself or in a range FIRST:LAST."""
    for match in PORT.finditer(text):
        first, last = int(match[1]), int(match[2] or match[1])
        if any(first <= port <= last for port in ports):
            return True
    return False


class Backend:
    """A firewall of the host."""

    name: str
    # The program that it is asked by, and known by.
    program: str

    def observe(self, ports: t.Collection[int], run: Run) -> Json:
        """Return at least {active, own, foreign}: whether it filters, its rules of this collection, and others' that name one of the ports, in words.

        ``halves``, if there are any, are own rules that do not hold as they should, so that they are neither there nor gone.
        """
        raise NotImplementedError

    def wanted(self, passes: t.Sequence[t.Mapping[str, t.Any]], seen: t.Mapping[str, t.Any]) -> list[Json]:
        """Return the rules that let everybody pass who should, [{address, ports}], in the form of ``own``. ``seen`` is what ``observe`` returned."""
        raise NotImplementedError

    def cannot_tell(self, passes: t.Sequence[t.Mapping[str, t.Any]], seen: t.Mapping[str, t.Any]) -> tuple[str, str] | None:
        """Return why it takes no such rules, and what to do; None where it does."""
        return None

    def speaks_for(self, table: str, chain: str) -> bool:
        """Return whether rules of nftables are its own, so that it is asked itself. ``table`` is "FAMILY NAME"."""
        return False


def changes(backends: t.Iterable[Backend], chosen: str, passes: t.Sequence[t.Mapping[str, t.Any]], there: t.Mapping[str, t.Any]) -> list[Json]:
    """Return what each is to be told, [{backend, add, remove}], where there is anything. Whoever is not ``chosen`` is to have no rule."""
    found = []
    for backend in backends:
        seen = there.get(backend.name) or {}
        own, halves = list(seen.get("own") or []), list(seen.get("halves") or [])
        wanted = backend.wanted(passes, seen) if backend.name == chosen else []
        add = [rule for rule in wanted if rule not in own]
        remove = [rule for number, rule in enumerate(own + halves) if rule not in wanted and rule not in (own + halves)[:number]]
        if add or remove:
            found.append({"backend": backend.name, "add": add, "remove": remove})
    return found
