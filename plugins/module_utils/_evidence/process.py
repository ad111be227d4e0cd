# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's process as the kernel has it."""

from __future__ import annotations

import ipaddress
import os
import pwd
import re
import stat
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _container, _environment, _node
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json, Place, read
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

# Where a confined server finds its data and snapshots.
DATA_IN_ROOT = ("/qdrant/storage", "/qdrant/snapshots")
SHELLS = ("sh", "bash", "dash", "ash", "busybox", "zsh", "python3", "perl")
# What a confined server sees of /proc, and of /proc/sys, beside its own processes.
PROC, PROC_SYS = {"self", "thread-self", "mounts", "net", "meminfo", "stat", "cpuinfo", "sys"}, {"vm"}
# What a process tells of itself, its threads and its limits, but not its memory and words; links are followed by the kernel, so none is among them.
OWN_LIMITS = r"/proc/(%s)/(?!(task/\d+/)?(mem|environ|auxv|pagemap)$)[\w/]+$|/proc/(cpuinfo|meminfo|stat|sys/vm/\w+)$|/sys/fs/cgroup/"
# Of control groups: what limits the processes in one, and what it is called here. A host's kernel may have them or not.
GROUPS, GROUP_LIMITS = "/sys/fs/cgroup", {"tasks": "pids.max", "memory": "memory.max"}
UNLIMITED = (1 << 64) - 1  # the kernel's own word for it, RLIM_INFINITY of getrlimit(2)
PROGRAM_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin")


def main_pid(place: Place, run: Run) -> int:
    """Return the server: the unit's process, or else whoever listens on the REST port, for it may have been started by hand.

    Of a container's unit the process only waits for the container.
    """
    if place.in_container:
        return _container.server_pid(_container.inspect(run))
    _code, output, _error = run(["systemctl", "show", "--property=MainPID", "--value", "--", place.unit])
    pid = int(output.strip() or 0) or listening_on(place.http_port)
    if not pid:
        raise OSError("%s has no process, and nothing listens on port %d" % (place.unit, place.http_port))
    return pid


def listening_on(port: int) -> int:
    """Return the lowest PID of a process of the host's network that listens on a TCP port; 0 for none."""
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            if any(socket.endswith(":%d" % port) for socket in listeners(pid)):
                return pid
        except OSError:
            continue  # gone meanwhile
    return 0


def capabilities(mask: str) -> int:
    """Return the number of capabilities a mask of /proc/PID/status holds."""
    return bin(int(mask, 16)).count("1")


def mounts(pid: int) -> list[Json]:
    """Return the mounts that a process sees, from /proc/PID/mountinfo (proc(5)): path, type, and whether it may write there."""
    found = []
    for line in read("/proc/%d/mountinfo" % pid).splitlines():
        fields, _dash, rest = line.partition(" - ")
        path, options = fields.split()[4], fields.split()[5].split(",")
        kind, _source, super_options = rest.split(" ", 2)
        writable = "rw" in options and "rw" in super_options.split(",")
        found.append({"path": path.replace("\\040", " "), "type": kind, "writable": writable, "executable": "noexec" not in options})
    return found


def writable_by(pid: int, uid: int, gids: t.Collection[int], seen: list[Json]) -> list[Json]:
    """Return the mounts whose top folder the process may write: by the mount's options, and by owner and mode."""
    found = []
    for mount in seen:
        try:
            status = os.stat("/proc/%d/root%s" % (pid, mount["path"]))
        except OSError:
            continue  # hidden below a later mount
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3):
            continue  # /dev/null in the place of a file that is hidden: what is written there is gone
        allowed = (status.st_uid == uid and status.st_mode & 0o200) or (status.st_gid in gids and status.st_mode & 0o020) or status.st_mode & 0o002
        if mount["writable"] and allowed and mount["type"] not in ("proc", "sysfs"):
            found.append(mount)
    return found


