# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one line of a unit that follows the inventory, ``IPAddressAllow=``, and how a running unit learns of it without a restart.

What the unit was told is kept where its start was recorded, and brought up to date there: of Qdrant as ``addresses`` in ``_node.RECORD``, which the
gate writes, of a proxy in the copy of the unit's file that it was started with.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _files, _read
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

# In gate.py as well, which stands alone on the node.
LINE = re.compile(rb"^IPAddressAllow=(.*)\n", re.MULTILINE)


def file_of(unit: str) -> str:
    return "/etc/systemd/system/" + unit


def drop_in_of(unit: str) -> str:
    """Return where `systemctl set-property --runtime` keeps the addresses (systemd.unit(5))."""
    return f"/run/systemd/system.control/{unit}.d/50-IPAddressAllow.conf"


def of_text(text: bytes) -> list[str]:
    """Return the addresses in the text of a unit; none where it has no such line.

    They stand there as numbers: `systemctl set-property` does not know the words, such as localhost, that a file may use.
    """
    return [word for value in LINE.findall(text) for word in value.decode("ascii", "replace").split()]


def of_file(path: str) -> list[str]:
    """Return the addresses in a unit's file; none where it has no such line, or cannot be read."""
    try:
        return of_text(_read.content(path))
    except OSError:
        return []


def digest_of(text: bytes) -> str:
    """Return the SHA-256 in hex of a unit's text but for its addresses."""
    return hashlib.sha256(LINE.sub(b"", text)).hexdigest()


def digest_without(path: str) -> str | None:
    """Return the same of a unit's file, or None where it cannot be read."""
    try:
        return digest_of(_read.content(path))
    except OSError:
        return None


def told_of_record(state: t.Mapping[str, str], record: t.Mapping[str, t.Any]) -> list[str] | None:
    """Return the running unit's addresses by a record, the content of ``_node.RECORD``. None if its start was not recorded: a reason for a restart already."""
    return (record.get("addresses") or []) if record and record.get("invocation") == state.get("InvocationID") else None


def due(unit: str, state: t.Mapping[str, str], told: list[str] | None, wanted: list[str] | None = None) -> bool:
    """Return whether the running unit was told other addresses than the wanted ones, or was told by a run that was killed before it cleaned up.

    ``state`` is what ``_node.unit_state`` returns, ``told`` what it was told, None where nobody knows; ``wanted`` are those of its file where it is None.
    """
    if os.path.exists(drop_in_of(unit)):
        return True
    addresses = of_file(file_of(unit)) if wanted is None else wanted
    return state.get("ActiveState") == "active" and told is not None and told != addresses


def tell(unit: str, state: t.Mapping[str, str], run: Run) -> None:
    """Make the addresses of the unit's file hold for the running unit.

    :raises OSError: systemd refused, with its words.
    """
    if state.get("ActiveState") == "active":
        # First the empty list, or else the new addresses would be added to the old ones. Both hold at once.
        wanted = " ".join(of_file(file_of(unit)))
        _told(run, ["set-property", "--runtime", "--", unit, "IPAddressAllow=", "IPAddressAllow=" + wanted])
    # It was the way to tell, and would hide the unit's file from now on.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(drop_in_of(unit))
    with contextlib.suppress(OSError):  # others' drop-ins may be in there
        os.rmdir(os.path.dirname(drop_in_of(unit)))
    _told(run, ["daemon-reload"])


def put_into_file(path: str, addresses: list[str]) -> None:
    """Write addresses into a unit's file, and leave all else of it as it is: what else changes is taken into use with a restart."""
    before = _read.content(path)
    after = _with(before, addresses)
    if after != before:
        status = os.stat(path)
        _files.atomic_write(path, after, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def note_in_record(path: str, record: t.Mapping[str, t.Any], addresses: list[str]) -> None:
    """Write down in a record of a start what the unit was told since."""
    _files.atomic_write(path, json.dumps({**record, "addresses": addresses}, indent=2).encode("utf-8"))


def note_in_copy(path: str, addresses: list[str]) -> None:
    """Write down in a copy of the unit's file what the unit was told since."""
    _files.atomic_write(path, _with(_read.content(path), addresses))


def _with(text: bytes, addresses: list[str]) -> bytes:
    line = b"IPAddressAllow=%s\n" % " ".join(addresses).encode("ascii")
    return LINE.sub(lambda _match: line, text)


def _told(run: Run, words: list[str]) -> None:
    code, _output, error = run(["systemctl", *words])
    if code != 0:
        raise OSError(f"systemctl {words[0]}: {error.strip()}")
