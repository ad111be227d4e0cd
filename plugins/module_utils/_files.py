# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How files get onto a host: compared first, then all that differ in one step.

A file is written beside its place, with its owner and mode from the first byte, and on disk before it is renamed: readers see the old file or the new
one. Of several, all are written before the first is renamed, so a run that is killed leaves the old state, or the new one but for the milliseconds
between the renames.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import stat
import tempfile
import typing as t
from dataclasses import dataclass

from ansible_collections.hardened.qdrant.plugins.module_utils import _digests, _read

FOLDER, FILE, LINK, ABSENT = "folder", "file", "link", "absent"
SUFFIX = ".hardened-qdrant"  # of files that are being written; systemd and others read none with it
SHOWN = 256 << 10  # bytes of a file that a diff shows


class FilesError(Exception):
    """Something that cannot be written as it is wanted. The message says what, and what to do."""


@dataclass(frozen=True)
class Entry:
    """A path and what it should be.

    ``content`` of a file; None where it is known by ``salt`` and ``digest`` alone (_digests). ``target`` of a link, or ``staged``, the link that is
    to take its place where there is one. ``secret``: no diff shows the content.
    """

    path: str
    kind: str = FILE
    owner: str | None = "root"
    group: str | None = "root"
    mode: str | None = "0644"
    content: bytes | None = None
    salt: str = ""
    digest: str = ""
    target: str = ""
    staged: str = ""
    secret: bool = False


def _id(database: t.Callable[[str], t.Any], name: str, position: int) -> int | None:
    """Return a user's or group's number (pwd.getpwnam, grp.getgrnam); None where there is none."""
    try:
        return int(database(name)[position])
    except KeyError:
        return None


def owners(entry: Entry) -> tuple[int, int]:
    """Return the numbers of an entry's user and group; -1 for one that is not wanted.

    :raises FilesError: there is no such user or group.
    """
    found = []
    for kind, name, database, position in (("user", entry.owner, pwd.getpwnam, 2), ("group", entry.group, grp.getgrnam, 2)):
        number = -1 if name is None else _id(database, name, position)
        if number is None:
            raise FilesError(f"{entry.path} is to belong to the {kind} {name}, and there is none")
        found.append(number)
    return found[0], found[1]


def differences(entry: Entry) -> list[str]:
    """Return what of a path is not as it should be: ``missing`` alone, or some of ``kind``, ``content``, ``owner``, ``group``, ``mode``, ``target``.

    ``unwanted`` alone where there should be nothing.
    """
    try:
        status = os.lstat(entry.path)
    except OSError:
        return [] if entry.kind == ABSENT or (entry.staged and not os.path.lexists(entry.staged)) else ["missing"]
    if entry.kind == ABSENT:
        return ["unwanted"]
    if entry.kind == LINK:
        return _link_differences(entry, status)
    if entry.kind == FOLDER and stat.S_ISLNK(status.st_mode):
        status = _led_to(entry.path, status)
    if not (stat.S_ISDIR(status.st_mode) if entry.kind == FOLDER else stat.S_ISREG(status.st_mode)):
        return ["kind"]
    wrong = [] if entry.kind == FOLDER or has_content(entry, entry.path) else ["content"]
    for name, database, wanted, number in (("owner", pwd.getpwnam, entry.owner, status.st_uid), ("group", grp.getgrnam, entry.group, status.st_gid)):
        if wanted is not None and _id(database, wanted, 2) != number:
            wrong.append(name)
    if entry.mode is not None and stat.S_IMODE(status.st_mode) != int(entry.mode, 8):
        wrong.append("mode")
    return wrong


def _link_differences(entry: Entry, status: os.stat_result) -> list[str]:
    if entry.staged:
        return ["target"] if os.path.islink(entry.staged) else []
    if not stat.S_ISLNK(status.st_mode):
        return ["kind"]
    return [] if os.readlink(entry.path) == entry.target else ["target"]


def _led_to(path: str, link: os.stat_result) -> os.stat_result:
    """Return what a link leads to in a folder's place: an administrator may keep data elsewhere.

    :raises FilesError: it is not root's link, so it could lead anywhere tomorrow.
    """
    if link.st_uid != 0 and link.st_uid != os.geteuid():
        raise FilesError("%s is a link that the user number %d made, not root. Look at what it leads to, and remove it or make it root's" % (path, link.st_uid))
    try:
        return os.stat(path)
    except OSError:
        raise FilesError(f"{path} is a link to {os.readlink(path)}, and there is nothing. Mount or make what belongs there, or remove the link") from None


