# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep Qdrant's audit log within a number of bytes, and hand its lines to the journal. Run by qdrant-audit.timer.

Qdrant bounds the number of its files and not their size, and writes into files alone. Standard output is the log's lines, standard error what this program
has to say of itself.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import stat
import sys

NAME = re.compile(r"audit\b.*\.log")
BLOCK = 1 << 20
# Levels of the journal, as sd-daemon(3) has them before a line.
CRITICAL, WARNING = "<2>", "<4>"


def say(level: str, text: str) -> None:
    """Tell the journal something of this program's own."""
    print(level + text, file=sys.stderr, flush=True)


def files(folder: str) -> list[tuple[str, os.stat_result]]:
    """Return the log's files with their state, the one that was written last at the end."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.path, entry.stat(follow_symlinks=False)) for entry in entries if NAME.fullmatch(entry.name)]
    except FileNotFoundError:
        return []  # the server was never started with an audit log
    return sorted((entry for entry in found if stat.S_ISREG(entry[1].st_mode)), key=lambda entry: (entry[1].st_mtime_ns, entry[0]))


def opened(path: str, flags: int) -> int:
    """Return a file's descriptor. The server owns the folder: what it may have put in the file's place is not followed."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def trim(folder: str, most: int) -> None:
    """Remove the oldest files until the log fits. The file that is being written is emptied only where it alone does not fit: the server goes on in it."""
    there = files(folder)
    total = sum(status.st_size for _path, status in there)
    for path, status in there[:-1]:
        if total <= most:
            return
        os.unlink(path)
        total -= status.st_size
        say(WARNING, "removed %s, %d bytes: the audit log had more than %d" % (os.path.basename(path), status.st_size, most))
    if total > most:
        path = there[-1][0]
        descriptor = opened(path, os.O_WRONLY)
        try:
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)
        say(CRITICAL, "emptied %s: it alone had %d bytes, and %d is the most" % (os.path.basename(path), total, most))


def forward(folder: str, state: str, output: object) -> None:
    """Write the lines that came since the last run. ``state`` is a file that keeps how far each file was read, by inode.

    At the first run what is there already is left out: it may be a month's.
    """
    try:
        with open(state, encoding="utf-8") as file:
            read = json.load(file)
    except FileNotFoundError:
        read = None
    except ValueError:
        read = None
        say(WARNING, "%s is no JSON: beginning anew, with the lines from now on" % state)
    positions = {}
    for path, status in files(folder):
        inode = str(status.st_ino)
        position = status.st_size if read is None else read.get(inode, 0)
        if position > status.st_size:
            position = 0  # it was emptied
        positions[inode] = lines_from(path, position, output)
    output.flush()
    new = state + ".new"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(positions, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, state)


def lines_from(path: str, position: int, output: object) -> int:
    """Write a file's whole lines from a position on, and return the position after the last of them."""
    with open(opened(path, os.O_RDONLY), "rb") as file:
        file.seek(position)
        left = b""
        for block in iter(lambda: file.read(BLOCK), b""):
            whole, newline, left = (left + block).rpartition(b"\n")
            output.write(whole + newline)
            position += len(whole + newline)
    return position


def main() -> int:
    """Hand the lines on, then make room: what is removed was handed on before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, required=True, help="bytes")
    parser.add_argument("--state", help="a file; with it, lines are handed on")
    parser.add_argument("folder")
    arguments = parser.parse_args()
    if arguments.state:
        forward(arguments.folder, arguments.state, sys.stdout.buffer)
    trim(arguments.folder, arguments.most)
    return 0


if __name__ == "__main__":
    sys.exit(main())
