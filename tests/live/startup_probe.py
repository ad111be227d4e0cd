# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a node, as root, and goes where the server is: into its namespaces, its root and its user. Reads there what it was asked for.

python3 - PATH ... <startup_probe.py     {NAME} in a path stands for that variable of the server's environment

Prints {PATH: {"text": beginning of the file}} or {PATH: {"error": why it cannot be read}} as JSON.
"""

import ctypes
import json
import os
import re
import sys

LENGTH = 4096
# Of setns(2), in the order of what each asks for: who is in another user namespace may not enter the others any more.
KINDS = {"mnt": 0x00020000, "pid": 0x20000000, "user": 0x10000000}


def server():
    """The PID of the server: its program lies at the same place in both deployments."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if file.read().startswith(b"/qdrant/qdrant\0"):
                    return int(name)
        except OSError:
            continue
    sys.exit("no server runs")


def follow(pid):
    """Become a process beside the server: same namespaces, same root, same user."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/%d/status" % pid) as file:
        numbers = {line.split(":")[0]: line.split()[1:] for line in file}
    root = os.open("/proc/%d/root" % pid, os.O_RDONLY | os.O_DIRECTORY)
    # One's own user namespace cannot be entered again.
    others = [kind for kind in KINDS if not os.path.samefile("/proc/%d/ns/%s" % (pid, kind), "/proc/self/ns/" + kind)]
    spaces = {kind: os.open("/proc/%d/ns/%s" % (pid, kind), os.O_RDONLY) for kind in others}
    os.setgroups([])  # in the server's user namespace nobody may
    for kind, space in spaces.items():
        if libc.setns(space, KINDS[kind]) != 0:
            sys.exit(f"setns {kind}: {os.strerror(ctypes.get_errno())}")
    # Only children enter another namespace of PIDs, and /proc shows nobody else their own.
    child = os.fork()
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.fchdir(root)
    os.chroot(".")
    os.setgid(int(numbers["Gid"][0]))
    os.setuid(int(numbers["Uid"][0]))


def main():
    pid = server()
    with open("/proc/%d/environ" % pid) as file:
        environment = dict(entry.split("=", 1) for entry in file.read().split("\0") if "=" in entry)
    follow(pid)
    seen = {}
    for path in sys.argv[1:]:
        real = re.sub(r"\{(\w+)\}", lambda match: environment.get(match[1], ""), path)
        try:
            with open(real, encoding="utf-8", errors="replace") as file:
                seen[path] = {"text": file.read(LENGTH)}
        except OSError as error:
            seen[path] = {"error": f"{real}: {error.strerror}"}
    print(json.dumps(seen))


main()
