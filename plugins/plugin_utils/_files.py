# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All files that are written on the controller, and those of them that are read: where nobody else can put something in their place.

The rule is that of sshd's StrictModes. Every folder from the root on belongs to root or to the user who runs this, and nobody else may write it. A folder
such as /tmp, in which others may make files but not replace ours (mode +t), may be on the way, but does not hold the file itself. A symlink on the way
is followed, by hand, if root or the running user made it, for whatever it leads through is judged as well. The file itself is none.

Folders are opened one from within the other and used by these descriptors, so what was judged is what is used, whatever becomes of its path.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import re
import secrets
import stat
import typing as t
from dataclasses import dataclass

# O_PATH, of Linux, opens a folder that may be passed but not listed.
FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LINKS = 40  # symlinks on the way of one path, as in Linux
# What is not whole yet. Ansible passes over names that begin with a dot, in inventories and in group_vars.
TEMPORARY = re.compile(r"\.hardened-qdrant\.[0-9a-f]{16}\.new")
ATTEMPTS = 8

Name = t.Union[str, "os.PathLike[str]"]


class FileError(Exception):
    """A file that is not written or not read; the message says which, what is wrong where, and the remedy."""


@dataclass(frozen=True)
class File:
    """A file that is there: its content, the bits of its mode, and why others could have written it; empty if they could not."""

    data: bytes
    mode: int
    problem: str = ""

    @property
    def private(self) -> bool:
        """Return whether it is its owner's alone, to read and to write."""
        return not self.problem and not self.mode & 0o077


def inside(folder: Name, name: str) -> str:
    """Return the path of a file in a folder, by a name that holds a host's. Raises FileError for a name that leads elsewhere."""
    if not name or name.startswith(".") or "/" in name or not name.isprintable():
        what = "%r is no name for a file in %s. It comes from the name of a host: name the host without / and control characters, and with no dot in front."
        raise FileError(what % (name, folder))
    return os.path.join(folder, name)


def look(path: Name) -> File | None:
    """Return a file, or None for none. Raises FileError for a symlink, for what is no file, and for a folder that others may write."""
    with _telling(path, "read") as (whole, folder, name):
        try:
            where = _walk(folder)
        except FileNotFoundError:
            return None
        with _closing(where):
            if not _regular(where, name, whole):
                return None
            # Whatever is there by now: a symlink is not followed, a pipe not waited for.
            with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=where), "rb") as file:
                seen = os.fstat(file.fileno())
                if not stat.S_ISREG(seen.st_mode):
                    raise FileError("it is no regular file. Name another path.")
                return File(file.read(), stat.S_IMODE(seen.st_mode), _problem(seen, whole, file.fileno()))


def read(path: Name) -> bytes | None:
    """Return the content of a file that nobody else may write, or None for none. Raises FileError as ``look`` does, and for a file that others may write."""
    found = look(path)
    if found is not None and found.problem:
        raise FileError(f"{_whole(path)} is not read: {found.problem}")
    return found.data if found else None


