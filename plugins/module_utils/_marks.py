# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which things of a host the collection made itself, by marks that it writes with them or before them.

A run that was killed after any of its steps left nothing without a mark but what is empty, or what lies under a name that comes before the mark.
Nothing here changes the host or has an opinion, and no text of a file is returned: what others wrote into a unit or a setting may be secret.
"""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _firewall, _read, _unit_addresses
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

Json = dict[str, t.Any]

# Lines of units that have stood in them since their first release; one of them is enough, so that a unit that somebody changed stays ours, and is mended.
UNITS: dict[str, tuple[str, ...]] = {
    "qdrant.service": ("/libexec/gate.py ", "/run/hardened-qdrant/", "LoadCredential=secrets.yaml:"),
    "qdrant-firewall.service": ("Description=Firewall of Qdrant's ports",),
    "qdrant-expiry.service": ("Description=How long Qdrant's certificates are valid",),
    "qdrant-expiry.timer": ("Description=When to look how long Qdrant's certificates are valid",),
    "qdrant-audit.service": ("Description=Bound of Qdrant's audit log",),
    "qdrant-audit.timer": ("Description=When to look how large Qdrant's audit log is",),
    "qdrant-proxy.service": ("/libexec/stage.py ", "RuntimeDirectory=qdrant-proxy-work"),
}

# Folders by kind. BEFORE: what lies in one before its mark does. MARKED: files in it, and words of theirs that make it ours.
BEFORE: dict[str, frozenset[str]] = {
    "install": frozenset(("libexec", "root", "settings", "expiry")),
    "config": frozenset(("upstream-ca.crt", "client-ca.crt")),
    "data": frozenset(),
    "snapshots": frozenset(),
    "expiry": frozenset(("expiry.py", "_certificate.py", "_wire.py", "__pycache__", "root")),
}
AUTHORS = "The hardened.qdrant authors"
MARKED: dict[str, dict[str, str]] = {
    "install": {"libexec/gate.py": AUTHORS, "libexec/stage.py": AUTHORS},
    "config": {
        "config.yaml": "# Settings of this node, none of them secret. Keys are in secrets.yaml",
        "nginx.conf": "# Relative paths are those beside this file, in the set of copies that the unit makes.",
    },
    # The unit has the server write it there, from its first start on; others' have it beside their program.
    "data": {".qdrant-initialized": ""},
}
# What a file system brings itself, and what a killed run's modules leave.
NOTHING = re.compile(r"lost\+found|\.ansible_tmp.*")
SHOWN = 5  # names of what lies in a folder

# A container and its network, in container.py as well, which stands alone on the node.
NAME = "qdrant"
LABEL = "hardened.qdrant"
FILES = "/run/hardened-qdrant/container/"
BRIDGE = "qdrant0"


def text_of(path: str | None) -> str:
    """Return a file's text; empty where there is none."""
    try:
        return _read.text(path or "")
    except OSError:
        return ""


# --- units -------------------------------------------------------------------------------------------------------------


def is_own_unit(unit: str, text: str) -> bool:
    """Return whether a unit's text holds one of its marks, comments aside."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("#", ";"))]
    return any(mark in line for mark in UNITS.get(unit, ()) for line in lines)


def unit(name: str, fragment: str) -> Json:
    """Return {path, own, masked} of a unit. ``fragment`` is what systemd loaded, where nothing lies at the place that the collection writes to.

    A file that is gone is no unit, though systemd may not have been told yet.
    """
    path = next((place for place in (_unit_addresses.file_of(name), fragment) if os.path.lexists(place)), None)
    return {
        "path": path,
        "own": is_own_unit(name, text_of(path)),
        "masked": path is not None and os.path.realpath(path) == os.devnull,
    }


def own_text(unit_name: str) -> str:
    """Return the text of a unit of the collection's own; empty for any other."""
    text = text_of(_unit_addresses.file_of(unit_name))
    return text if is_own_unit(unit_name, text) else ""


def names_path(text: str, path: str) -> bool:
    """Return whether a unit names a folder of the host, or something in it. What stands behind these signs are the server's names for folders."""
    return re.search(rf"(?<![\w/.:+-])(?<!dst=)(?<!_PATH=){re.escape(path)}(?=[/:\s,]|$)", text, re.MULTILINE) is not None


def names_user(text: str, user: str) -> bool:
    """Return whether a unit runs its server as a user."""
    return re.search(rf"(?:^User=|--user=){re.escape(user)}(?=\s|$)", text, re.MULTILINE) is not None


