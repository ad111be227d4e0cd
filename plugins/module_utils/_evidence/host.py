# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the node stands on."""

from __future__ import annotations

import json
import os

from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json, Place
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run


def observe(place: Place, run: Run) -> Json:
    """Return the host's own state: its clock, its addresses, the room that is left for data and snapshots."""
    code, output, _error = run(["systemd-detect-virt", "--container"])
    container = code == 0 and output.strip() != "none"
    code, output, error = run(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    _code, addresses, _error = run(["ip", "-json", "address", "show", "scope", "global"])
    return {
        # A container has its host's, and nothing in there can set it.
        "own_clock": not container,
        "clock_synchronised": output.strip() == "yes" if code == 0 else "unknown: " + error.strip(),
        "addresses": sorted(entry["local"] for link in json.loads(addresses or "[]") for entry in link.get("addr_info", []) if "local" in entry),
        "room": {"data": room(place.data_dir), "snapshots": room(place.snapshots_dir)},
    }


def room(path: str) -> Json:
    """Return the room that is left for an unprivileged user, in bytes and in percent, of space and of inodes."""
    status = os.statvfs(path)
    inodes = 100.0 * status.f_favail / status.f_files if status.f_files else 100.0  # file systems without a fixed number say 0
    return {
        "free_bytes": status.f_bavail * status.f_frsize,
        "free_percent": round(100.0 * status.f_bavail / status.f_blocks, 1) if status.f_blocks else 0.0,
        "free_inodes_percent": round(inodes, 1),
    }
