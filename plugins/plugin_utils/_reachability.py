# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which port of a node may be reached from where, and whether what others saw is as it should be.

This is the one place that decides it. Controls read the judgement as ``reached``, reports show the same one.

A vantage is a peer, a client or an outsider. The controller and other hosts beside the play are clients or outsiders, as
``qdrant_verify_vantages`` says. How a node sees its own ports is no question of who may reach them: its sections ``tls`` and ``auth`` are.
"""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _controls

Json = dict[str, t.Any]

PORTS, FAMILIES = ("rest", "grpc", "p2p"), ("ipv4", "ipv6")
# What a connection should be.
OPEN, CLOSED, ANY = "open", "closed", "any"
# By role and port: what a connection should be to the node's own address, and to a further one, which nobody needs.
# Peers fetch snapshots by REST and ask there for each other's health; a peer can be a client as well.
POLICY: dict[str, dict[str, tuple[str, str]]] = {
    "client": {"rest": (OPEN, ANY), "grpc": (OPEN, ANY), "p2p": (CLOSED, CLOSED)},
    "peer": {"rest": (OPEN, ANY), "grpc": (ANY, ANY), "p2p": (OPEN, ANY)},
    "outsider": {"rest": (CLOSED, CLOSED), "grpc": (CLOSED, CLOSED), "p2p": (CLOSED, CLOSED)},
}
ROLES = tuple(POLICY)
# How a connection ended that the other side, or something on the way, did not take.
REFUSALS = ("refused", "timeout", "reset", "unreachable")
# Nobody can try an address that is not there, or that the vantage has no way to. Neither says that a port is closed.
NO_ADDRESS, NO_ROUTE = "no address", "no route"
# What should have been tried, or told, and was not.
NOT_TRIED, UNKNOWN = "not tried", "unknown"


def expected(role: t.Any, port: str, own: bool, clustered: bool) -> str:
    """Return what a connection should be: OPEN, CLOSED or ANY.

    ``own`` says whether it goes to the node's own address, ``clustered`` whether the node has peers: nodes beside one that has none need nothing of it.
    """
    wanted = POLICY.get(role, POLICY["outsider"])[port][0 if own else 1]
    return ANY if role == "peer" and not clustered else wanted


def is_right(wanted: str, outcome: str) -> bool | None:
    """Return whether an outcome is as it should be; None where it says nothing. What should be closed is so only if it was seen to be."""
    if outcome == OPEN:
        return wanted != CLOSED
    if wanted == OPEN:
        return False
    if _is_refusal(outcome):
        return True
    return None if wanted == ANY or outcome in (NO_ADDRESS, NO_ROUTE) else False


def _is_refusal(outcome: str) -> bool:
    return outcome.partition(":")[0] in REFUSALS


def family(address: t.Any) -> str:
    """Return the family of an address as a text."""
    return "ipv6" if ":" in str(address) else "ipv4"


def judged(document: Json) -> list[Json] | None:
    """Return each connection that others tried to a node, by its ``vantages``; None where nothing is known of any.

    Entries are {from, role, address, family, own, port, outcome, expected, right}. A family of which the node has no address has entries
    that say so, and so has one of which nobody said whether it has.
    """
    vantages, config = document.get("vantages"), document.get("config")
    if not isinstance(vantages, list):
        return None
    values = config.get("values") if isinstance(config, dict) else None
    clustered = isinstance(values, dict) and values.get("cluster.enabled") is True
    found = []
    for view in vantages:
        if not isinstance(view, dict):
            continue
        for address, of_family, own, seen in _places(document.get("address", UNKNOWN), view):
            for port in PORTS:
                outcome = seen if isinstance(seen, str) else _outcome(seen, port)
                wanted = expected(view.get("role"), port, own, clustered)
                entry = {"from": view.get("from"), "role": view.get("role"), "address": address, "family": of_family, "own": own, "port": port}
                found.append({**entry, "outcome": outcome, "expected": wanted, "right": is_right(wanted, outcome)})
    return found


def _places(own: t.Any, view: Json) -> list[tuple[t.Any, str, bool, t.Any]]:
    """Return where a vantage tried a node, by family: address, family, whether it is the own one, and what was seen, or why nothing was."""
    told = view.get("further")
    further = [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []
    places: list[tuple[t.Any, str, bool, t.Any]] = [
        (own, family(own), True, view),
        *((entry.get("address"), family(entry.get("address")), False, entry) for entry in further),
    ]
    lack = NO_ADDRESS if isinstance(told, list) else NOT_TRIED
    places += [(lack, name, False, lack) for name in FAMILIES if name not in {place[1] for place in places}]
    return sorted(places, key=lambda place: place[1])


def _outcome(seen: Json, port: str) -> str:
    tried = seen.get(port)
    outcome = tried.get("connect") if isinstance(tried, dict) else None
    return outcome if isinstance(outcome, str) and outcome else UNKNOWN


# --- for those who show it ---------------------------------------------------------------------------------------------


def connections(documents: t.Mapping[str, Json]) -> list[Json]:
    """Return the connections to all nodes, one row for each vantage and address: {from, role, to, address, family, own, ports: {port: {outcome, right}}}."""
    rows: list[Json] = []
    for target in sorted(documents):
        for entry in documents[target].get("reached") or []:
            where = {name: entry[name] for name in ("from", "role", "family", "own")}
            where.update(to=target, address=_controls.shown(entry["address"]))
            if entry["port"] == PORTS[0]:
                rows.append({**where, "ports": {}})
            rows[-1]["ports"][entry["port"]] = {"outcome": _controls.shown(entry["outcome"]), "right": entry["right"]}
    return rows


def matrix(rows: t.Sequence[Json]) -> list[Json]:
    """Return the rows summed up by role, port and family: {role, port, family, open, closed, text, right}, in this order."""
    cells = []
    for role in ROLES:
        for port in PORTS:
            for name in FAMILIES:
                seen = [row["ports"][port] for row in rows if row["role"] == role and row["family"] == name]
                if not seen:
                    continue
                tried = [entry for entry in seen if entry["outcome"] == OPEN or _is_refusal(entry["outcome"])]
                opened = sum(entry["outcome"] == OPEN for entry in tried)
                text = "%d of %d open" % (opened, len(tried)) if tried else ", ".join(sorted({entry["outcome"] for entry in seen}))
                unseen = sum(entry["right"] is False for entry in seen if entry not in tried)
                text += ", %d not seen" % unseen if tried and unseen else ""
                rights = {entry["right"] for entry in seen}
                right = False if False in rights else (True if True in rights else None)
                cells.append({"role": role, "port": port, "family": name, "open": opened, "closed": len(tried) - opened, "text": text, "right": right})
    return cells
