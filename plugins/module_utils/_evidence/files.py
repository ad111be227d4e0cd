# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns and may read what, and which releases are there."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _node
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json, Place
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run


def file(path: str) -> Json:
    """Return one file or folder: owner, group, mode in octal, kind. No digest: it would be one of secrets, too."""
    state = _node.path_state(path)
    if state is None:
        return {"path": path, "exists": False}
    return {"path": path, "exists": True, **{name: value for name, value in state.items() if name != "sha256"}}


def way(path: str) -> list[str]:
    """Return a path and all folders on its way, from the root."""
    parts = [path]
    while parts[-1] != "/":
        parts.append(os.path.dirname(parts[-1]))
    return parts[::-1]


def changeable(paths: t.Iterable[str]) -> list[str]:
    """Return the paths, and the folders on their ways, that someone else than root may change."""
    found = []
    for path in sorted({step for given in paths for step in way(os.path.realpath(given))}):
        status = os.stat(path)
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_uid != 0 or (status.st_mode & 0o022 and not sticky):
            found.append(path)
    return found


def observe(place: Place) -> Json:
    """Return owner, group and mode of the files."""
    tls = {name: file(os.path.join(place.tls, name)) for name in ("tls.key", "tls.crt", "ca.crt")}
    names = [os.path.join(place.install_dir, "root/etc", name) for name in ("hosts", "nsswitch.conf")]
    trusted = [place.layout.unit_file, place.layout.config, place.layout.outbound, *names, place.secrets]
    trusted += [os.path.join(place.layout.current, "qdrant"), os.path.join(place.tls, "tls.key")]
    if place.in_container:
        trusted += [place.layout.seccomp, os.path.join(place.layout.current, "release.json"), "/etc/docker/daemon.json"]
    libexec = os.path.join(place.install_dir, "libexec")
    if os.path.isdir(libexec):
        trusted += [os.path.join(libexec, name) for name in os.listdir(libexec)]
    return {
        "config": file(place.layout.config),
        "secrets": file(place.secrets),
        "tls": tls,
        "tls_dir": file(os.path.join(place.config_dir, "tls")),
        "data": file(place.data_dir),
        "snapshots": file(place.snapshots_dir),
        "changeable_by_others": changeable(path for path in trusted if os.path.exists(path)),
    }


def release(place: Place, run: Run) -> Json:
    """Return the installed releases, and whether the one in use is what was verified at its installation."""
    current = os.path.basename(os.path.realpath(place.layout.current))
    found = {entry.name: entry for entry in _node.releases(place.layout, run)}
    entry = found.get(current)
    image = entry.image_id if entry else None
    return {
        "current": current,
        "intact": bool(entry and entry.intact),
        "image_id": image,
        "version": entry.version if entry else None,
        "others": sorted(set(found) - {current}),
    }
