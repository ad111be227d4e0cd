# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand settings and certificates over to the proxy, as root, when its unit starts or is reloaded.

The process gets copies in memory, which its group may read: on disk they are root's alone. A set of copies is complete before it gets a
name, and ``current`` is a symlink that is replaced in one step. So a reload goes from one whole set to the next, and what is broken never
becomes ``current``. The copies also say what the process was given, for whoever compares it with the disk.

    stage.py start UNIT USER CONFIG_DIR BINARY                  a first set, and what does not change while the process lives
    stage.py next UNIT USER CONFIG_DIR BINARY                   the set that a reload tries
    stage.py use UNIT USER CONFIG_DIR BINARY MAIN_PID SECONDS   make it the current one, and wait until nobody works by the one before

The last step waits since nginx answers a reload at once, while workers of before may go on: with requests that take long, and with a connection
of HTTP/2 whose handshake was under way, which nginx before 1.27.1 does not tell to end. They trust whom the set before trusted.
"""

from __future__ import annotations

import grp
import os
import shutil
import signal
import sys
import tempfile
import time

RUN = "/run/qdrant-proxy"
NEEDED = ("nginx.conf", "upstream-ca.crt", "tls/current/tls.crt", "tls/current/tls.key", "tls/current/ca.crt")
OPTIONAL = ("client-ca.crt",)


def place(source: str, target: str, group: int) -> None:
    """Make a copy that the group may read and nobody may write."""
    with open(source, "rb") as file:
        content = file.read()
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(handle, "wb") as file:
        os.fchown(handle, 0, group)
        os.fchmod(handle, 0o440)
        file.write(content)


def folder(group: int) -> str:
    """Return a new folder in the run's."""
    path = tempfile.mkdtemp(prefix="set-", dir=RUN)
    os.chown(path, 0, group)
    os.chmod(path, 0o750)
    return path


def link(name: str, target: str) -> None:
    """Make a symlink that replaces another in one step."""
    temporary = os.path.join(RUN, "." + name)
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink(os.path.basename(target), temporary)
    os.replace(temporary, os.path.join(RUN, name))


def tidy() -> None:
    """Remove the sets that nothing points to."""
    kept = {os.path.basename(os.path.realpath(os.path.join(RUN, name))) for name in ("current", "next")}
    for name in os.listdir(RUN):
        if name.startswith("set-") and name not in kept:
            shutil.rmtree(os.path.join(RUN, name))


def make_set(config_dir: str, group: int) -> str:
    """Return a whole set of copies; the path of its folder."""
    path = folder(group)
    for name in NEEDED + tuple(name for name in OPTIONAL if os.path.exists(os.path.join(config_dir, name))):
        place(os.path.join(config_dir, name), os.path.join(path, os.path.basename(name)), group)
    return path


def record(unit: str, binary: str, group: int) -> None:
    """Record a process's unit and program, which it keeps for its whole life."""
    path = os.path.join(RUN, "started")
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path, 0o750)
    os.chown(path, 0, group)
    place(os.path.join("/etc/systemd/system", unit), os.path.join(path, "unit"), group)
    place(binary, os.path.join(path, "nginx"), group)


def workers(main_pid: int) -> set[tuple[int, int]]:
    """Return the children of nginx's main process, each with the time at which it started: numbers of processes are used again."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    # What follows the name in brackets, which may hold anything: state, parent, ..., and the start as the 22nd of all.
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            if int(fields[1]) == main_pid and fields[0] != "Z":
                found.add((int(name), int(fields[19])))
    return found


def replace(main_pid: int, seconds: int) -> None:
    """Have nginx take the next set, and wait until the workers of the one before have ended. If they do not, that one remains the current.

    :raises TimeoutError: they did not end in so many seconds.
    """
    current = os.path.realpath(os.path.join(RUN, "current"))
    before = workers(main_pid)
    deadline = time.monotonic() + seconds
    link("current", os.path.realpath(os.path.join(RUN, "next")))
    os.kill(main_pid, signal.SIGHUP)
    while before & workers(main_pid):
        if time.monotonic() > deadline:
            link("current", current)
            raise TimeoutError(0, "after %d s workers of nginx still go by the settings of before" % seconds, current)
        time.sleep(0.05)


def main(arguments: list[str]) -> int:
    """Run a step of the unit (``start``, ``next``, or the switch to the next set); return 1 if it failed, with the reason in the journal."""
    step, unit, user, config_dir, binary, *running = arguments
    group = grp.getgrnam(user).gr_gid
    try:
        os.makedirs(RUN, mode=0o750, exist_ok=True)
        os.chown(RUN, 0, group)
        os.chmod(RUN, 0o750)
        if step == "start":
            record(unit, binary, group)
            link("current", make_set(config_dir, group))
        elif step == "next":
            link("next", make_set(config_dir, group))
        else:
            replace(*map(int, running))
        tidy()
    except OSError as error:
        print(f"stage: {error.filename or RUN}: {error.strerror}. Run hardened.qdrant.proxy.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
