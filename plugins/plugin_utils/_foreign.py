# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the way of a deployment, and was not made by this collection. Pure functions: what qdrant_node_info saw in, problems out.

Nothing of others is changed unasked. Each thing is refused by its name, with the way around it, and, for what can be taken over without a loss, with the
word for ``qdrant_take_over``. What a host says of itself decides about that host alone.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem

VARIABLE = "qdrant_take_over"
# What can be taken over.
THINGS = ("user", "unit", "container", "data_dir")
# As the roles make their users.
ACCOUNT = {"home": "/nonexistent", "shell": "/usr/sbin/nologin"}
# Where the file of a unit that is taken over is kept, beside it; systemd reads no file of such a name.
KEPT = ".before-hardened-qdrant"
NOT_OURS = "it was not made by this collection"
# What lies in a folder of Qdrant's data, whatever its version.
DATA = ("collections", "raft_state.json", "aliases", "aliases.json")
ID = re.compile(r"[0-9a-f]{12,64}")

State = t.Mapping[str, t.Any]


def shown(text: t.Any) -> str:
    """Return a host's word for a message: in quotes, short, and without a character that does something to a terminal."""
    return ascii(str(text)[:80])


def accepted(entries: t.Any) -> tuple[set[str], Findings]:
    """Return the things that the user wants taken over."""
    found = Findings()
    if not isinstance(entries, list):
        found.refuse(VARIABLE, "it is not a list", "Write a list of {}".format(", ".join(THINGS)))
        return set(), found
    for entry in entries:
        if entry not in THINGS:
            found.refuse(VARIABLE, f"{entry!r} cannot be taken over", "Write a list of {}".format(", ".join(THINGS)))
    return {entry for entry in entries if entry in THINGS}, found


class Judgement:
    """What was found in the way of one host, and what of it is taken over."""

    def __init__(self, wanted: t.Collection[str] = ()) -> None:
        self.problems: list[Problem] = []
        self.taken: dict[str, t.Any] = {}
        self._wanted = wanted

    def refuse(self, where: str, what: str, around: str, thing: str = "", how: str = "", value: t.Any = True) -> None:
        """Refuse one thing that is in the way. ``around`` is a way around it, ``how`` its fate where it is taken over."""
        if thing and thing in self._wanted:
            self.taken[thing] = value
            return
        over = f", or take it over: {VARIABLE}: [{thing}]. {how}" if thing else ""
        self.problems.append(Problem(where, what, around + over))


def node(
    state: State,
    *,
    user: str,
    unit: str,
    deployment: str,
    bridged: bool,
    firewall: bool,
    timer: bool,
    audit: bool,
    firewall_file: str,
    wanted: t.Collection[str],
) -> Judgement:
    """Return the judgement on things in the way of a node. ``bridged``: whether its container has a network of its own. ``wanted``: the things to take over."""
    found = Judgement(wanted)
    _user(found, state, user, "qdrant_user", over=True)
    _unit(found, state, unit, over=True)
    _folders(found, state, "qdrant_", user)
    if deployment == "docker":
        _container(found, state.get("docker") or {}, bridged)
    if firewall:
        _guard(found, state.get("guard") or {}, firewall_file)
        _unit(found, state, "qdrant-firewall.service")
    if audit:
        for name in ("qdrant-audit.service", "qdrant-audit.timer"):
            _unit(found, state, name)
    if timer:
        for name in ("qdrant-expiry.service", "qdrant-expiry.timer"):
            _unit(found, state, name)
        _folder(found, (state.get("folders") or {}).get("expiry"), "its folder expiry", "Move it away")
    return found


def proxy(state: State, *, user: str, unit: str, nginx: str) -> Judgement:
    """Return the judgement on things in the way of a proxy. ``nginx`` is the program's path; nothing of a proxy's is taken over."""
    found = Judgement()
    _user(found, state, user, "qdrant_proxy_user")
    _unit(found, state, unit)
    _folders(found, state, "qdrant_proxy_", user)
    programs, service = state.get("libraries") or {}, (state.get("units") or {}).get("nginx.service") or {}
    # None: the distribution's nginx is not there. The role masks the name before it installs it.
    if programs.get(nginx, []) is None and service.get("path") and not service.get("masked"):
        what = "{} runs an nginx of its own, and the distribution's would take its name".format(shown(service["path"]))
        found.refuse("unit nginx.service", what, "Give that unit another name, or the proxy another host")
    return found


def unneeded(wanted: t.Iterable[str], taken: t.Iterable[str]) -> list[str]:
    """Return warnings: what the user wants taken over, and there is nothing of it. Left in an inventory, it would take over what comes later."""
    return [f"{VARIABLE} names {thing}, and there is nothing to take over. Remove it." for thing in sorted(set(wanted) - set(taken))]


# --- one thing each ----------------------------------------------------------------------------------------------------


