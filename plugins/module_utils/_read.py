# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How files are read that somebody else than root may have put there: without waiting for whoever did, and up to a limit.

Opening a FIFO waits for a writer, opening some devices does something, and a file with a lease (fcntl(2)) waits for its holder.
"""

from __future__ import annotations

import errno
import os
import stat
import typing as t

LIMIT = 16 << 20  # bytes; settings, units and certificates have thousands
LARGEST = 4 << 30  # bytes of a program


def opened(path: str) -> t.BinaryIO:
    """Return a regular file, open for reading. Links are followed.

    :raises OSError: there is none, or something else is in its place.
    """
    # What only names a file opens nothing, so that one can look first; and what was looked at is what is opened.
    name = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(name).st_mode):
            raise OSError(errno.EINVAL, "it is no file, but something else", path)
        return os.fdopen(os.open("/proc/self/fd/%d" % name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    finally:
        os.close(name)


def content(path: str, limit: int = LIMIT) -> bytes:
    """Return all of a regular file.

    :raises OSError: there is none, or it is longer than ``limit`` bytes.
    """
    with opened(path) as file:
        found = file.read(limit + 1)
    if len(found) > limit:
        raise OSError("%s is longer than %d bytes" % (path, limit))
    return found


def text(path: str, limit: int = LIMIT) -> str:
    """Return the same as text; what is no UTF-8 is replaced."""
    return content(path, limit).decode("utf-8", "replace")