# --- folders -----------------------------------------------------------------------------------------------------------


def folder(kind: str, path: str, text: str, further: str = "") -> Json | None:
    """Return {path, own, folder, others} of a folder, or None where there is nothing.

    ``text`` is that of the collection's unit; ``further`` is a path that the collection writes before its mark. ``others`` are the first names of what it did
    not put there before its mark.
    """
    if not os.path.lexists(path):
        return None
    try:
        names = [name for name in sorted(os.listdir(path)) if not NOTHING.fullmatch(name)]
    except OSError:  # a file, or a link to nothing
        return {"path": path, "folder": False, "own": False, "others": []}
    marked = any(os.path.isfile(os.path.join(path, name)) and words in text_of(os.path.join(path, name)) for name, words in MARKED.get(kind, {}).items())
    others = [name for name in names if not _comes_before(kind, path, name, further)]
    # All that lies in a folder of the kind expiry is named here; it needs no mark.
    own = marked or names_path(text, path) or (kind == "expiry" and not others)
    return {"path": path, "folder": True, "own": own, "others": others[:SHOWN]}


def _comes_before(kind: str, path: str, name: str, further: str) -> bool:
    """Return whether the collection makes something of this name in a folder before the folder's mark."""
    if kind == "config" and name == "tls":
        try:
            inside = os.listdir(os.path.join(path, name))
        except OSError:
            return False
        return not inside or "generations" in inside
    own, file = os.path.split(further)
    if further and own == path and (name == file or name.startswith(f".{file}.")):
        return True
    return name in BEFORE[kind]


# --- the firewall ------------------------------------------------------------------------------------------------------


def guard(table: str, path: str, run: Run) -> Json:
    """Return whether table and file of the guard are the collection's: {table, file}, null for what is not there."""
    text = _firewall.read(path)
    try:
        live = _firewall.listing(table, run)
    except OSError:  # there is no nft yet
        live = ""
    return {
        "table": _firewall.is_own_table(live, text) if live else None,
        "file": _firewall.is_own_file(table, path, text) if os.path.lexists(path) else None,
    }


# --- containers --------------------------------------------------------------------------------------------------------


def is_own_container(found: Json) -> bool:
    """Return whether the unit made a container: by its label, or, before there was one, by what is mounted into it."""
    labels = (found.get("Config") or {}).get("Labels") or {}
    return LABEL in labels or any(str(mount.get("Source", "")).startswith(FILES) for mount in found.get("Mounts") or [])


def is_own_network(found: Json) -> bool:
    """Return whether the unit made a network: by its label, or, before there was one, by its interface on the host."""
    return LABEL in (found.get("Labels") or {}) or (found.get("Options") or {}).get("com.docker.network.bridge.name") == BRIDGE


def containers(run: Run) -> Json:
    """Return the engine's container and network of the collection's name: {container, network}, null for what is not there.

    :raises OSError: the engine does not say.
    """
    found = _named(run, "container", ["ps", "--all", "--no-trunc", "--format", "table {{.ID}}\t{{.Names}}"])
    networks = _named(run, "network", ["network", "ls", "--no-trunc", "--format", "table {{.ID}}\t{{.Name}}"])
    container = None
    if found:
        container = {
            "id": str(found[0].get("Id", "")),
            "own": is_own_container(found[0]),
            "image": str((found[0].get("Config") or {}).get("Image", "")),
            "removes_itself": bool((found[0].get("HostConfig") or {}).get("AutoRemove")),
        }
    return {"container": container, "network": {"own": all(map(is_own_network, networks))} if networks else None}


def _named(run: Run, kind: str, listing: list[str]) -> list[Json]:
    """Return all of one kind that have the collection's name; a table has a head, so that none is not the same as no answer."""
    code, output, error = run(["docker", *listing])
    if code != 0 or not output.strip():
        raise OSError("docker {}: {}".format(listing[0], error.strip() or "no answer"))
    rows = [line.split() for line in output.splitlines()[1:]]
    ids = [row[0] for row in rows if len(row) > 1 and NAME in row[1].split(",")]
    if not ids:
        return []
    code, output, error = run(["docker", kind, "inspect", *ids])
    if code != 0:
        raise OSError("docker {} inspect: {}".format(kind, error.strip() or "no answer"))
    found: list[Json] = json.loads(output)
    return found