def listeners(pid: int) -> list[str]:
    """Return the sockets that a process listens on, as ADDRESS:PORT, from /proc/net/tcp and the process's open files."""
    inodes = set()
    folder = "/proc/%d/fd" % pid
    for name in os.listdir(folder):
        try:
            link = os.readlink(os.path.join(folder, name))
        except OSError:
            continue  # closed meanwhile
        if link.startswith("socket:["):
            inodes.add(link[8:-1])
    found = []
    for table, size in (("tcp", 4), ("tcp6", 16)):
        for line in read("/proc/%d/net/%s" % (pid, table)).splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in inodes:  # 0A: LISTEN
                address, port = columns[1].split(":")
                raw = bytes.fromhex(address)
                # Words of four bytes in the host's order, little-endian on all platforms of Qdrant.
                packed = b"".join(raw[start : start + 4][::-1] for start in range(0, size, 4))
                found.append("%s:%d" % (ipaddress.ip_address(packed), int(port, 16)))
    return sorted(found)


def data_as_seen(place: Place, root: str) -> tuple[str, ...]:
    """Return the folders of data and snapshots as a process with this root sees them: one without a root of its own, by the host's own paths."""
    return (*DATA_IN_ROOT, place.data_dir, place.snapshots_dir) if same_file(root, "/") else DATA_IN_ROOT


def open_files(pid: int, allowed: t.Collection[str]) -> list[str]:
    """Return the regular files that a process has open outside of some folders, as paths in its own view.

    Without those that tell it its limits, which it opens and closes all the time, and could open at any other.
    """
    found = set()
    folder = "/proc/%d/fd" % pid
    # Its numbers, from the host's to that in its own namespace (proc(5)).
    numbers = re.findall(r"^NSpid:\s*(.*)$", read("/proc/%d/status" % pid), re.MULTILINE)
    own_limits = re.compile(OWN_LIMITS % "|".join(["self", str(pid), *(numbers[0].split() if numbers else [])]))
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                found.add(os.readlink(path))
        except OSError:
            continue  # closed meanwhile
    return sorted(path for path in found if not path.startswith(tuple(place + "/" for place in allowed)) and not own_limits.match(path))


def shared_namespaces(pid: int) -> list[str]:
    """Return the kinds of namespaces (namespaces(7)) that a process shares with the host's init."""
    return sorted(name for name in os.listdir("/proc/%d/ns" % pid) if os.readlink("/proc/%d/ns/%s" % (pid, name)) == os.readlink("/proc/1/ns/" + name))


def same_file(first: str, second: str) -> bool:
    """Return whether two paths are one file; a path that is not there is none."""
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False


def is_installed(place: Place, pid: int) -> bool:
    """Return whether a process runs the installed server: the same file, not one of the same name, for an exchanged server is another file.

    Of a container's server the digest is compared: its file is the engine's to keep.
    """
    exe, installed = "/proc/%d/exe" % pid, os.path.join(place.layout.current, "qdrant")
    if not place.in_container:
        return same_file(exe, installed)
    manifest = _node.load_json(os.path.join(place.layout.current, "release.json"))
    return bool(manifest.get("binary_sha256")) and _node.digest(exe) == manifest["binary_sha256"]


def is_program(path: str) -> bool:
    """Return whether something that can be executed is there. A link counts whatever it leads to: it may lead elsewhere in another root."""
    try:
        state = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISLNK(state.st_mode) or (stat.S_ISREG(state.st_mode) and state.st_size > 0 and bool(state.st_mode & 0o111))


def beyond_its_own(top: str) -> list[str]:
    """Return the names in a /proc that others than root may read, beside processes and a server's limits; those in /proc/sys with their folder."""
    names = [name for name in (os.listdir(top) if os.path.isdir(top) else []) if not name.isdigit() and name not in PROC]
    if os.path.isdir(os.path.join(top, "sys")):
        names += ["sys/" + name for name in os.listdir(os.path.join(top, "sys")) if name not in PROC_SYS]
    # What systemd hides has no rights at all; what only root may read is closed to the server by that.
    return sorted(name for name in names if os.lstat(os.path.join(top, name)).st_mode & 0o007)