def write(path: Name, data: str | bytes, mode: int, folder_mode: int = 0o755) -> None:
    """Write a file, whole or not at all, and of this mode from the first byte; folders that are missing are made, with ``folder_mode`` within the umask.

    What a killed run left half-written in the folder is thrown away. Raises FileError as ``look`` does, and where writing fails.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    with _telling(path, "written") as (whole, folder, name):
        with _closing(_walk(folder, folder_mode)) as where:
            _regular(where, name, whole)
            _sweep(where)
            temporary, file = _temporary(where, mode)
            try:
                with open(file, "wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                    os.rename(temporary, name, src_dir_fd=where, dst_dir_fd=where)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=where)
                raise
            _sync(where)


def remove(path: Name) -> bool:
    """Remove a file; return whether there was one. Raises FileError as ``look`` does."""
    with _telling(path, "removed") as (whole, folder, name):
        try:
            where = _walk(folder)
        except FileNotFoundError:
            return False
        with _closing(where):
            if not _regular(where, name, whole):
                return False
            os.unlink(name, dir_fd=where)
            _sync(where)
            return True


# --- the way to a file --------------------------------------------------------------------------------------------------


def _whole(path: Name) -> str:
    return os.path.abspath(os.path.expanduser(os.fspath(path)))


@contextlib.contextmanager
def _telling(path: Name, done: str) -> t.Iterator[tuple[str, str, str]]:
    """Yield the whole path, its folder and its name. What goes wrong becomes one FileError with the path."""
    whole = _whole(path)
    folder, name = os.path.split(whole)
    try:
        if not name:
            raise FileError("it is a folder. Name a file.")
        yield whole, folder, name
    except FileError as error:
        raise FileError(f"{whole} is not {done}: {error}") from None
    except OSError as error:
        raise FileError(f"{whole} is not {done}: {error.strerror}. Mend that, or name another path.") from None
    except ValueError:
        raise FileError(f"{whole!r} is not {done}: no path has such characters. Name another path.") from None


@contextlib.contextmanager
def _closing(descriptor: int) -> t.Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _walk(path: str, make: int | None = None) -> int:
    """Return a descriptor of a folder, every folder on the way judged; with ``make`` those that are missing are made, with that mode.

    Raises FileNotFoundError where it is missing, FileError where others may write one.
    """
    waiting, here, links = _parts(path), "/", 0
    current = os.open("/", FOLDER)
    try:
        _judge(current, here, last=False)
        while waiting:
            name = waiting.pop()
            target = ""
            try:
                following = _enter(current, name, make)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise OSError(error.errno, f"{os.path.join(here, name)}: {error.strerror}") from None
                target, links = _target(current, name, os.path.join(here, name)), links + 1
                if links > LINKS:
                    raise FileError(f"{os.path.join(here, name)} is one of too many symlinks. Write the path that they lead to.") from None
                waiting += _parts(target)
                if not target.startswith("/"):
                    continue
                following, name = os.open("/", FOLDER), "/"
            os.close(current)
            current, here = following, os.path.normpath(os.path.join(here, name))
            _judge(current, here, last=False)
        _judge(current, here, last=True)
        return current
    except BaseException:
        os.close(current)
        raise


def _parts(path: str) -> list[str]:
    """Return a path's names, the last one first."""
    return [name for name in path.split("/") if name not in ("", ".")][::-1]


def _enter(current: int, name: str, make: int | None) -> int:
    """Return a descriptor of a folder in the current one. Raises OSError, for a symlink with ELOOP or ENOTDIR."""
    try:
        return os.open(name, FOLDER, dir_fd=current)
    except FileNotFoundError:
        if make is None:
            raise
    with contextlib.suppress(FileExistsError):  # another run may make the same at this moment
        os.mkdir(name, make, dir_fd=current)
        _sync(current)
    return os.open(name, FOLDER, dir_fd=current)


def _target(current: int, name: str, path: str) -> str:
    """Return where a symlink on the way leads. Raises FileError for one that another user made, and for what is neither a folder nor a symlink."""
    seen = os.stat(name, dir_fd=current, follow_symlinks=False)
    if not stat.S_ISLNK(seen.st_mode):
        raise FileError(f"{path} is no folder. Name another path.")
    if seen.st_uid not in _trusted():
        what = "%s is a symlink of %s, who could let it lead elsewhere. Write the path without it, or another one."
        raise FileError(what % (path, _user(seen.st_uid)))
    return os.readlink(name, dir_fd=current)


def _judge(descriptor: int, path: str, last: bool) -> None:
    """Raise FileError for a folder in which others could replace what is ours; for the ``last`` one also if they could only add to it."""
    seen = os.fstat(descriptor)
    if not last and seen.st_mode & stat.S_ISVTX and seen.st_uid in _trusted():
        return
    problem = _problem(seen, path, descriptor)
    if problem:
        raise FileError(problem)