def has_content(entry: Entry, path: str) -> bool:
    """Return whether a file, the entry's or another one, has the content that is wanted of the entry."""
    try:
        found = _read.content(path)
    except OSError:
        return False
    return found == entry.content if entry.content is not None else _digests.same(found, entry.salt, entry.digest)


def text(path: str) -> str:
    """Return a file's text for a diff; empty where there is none, and a word for one that is none or is long."""
    try:
        found = _read.content(path, SHOWN)
    except FileNotFoundError:
        return ""
    except OSError:
        return "(not shown: long, or no file)\n"
    return found.decode("utf-8", "replace")


# --- writing -----------------------------------------------------------------------------------------------------------


def apply(entries: t.Sequence[Entry]) -> None:
    """Make paths what they should be. What is there already is written again, so hand over the entries that differ.

    :raises FilesError: one cannot be what it should be; then no file was changed.
    :raises OSError: the system refused.
    """
    for entry in entries:
        if entry.kind == FOLDER:
            _make_folder(entry)
    drafts: list[tuple[str, str]] = []
    try:
        for entry in entries:
            if entry.kind == FILE:
                if entry.content is None:
                    raise FilesError(f"the content of {entry.path} was not sent")
                drafts.append((draft(entry.path, entry.content, int(entry.mode or "0644", 8), *owners(entry)), entry.path))
            elif entry.kind == LINK and not entry.staged:
                drafts.append((_draft_link(entry), entry.path))
        for entry in entries:
            if entry.kind == LINK and entry.staged:
                drafts.append((entry.staged, entry.path))
        for temporary, path in drafts:
            os.replace(temporary, path)
    except BaseException:
        for temporary, _path in drafts:
            if temporary.endswith(SUFFIX):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
        raise
    for folder in sorted({os.path.dirname(path) for _temporary, path in drafts}):
        sync(folder)


def remove(entries: t.Sequence[Entry]) -> None:
    """Remove what should not be there. Files and links alone: a folder is somebody's."""
    for entry in entries:
        if entry.kind == ABSENT:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry.path)


def _make_folder(entry: Entry) -> None:
    """Make a folder, or give it its owner and mode. It is nobody else's from its first moment on, and what is made above it is root's."""
    user, group = owners(entry)
    made = not os.path.lexists(entry.path)
    if made:
        above = os.path.dirname(entry.path)
        if not os.path.isdir(above):
            _make_folder(Entry(above, FOLDER, owner=None, group=None, mode="0755"))
        os.mkdir(entry.path, 0o700)
    elif os.path.islink(entry.path):
        _led_to(entry.path, os.lstat(entry.path))
    if not os.path.isdir(entry.path):
        raise FilesError(f"{entry.path} is no folder. Move it away")
    handle = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fchown(handle, user, group)
        if entry.mode is not None or made:
            os.fchmod(handle, int(entry.mode or "0755", 8))
    finally:
        os.close(handle)


def draft(path: str, content: bytes, mode: int = 0o600, user: int = -1, group: int = -1) -> str:
    """Write a file beside its place, with owner and mode from the first byte, and on disk; return its path.

    What killed runs left beside it is removed.
    """
    _forget_drafts(path)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.", suffix=SUFFIX)
    try:
        with os.fdopen(handle, "wb") as file:  # mkstemp made it 0600, owned by us
            os.fchown(file.fileno(), user, group)
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(temporary)
        raise
    return temporary


def atomic_write(path: str, content: bytes, mode: int = 0o600, user: int = -1, group: int = -1) -> None:
    """Put a file in its place in one step: readers see the old one or the new one, and no moment of a wider mode."""
    temporary = draft(path, content, mode, user, group)
    try:
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync(os.path.dirname(path))


def _draft_link(entry: Entry) -> str:
    if os.path.isdir(entry.path) and not os.path.islink(entry.path):
        raise FilesError(f"{entry.path} is a folder, and should be a link. Move it away")
    _forget_drafts(entry.path)
    temporary = os.path.join(os.path.dirname(entry.path), f".{os.path.basename(entry.path)}.link{SUFFIX}")
    os.symlink(entry.target, temporary)
    return temporary


def _forget_drafts(path: str) -> None:
    """Remove what runs that were killed left beside a path."""
    name = re.compile(rf"\.{re.escape(os.path.basename(path))}\.\w+{re.escape(SUFFIX)}")
    folder = os.path.dirname(path)
    for found in filter(name.fullmatch, os.listdir(folder)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, found))


def sync(folder: str) -> None:
    """Have a folder's entries on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