def environment_of(pid: int) -> dict[str, str]:
    """Return a process's environment, as it was started with it."""
    return dict(entry.split("=", 1) for entry in read("/proc/%d/environ" % pid).split("\0") if "=" in entry)


def limit(text: str) -> int:
    """Return a limit as the kernel writes it, in /proc/PID/limits or for a control group."""
    return UNLIMITED if text.strip() in ("unlimited", "max") else int(text)


def group_limits(pid: int, top: str = GROUPS) -> Json:
    """Return the limits of a process's control group and of those around it, the lowest of each kind: ``tasks``, and ``memory`` in bytes.

    ``enforced`` names those that the host's kernel has there; the others are null.
    """
    groups = [line[3:].strip("/") for line in read("/proc/%d/cgroup" % pid).splitlines() if line.startswith("0::")]
    found: dict[str, list[int]] = {name: [] for name in GROUP_LIMITS}
    for group in groups:
        parts = group.split("/")
        for depth in range(1, len(parts) + 1):
            for name, file in GROUP_LIMITS.items():
                path = os.path.join(top, *parts[:depth], file)
                if os.path.exists(path):
                    found[name].append(limit(read(path)))
    return {"enforced": [name for name, values in found.items() if values], **{name: min(values, default=None) for name, values in found.items()}}


def observe(place: Place, run: Run, secrets: t.Iterable[str]) -> Json:
    """Return the server's process as the kernel has it."""
    pid = main_pid(place, run)
    status = dict(line.split(":\t", 1) for line in read("/proc/%d/status" % pid).splitlines() if ":\t" in line)
    root = "/proc/%d/root" % pid
    limits = {line[:26].strip(): line[26:46].strip() for line in read("/proc/%d/limits" % pid).splitlines()[1:]}
    words = read("/proc/%d/cmdline" % pid) + read("/proc/%d/environ" % pid)
    seen = mounts(pid)
    uids, gids = ([int(number) for number in status[name].split()] for name in ("Uid", "Gid"))
    groups = [int(number) for number in status.get("Groups", "").split()]
    sockets = listeners(pid)
    writable = writable_by(pid, uids[1], {gids[1], *groups}, seen)
    return {
        "pid": pid,
        "exe": os.readlink("/proc/%d/exe" % pid),
        "exe_is_installed": is_installed(place, pid),
        "shared_namespaces": shared_namespaces(pid),
        "open_files_elsewhere": open_files(pid, data_as_seen(place, root)),
        "user": _node.name_of(pwd.getpwuid, uids[1]),
        "uids": uids,
        "gids": gids,
        "groups": groups,
        "capabilities": {name[3:].lower(): capabilities(status[name]) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")},
        "no_new_privs": status.get("NoNewPrivs") == "1",
        "seccomp": {"0": "off", "1": "strict", "2": "filter"}.get(status.get("Seccomp", ""), "unknown"),
        "root_writable": next((mount["writable"] for mount in reversed(seen) if mount["path"] == "/"), None),
        "writable": sorted({mount["path"] for mount in writable}),
        "writable_and_executable": sorted({mount["path"] for mount in writable if mount["executable"]}),
        "shells": sorted(os.path.join(folder, name) for folder in PROGRAM_FOLDERS for name in SHELLS if is_program(root + os.path.join(folder, name))),
        "proc_beyond_its_own": beyond_its_own(root + "/proc"),
        "listeners": sockets,
        "listeners_elsewhere": [socket for socket in sockets if not socket.startswith((place.bind_address or place.address) + ":")],
        "secrets_in_words": any(secret in words for secret in secrets if secret),
        "settings_in_environment": _environment.foreign(environment_of(pid)),
        "core_limit": limits.get("Max core file size"),
        "limits": {"open_files": limit(limits["Max open files"]), **group_limits(pid)},
        "start_ticks": int(read("/proc/%d/stat" % pid).rpartition(")")[2].split()[19]),
    }