def _regular(where: int, name: str, path: str) -> bool:
    """Return whether there is a file. Raises FileError for anything else, a symlink by its name."""
    try:
        mode = os.stat(name, dir_fd=where, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(mode):
        raise FileError(f"it is a symlink, to {os.readlink(name, dir_fd=where)}. Remove it, or write the path of a file.")
    if stat.S_ISDIR(mode):
        raise FileError("it is a folder. Name a file.")
    if not stat.S_ISREG(mode):
        raise FileError("it is no regular file. Name another path.")
    return True


# --- who may write --------------------------------------------------------------------------------------------------------


def _trusted() -> frozenset[int]:
    """Return root, the running user, and the user who became root by sudo to run this, and works in folders of his own."""
    by_sudo = os.environ.get("SUDO_UID", "") if os.geteuid() == 0 else ""
    return frozenset({0, os.geteuid(), *([int(by_sudo)] if by_sudo.isdecimal() else [])})


def _problem(seen: os.stat_result, path: str, descriptor: int) -> str:
    """Return why others than the trusted may write a file or folder, and the remedy; empty if they may not."""
    mode = f"{stat.S_IMODE(seen.st_mode):04o}"
    if seen.st_uid not in _trusted():
        return f"{path} belongs to {_user(seen.st_uid)}, who may write it. Give it to {_user(os.geteuid())} (chown), or name another path."
    if seen.st_mode & stat.S_IWOTH and seen.st_mode & stat.S_ISVTX:
        return f"{path} may be written by everyone (mode {mode}). Name a path in a folder of your own, such as one below it."
    if seen.st_mode & stat.S_IWOTH:
        return f"{path} may be written by everyone (mode {mode}). Take that away (chmod go-w {path}), or name another path."
    if seen.st_mode & stat.S_IWGRP and not (_own_group(seen.st_gid) and not _access_list(descriptor)):
        what = "%s may be written by the group %s (mode %s). Take that away (chmod g-w %s), or name another path."
        return what % (path, _group(seen.st_gid), mode, path)
    return ""


def _own_group(gid: int) -> bool:
    """Return whether a group is the trusted users' alone. Many systems give each user such a group, of the same name, and make files that it may write."""
    try:
        group = grp.getgrgid(gid)
        members = {pwd.getpwnam(name).pw_uid for name in group.gr_mem}
    except KeyError:
        return False
    members |= {user.pw_uid for user in pwd.getpwall() if user.pw_gid == gid}
    # Not all directories of users list theirs, so that nobody else is known to be in the group is not enough.
    named = gid == 0 or group.gr_name in {_user(uid) for uid in _trusted()}
    return named and bool(members) and members <= _trusted()


def _access_list(descriptor: int) -> bool:
    """Return whether a list of its own says who may write: then the group's bits in the mode stand for more than the group."""
    try:
        return bool(os.getxattr("/proc/self/fd/%d" % descriptor, "system.posix_acl_access"))
    except (AttributeError, OSError):  # another system than Linux, or no such list
        return False


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return "the user %d" % uid


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


# --- writing ----------------------------------------------------------------------------------------------------------------


def _temporary(where: int, mode: int) -> tuple[str, int]:
    """Return the name and the descriptor of a new file. It is locked for as long as somebody is writing it, so that it is not taken for a killed run's."""
    for _attempt in range(ATTEMPTS):
        name = f".hardened-qdrant.{secrets.token_hex(8)}.new"
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=where)
        try:
            os.fchmod(file, mode)  # whatever the umask is
            if _locked(file) and os.fstat(file).st_nlink:
                return name, file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # between making and locking it, another run swept it away
    raise FileError("other runs write there all the time. Try again.")


def _locked(file: int) -> bool:
    """Lock a file; return False if another one has it. Where files cannot be locked, none is swept away either."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _sweep(where: int) -> None:
    """Throw away what killed runs left half-written in a folder."""
    with _closing(os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=where)) as folder:
        names = [name for name in os.listdir(folder) if TEMPORARY.fullmatch(name)]
    for name in names:
        with contextlib.suppress(OSError):  # it is another run's, and whole by now
            with _closing(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=where)) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name, dir_fd=where)


def _sync(where: int) -> None:
    """Have a folder's names on the disk. Not every kind of file system can."""
    with contextlib.suppress(OSError):
        with _closing(os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=where)) as folder:
            os.fsync(folder)
