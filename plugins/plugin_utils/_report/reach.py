# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reached which port of which node, as others saw it, and whether that is right."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls
from ansible_collections.hardened.qdrant.plugins.plugin_utils._report.model import Report, section

PORTS = ("rest", "grpc", "p2p")
PORT_TITLES = {"rest": "REST", "grpc": "gRPC", "p2p": "cluster port"}
FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6"}
# By role, the ports that a host must reach, and those that it may reach: a peer can be a client as well.
REACH = {"client": ({"rest", "grpc"}, {"rest", "grpc"}), "peer": ({"rest", "p2p"}, {"rest", "grpc", "p2p"}), "outsider": (set(), set())}
NO_ADDRESS, NOT_TRIED = "no address", "not tried"
# How a connection ends that the other side, or something on the way, did not take. Any other outcome says nothing of the port.
CLOSED = ("refused", "timeout", "reset", "unreachable")


def _as_it_should_be(role: str, port: str, outcome: str, own: bool) -> bool | None:
    """Whether an outcome is right; None where it says nothing. Nobody must reach a port by another address than the node's own."""
    must, may = REACH.get(role, (set(), set()))
    if outcome == "open":
        return port in may
    if port in must and own:
        return False
    return True if _is_closed(outcome) else None


def _is_closed(outcome: str) -> bool:
    return outcome.partition(":")[0] in CLOSED


def _family(address: t.Any) -> str:
    return "ipv6" if ":" in str(address) else "ipv4"


def reach(report: Report) -> list[dict[str, t.Any]]:
    """Who reached which port of which address: rows of {from, role, to, address, family, own, ports: {port: {outcome, right}}}.

    A family of which a node has no address has a row that says so, and one of which nobody said whether it has, too.
    """
    rows = []
    for target in sorted(report.findings):
        evidence = report.evidence[target]
        own = evidence.get("address", "unknown")
        for view in evidence.get("vantages", []):
            further = view.get("further")
            known = [entry for entry in further if isinstance(entry, dict)] if isinstance(further, list) else []
            places = [(own, _family(own), True, view), *((entry.get("address"), _family(entry.get("address")), False, entry) for entry in known)]
            lack = NO_ADDRESS if isinstance(further, list) else NOT_TRIED
            places += [(lack, family, False, None) for family in FAMILIES if family not in {place[1] for place in places}]
            for address, family, is_own, seen in sorted(places, key=lambda place: place[1]):
                outcomes = {port: _outcome(seen, port) if seen else lack for port in PORTS}
                ports = {port: {"outcome": text, "right": _as_it_should_be(view["role"], port, text, is_own)} for port, text in outcomes.items()}
                source = {"from": view["from"], "role": view["role"]}
                rows.append({**source, "to": target, "address": _controls.shown(address), "family": family, "own": is_own, "ports": ports})
    return rows


def _outcome(seen: dict[str, t.Any], port: str) -> str:
    return _controls.shown(section(seen, port).get("connect") or "unknown")


def matrix(rows: t.Sequence[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """The rows summed up by role, port and family: {role, port, family, open, closed, text, right}, in this order."""
    cells = []
    for role in REACH:
        for port in PORTS:
            for family in FAMILIES:
                seen = [row["ports"][port] for row in rows if row["role"] == role and row["family"] == family]
                if not seen:
                    continue
                tried = [entry for entry in seen if entry["outcome"] == "open" or _is_closed(entry["outcome"])]
                opened = sum(entry["outcome"] == "open" for entry in tried)
                rights = {entry["right"] for entry in seen}
                cell = {"role": role, "port": port, "family": family, "open": opened, "closed": len(tried) - opened}
                lacks = sorted({entry["outcome"] for entry in seen})
                text = "%d of %d open" % (opened, len(tried)) if tried else ", ".join(lacks)
                cells.append({**cell, "text": text, "right": False if False in rights else (True if True in rights else None)})
    return cells


def table(cells: t.Sequence[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """The matrix as lines of a table, one a role: {role, cells}, the cells by port and, within, by family."""
    by_place = {(cell["role"], cell["port"], cell["family"]): cell for cell in cells}
    nothing = {"text": NOT_TRIED, "right": None}
    roles = [role for role in REACH if any(cell["role"] == role for cell in cells)]
    return [{"role": role, "cells": [by_place.get((role, port, family), nothing) for port in PORTS for family in FAMILIES]} for role in roles]