def _user(found: Judgement, state: State, user: str, variable: str, over: bool = False) -> None:
    """A user who is as the collection makes them is not changed, whoever made them; and drift of the own unit's user is mended."""
    there = state.get("account")
    if not there or dict(there) == ACCOUNT or state.get("account_own"):
        return
    what = "{}: it has the home {} and the shell {}, which would be changed".format(NOT_OURS, shown(there.get("home")), shown(there.get("shell")))
    root = (state.get("user_ids") or {}).get("uid") == 0
    how = "It keeps its number, its groups and its home folder, and loses its login; its processes must have ended, so take its unit over as well"
    found.refuse(f"user {user}", what, f"Name another in {variable}", "user" if over and not root else "", how)


def _unit(found: Judgement, state: State, unit: str, over: bool = False) -> None:
    seen = (state.get("units") or {}).get(unit) or {}
    path = seen.get("path")
    if not path or seen.get("own"):
        return
    if seen.get("masked"):
        found.refuse(f"unit {unit}", "somebody has masked it", f"If it may run, systemctl unmask {unit}")
        return
    written = "/etc/systemd/system/" + unit
    files = state.get("files") or {}
    kept, now = files.get(written + KEPT), files.get(written)
    if path == written and kept and kept.get("sha256") != (now or {}).get("sha256"):
        found.refuse("file %s" % (written + KEPT), "it is there from an earlier time, and another unit is to be kept under that name", "Move it away")
        return
    what = "{}: {} {}".format(NOT_OURS, shown(path), "would be replaced" if path == written else "would be overridden")
    how = "It is stopped%s" % (", and its file is kept as %s" % (written + KEPT) if path == written else "; its package stays")
    around = "Stop it, disable it and %s" % ("move its file away" if path == written else "remove its package or generator")
    found.refuse(f"unit {unit}", what, around, "unit" if over else "", how, "file" if path == written else "elsewhere")


def _folders(found: Judgement, state: State, prefix: str, user: str) -> None:
    folders = state.get("folders") or {}
    for kind in ("install", "config"):
        away = f"Name another in {prefix}{kind}_dir, or move it away"
        _folder(found, folders.get(kind), f"{prefix}{kind}_dir", away)
    data = folders.get("data") or {}
    away = "Name an empty one in qdrant_data_dir"
    # Only what looks like Qdrant's: its owner changes through and through.
    thing = "data_dir" if any(name in DATA for name in data.get("others") or []) else ""
    version = "Choose as qdrant_version the version that wrote it, or the next minor one"
    how = f"All of it belongs to {user} then. {version}; a node that was a peer of a cluster stays one"
    _folder(found, data, "qdrant_data_dir", away, thing, how)
    snapshots = folders.get("snapshots") or {}
    kept = (state.get("files") or {}).get(snapshots.get("path")) or {}
    if (kept.get("kind"), kept.get("owner"), kept.get("mode")) != ("folder", user, "0700"):
        path = snapshots.get("path")
        away = f"Name an empty one in qdrant_snapshots_dir, or hand it over yourself: chown -R {user} {path}; chmod 0700 {path}"
        _folder(found, snapshots, "qdrant_snapshots_dir", away)


def _folder(found: Judgement, seen: t.Any, where: str, away: str, thing: str = "", how: str = "") -> None:
    if not seen or seen.get("own"):
        return
    if not seen.get("folder"):
        found.refuse("{} ({})".format(where, shown(seen.get("path"))), "it is no folder", away)
        return
    if seen.get("others"):
        what = "{}, and holds {}".format(NOT_OURS, ", ".join(map(shown, seen["others"])))
        found.refuse("{} ({})".format(where, shown(seen.get("path"))), what, away, thing, how)


def _container(found: Judgement, docker: State, bridged: bool) -> None:
    there, network = docker.get("container"), docker.get("network")
    if there and not there.get("own"):
        what = "{}, and the node's has the same name. Its image is {}".format(NOT_OURS, shown(there.get("image")))
        number = str(there.get("id"))
        # One that removes itself would be gone with its volumes.
        thing = "container" if ID.fullmatch(number) and not there.get("removes_itself") else ""
        around = "Rename it (docker rename qdrant NAME) and have it publish other ports, or stop it"
        how = "It is stopped, not started by the engine any more, and renamed; it keeps its volumes"
        found.refuse("container qdrant", what, around, thing, how, number)
    if bridged and network and not network.get("own"):
        around = "Remove it once no container is in it (docker network rm qdrant), or write qdrant_docker_network: host"
        found.refuse("network qdrant of Docker", f"{NOT_OURS}, and the node's has the same name", around)


def _guard(found: Judgement, guard: State, path: str) -> None:
    if guard.get("table") is False:
        around = "See it with nft list table inet hardened_qdrant; if nobody needs it, nft delete table inet hardened_qdrant"
        found.refuse("table inet hardened_qdrant", f"{NOT_OURS}, and would be replaced", around)
    if guard.get("file") is False:
        found.refuse(f"file {path}", f"{NOT_OURS}, and would be replaced", "Name another in qdrant_firewall_file, or move it away")
