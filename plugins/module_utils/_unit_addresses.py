# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one line of a unit that follows the inventory, ``IPAddressAllow=``, and how a running unit learns of it without a restart.

What the unit was told is in the record of its start, as ``addresses``: the gate writes it, and ``tell`` brings it up to date.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _secrets
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

# In gate.py as well, which stands alone on the node.
LINE = re.compile(rb"^IPAddressAllow=(.*)\n", re.MULTILINE)


def file_of(unit: str) -> str:
    return "/etc/systemd/system/" + unit


def drop_in_of(unit: str) -> str:
    """Where `systemctl set-property --runtime` keeps the addresses (systemd.unit(5))."""
    return "/run/systemd/system.control/%s.d/50-IPAddressAllow.conf" % unit


def of_file(path: str) -> list[str]:
    """The addresses in a unit's file; none where it has no such line, or cannot be read.

    They stand there as numbers: `systemctl set-property` does not know the words, such as localhost, that a file may use.
    """
    try:
        with open(path, "rb") as file:
            return [word for value in LINE.findall(file.read()) for word in value.decode("ascii", "replace").split()]
    except OSError:
        return []


def digest_without(path: str) -> str | None:
    """SHA-256 in hex of a unit's file but for its addresses, or None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(LINE.sub(b"", file.read())).hexdigest()
    except OSError:
        return None


def due(unit: str, state: t.Mapping[str, str], record: t.Mapping[str, t.Any]) -> bool:
    """Whether the running unit was told other addresses than its file's, or was told by a run that was killed before it cleaned up.

    ``state`` is what ``_node.unit_state`` returns, ``record`` the content of ``_node.RECORD``. False where the start was not recorded: that is a
    reason for a restart already.
    """
    if os.path.exists(drop_in_of(unit)):
        return True
    recorded = state.get("ActiveState") == "active" and record.get("invocation") == state.get("InvocationID")
    return recorded and record.get("addresses") != of_file(file_of(unit))


def tell(unit: str, state: t.Mapping[str, str], record: t.Mapping[str, t.Any], place: str, run: Run) -> None:
    """Make the addresses of the unit's file hold for the running unit, and write that to the record, a file at ``place``.

    :raises OSError: systemd refused, with its words.
    """
    wanted = of_file(file_of(unit))
    if state.get("ActiveState") == "active":
        # First the empty list, or else the new addresses would be added to the old ones. Both hold at once.
        _told(run, ["set-property", "--runtime", "--", unit, "IPAddressAllow=", "IPAddressAllow=" + " ".join(wanted)])
    # It was the way to tell, and would hide the unit's file from now on.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(drop_in_of(unit))
    with contextlib.suppress(OSError):  # others' drop-ins may be in there
        os.rmdir(os.path.dirname(drop_in_of(unit)))
    _told(run, ["daemon-reload"])
    if record.get("invocation") == state.get("InvocationID"):
        _secrets.replace(place, json.dumps({**record, "addresses": wanted}, indent=2))


def _told(run: Run, words: list[str]) -> None:
    code, _output, error = run(["systemctl", *words])
    if code != 0:
        raise OSError("systemctl %s: %s" % (words[0], error.strip()))
