# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's audit log: whether a request that was just made stands in it, who may read it, and how large it is.

Source: the settings ``audit``, and the lines of the log, JSON objects with timestamp, method, api, auth_type, subject, remote, tracing_id and result.
"""

from __future__ import annotations

import json
import os
import re
import secrets as random
import stat
import time
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _node, _read
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import process, ways
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json, Place
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

TIMER = "qdrant-audit.timer"
NAME = re.compile(r"audit\b.*\.log")
# Where a confined server has its data.
STORAGE = "/qdrant/storage/"
# An address of nobody's (RFC 5737). Whoever believes what a request says of its origin logs that.
FORGED = "203.0.113.113"
# Bytes at the end of a file in which a line of this moment is looked for, and seconds that the server's thread for it is given.
TAIL, PATIENCE, PAUSE = 1 << 20, 5.0, 0.1


def folder_of(place: Place, setting: str, run: Run) -> str:
    """Return the log's folder as this host sees it. ``setting`` is as the server sees it, in its own root and working directory."""
    if setting.startswith(STORAGE):
        return os.path.join(place.data_dir, setting[len(STORAGE) :])
    pid = process.main_pid(place, run)
    return os.path.normpath("/proc/%d/root%s" % (pid, setting)) if setting.startswith("/") else os.path.join("/proc/%d/cwd" % pid, setting)


def files(folder: str) -> dict[str, os.stat_result]:
    """Return the log's files by path, those that Qdrant would count as its own."""
    try:
        with os.scandir(folder) as entries:
            found = {entry.path: entry.stat(follow_symlinks=False) for entry in entries if NAME.fullmatch(entry.name)}
    except FileNotFoundError:
        return {}
    return {path: status for path, status in found.items() if stat.S_ISREG(status.st_mode)}


def line_with(folder: str, mark: str) -> Json | None:
    """Return the entry with a mark as its tracing id, near the end of the file that was written last; None where there is none."""
    there = files(folder)
    # Two: the hour may just have changed.
    for path in sorted(there, key=lambda path: there[path].st_mtime, reverse=True)[:2]:
        try:
            with _read.opened(path) as file:
                file.seek(max(0, there[path].st_size - TAIL))
                lines = file.read(2 * TAIL).splitlines()
        except OSError:
            continue  # removed meanwhile
        for line in reversed(lines):
            if mark.encode("ascii") in line:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict) and entry.get("tracing_id") == mark:
                    return entry
    return None


def own_request(rest: ways.Way, folder: str) -> Json:
    """Return what the log has of a request without a key that claims to come from elsewhere: whether it is ``found``, its ``remote``, and ``believed``."""
    mark = f"hardened-qdrant-{random.token_hex(12)}"
    ways.status(rest.rest("/collections", headers={"X-Request-ID": mark, "Forwarded": f"for={FORGED}", "X-Forwarded-For": FORGED}))
    deadline = time.monotonic() + PATIENCE
    entry = line_with(folder, mark)
    while entry is None and time.monotonic() < deadline:
        time.sleep(PAUSE)
        entry = line_with(folder, mark)
    remote = str((entry or {}).get("remote") or "")
    return {"found": entry is not None, "remote": remote, "believed": FORGED in remote}


def observe(place: Place, rest: ways.Way, run: Run, settings: t.Mapping[str, t.Any]) -> Json:
    """Return the state of the audit log. ``settings`` are those on disk, by dotted name."""
    timer = _node.unit_state(TIMER, run)
    found: Json = {"enabled": settings.get("audit.enabled") is True, "timer": timer.get("ActiveState") == "active" and timer.get("UnitFileState") == "enabled"}
    if not found["enabled"]:
        return found
    folder = folder_of(place, str(settings.get("audit.dir") or "./storage/audit"), run)
    own = own_request(rest, folder)
    there = files(folder)
    # Through a folder that is closed nobody comes to the files in it, whatever their modes are.
    closed = not there or not os.stat(folder).st_mode & 0o077
    return {
        **found,
        "folder": folder,
        "files": len(there),
        "bytes": sum(status.st_size for status in there.values()),
        "open_to_others": [] if closed else [folder, *sorted(path for path, status in there.items() if status.st_mode & 0o077)][:16],
        "own_request": own,
    }
