# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen of a node: by itself, and from elsewhere. This only observes; it changes nothing and has no opinion.

Each section is a function that returns plain data. A section that cannot be observed becomes ``{"error": TEXT}``, so that whoever
judges sees a lack instead of a pass. Secrets are used to ask questions and to search for them; they are never part of an answer.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import ipaddress
import json
import os
import pwd
import re
import secrets as random
import stat
import tempfile
import time
import typing as t
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone

from ansible_collections.hardened.qdrant.plugins.module_utils import (
    _certificate,
    _cluster,
    _container,
    _firewall,
    _node,
    _read,
    _secret_names,
    _unit_addresses,
    _wire,
)
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

SCHEMA = 1
# Seconds: within a host and among peers an answer takes milliseconds; a packet that is dropped costs this much.
LOCAL_TIMEOUT, REMOTE_TIMEOUT = 6.0, 1.0
# Where a confined server finds its data and snapshots.
DATA_IN_ROOT = ("/qdrant/storage", "/qdrant/snapshots")
KEYS = ("api_key", "read_only_api_key", "alt_api_key")
SHELLS = ("sh", "bash", "dash", "ash", "busybox", "zsh", "python3", "perl")
# What a confined server sees of /proc, and of /proc/sys, beside its own processes.
PROC, PROC_SYS = {"self", "thread-self", "mounts", "net", "meminfo", "stat", "cpuinfo", "sys"}, {"vm"}
OWN_LIMITS = r"/proc/(%s)/(stat|statm|status|limits|maps|cgroup|mountinfo)$|/proc/(meminfo|stat|sys/vm/\w+)$|/sys/fs/cgroup/"
# A bundle of CAs has a quarter of that.
LARGEST_BUNDLE = 1 << 20
# Bytes of a text, such as the kernel's table of connections, with 150 for each.
LONGEST = 64 << 20
PROGRAM_FOLDERS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin")

# A port on which strangers serve: HTTPS.
STRANGERS_PORT = 443

# A stranger who asks without a key does not verify either.
LOOKING = _wire.Tls(verify=False)

Json = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Place:
    """Where a node keeps its parts and is to be found."""

    unit: str
    user: str
    install_dir: str
    config_dir: str
    data_dir: str
    snapshots_dir: str
    address: str
    http_port: int
    grpc_port: int
    p2p_port: int | None
    # How the server runs; where it listens, which in a container is not where it is asked; and the interface of the container's network.
    deployment: str = "systemd"
    bind_address: str | None = None
    bridge: str = ""
    # What its certificate is verified by, if that is not the address.
    server_name: str = ""

    @property
    def in_container(self) -> bool:
        return self.deployment == "docker"

    @property
    def layout(self) -> _node.Layout:
        return _node.Layout(self.unit, self.install_dir, self.config_dir, self.data_dir)

    @property
    def secrets(self) -> str:
        return os.path.join(self.config_dir, "secrets.yaml")

    @property
    def tls(self) -> str:
        return os.path.join(self.config_dir, "tls", "current")

    @property
    def trust(self) -> str:
        return os.path.join(self.tls, "ca.crt")

    def ports(self) -> dict[str, _wire.Target]:
        ports = {"rest": self.http_port, "grpc": self.grpc_port, "p2p": self.p2p_port}
        return {name: _wire.Target(self.address, port) for name, port in ports.items() if port}


def read(path: str) -> str:
    return _read.text(path, LONGEST)


def api_keys(place: Place, settings: Json) -> dict[str, str]:
    """Return the keys that the node has on disk, by setting: in the secrets' file, or else among the settings, where others keep them."""
    service = _node.load_json(place.secrets).get("service")
    if not isinstance(service, dict):
        service = {name: settings.get("service." + name) for name in KEYS}
    return {name: value for name, value in service.items() if isinstance(value, str)}


def known_secrets(place: Place, settings: Json) -> list[str]:
    """Return all secrets that the node has on disk and that can be looked for: those of its file of secrets, and what is secret among the settings."""
    among = {str(value) for name, value in settings.items() if _secret_names.is_secret(name.split("."), value)}
    return _secret_names.sought(_secret_names.texts(_node.load_json(place.secrets)) | among)


def strength(keys: dict[str, str]) -> Json:
    """Return the public facts about the keys: which are set, the length of the shortest, and whether they differ."""
    return {
        "there": sorted(keys),
        "shortest": min((len(key) for key in keys.values()), default=0),
        "differ": len(set(keys.values())) == len(keys),
    }


# --- the unit ----------------------------------------------------------------------------------------------------------

PROPERTIES = (
    "ActiveState SubState UnitFileState MainPID InvocationID User Group RootDirectory NoNewPrivileges CapabilityBoundingSet "
    "AmbientCapabilities PrivateDevices PrivateTmp PrivateUsers PrivateMounts ProtectSystem ProtectHome ProtectProc ProcSubset "
    "ProtectKernelTunables ProtectKernelModules ProtectKernelLogs ProtectControlGroups ProtectClock ProtectHostname "
    "RestrictNamespaces RestrictRealtime RestrictSUIDSGID RestrictAddressFamilies LockPersonality MemoryDenyWriteExecute "
    "SystemCallFilter SystemCallArchitectures IPAddressDeny IPAddressAllow DevicePolicy KeyringMode RemoveIPC UMask NoExecPaths "
    "LimitCORE LimitNOFILE TasksMax MemoryMax TimeoutStopUSec KillSignal Restart LoadCredential Environment ExecStartPre "
    "ExecStartPost ExecReload Requires NeedDaemonReload DropInPaths FragmentPath"
)


def unit(place: Place, run: Run) -> Json:
    """Return the unit's properties as systemd reports them, and its exposure score (0 to 10, lower is better)."""
    code, output, error = run(["systemctl", "show", "--property=" + PROPERTIES.replace(" ", ","), "--", place.unit])
    if code != 0:
        raise OSError(error.strip() or "systemctl failed")
    # systemctl leaves out some that are not set.
    properties: Json = dict.fromkeys(PROPERTIES.split(), "")
    for line in output.splitlines():
        name, _equals, value = line.partition("=")
        properties[name] = (properties[name] + "\n" + value) if properties[name] else value
    for _attempt in range(2):  # of a busy systemd the first question may have waited too long
        _code, output, _error = run(["systemd-analyze", "security", "--no-pager", place.unit])
        exposure = re.search(r"exposure level for \S+ ([0-9.]+)", output)
        if exposure:
            break
    return {
        "active": properties.get("ActiveState") == "active",
        "enabled": properties.get("UnitFileState") == "enabled",
        "exposure": float(exposure.group(1)) if exposure else None,
        "properties": properties,
    }


def restart_due(place: Place, run: Run) -> Json:
    """Return whether the running process is what the disk says."""
    state = _node.unit_state(place.unit, run)
    record = _node.load_json(_node.RECORD)
    reasons = _node.restart_reasons(place.layout, state, record)
    if _unit_addresses.due(place.unit, state, _unit_addresses.told_of_record(state, record)):
        reasons.append("the unit was not told its addresses")
    return {"recorded": bool(record), "reasons": reasons}


# --- the process -------------------------------------------------------------------------------------------------------


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


def trust(place: Place, run: Run, own: t.Collection[str], outgoing: t.Collection[str]) -> Json:
    """Return the CAs that the running server trusts: outgoing connections by SSL_CERT_FILE and ``tls.ca_cert``, peers' both ways by the latter.

    ``own`` and ``outgoing`` are SHA-256 of the CAs that these should hold; of an inventory that names none, those of the trust bundle on disk.
    """
    if _certificate.CRYPTOGRAPHY_ERROR is not None:
        raise OSError("the Python library cryptography is missing on the host")
    pid = main_pid(place, run)
    given = environment_of(pid)
    ours = set(own) or {_certificate.fingerprint(ca) for ca in _authorities(place.trust)}
    peers = str(settings_of(read(config_file(place, run))).get("tls.ca_cert") or "")
    return {
        "outbound": {**_believed(pid, given.get("SSL_CERT_FILE", ""), set(outgoing) or ours), "folder": given.get("SSL_CERT_DIR", "")},
        "peers": {**_believed(pid, peers, ours), "set_elsewhere": _set_elsewhere(place, pid, given)},
    }


def _believed(pid: int, path: str, known: t.Collection[str]) -> Json:
    """Return the CAs in a file as a process sees it: how many, and the subjects of those that are not known."""
    found = _authorities("/proc/%d/root/%s" % (pid, path.lstrip("/"))) if path else []
    strangers = sorted(ca.subject.rfc4514_string() for ca in found if _certificate.fingerprint(ca) not in known)
    return {"file": path, "authorities": len(found), "beside_inventory": strangers}


def _authorities(path: str) -> list[t.Any]:
    """Return the certificates of a file; none where it is not there or holds none.

    :raises OSError: it is longer than any bundle is, so that not all of it would be judged.
    """
    try:
        return _certificate.load_certificates(_read.text(path, LARGEST_BUNDLE))
    except (FileNotFoundError, _certificate.CertificateError):
        return []


def _set_elsewhere(place: Place, pid: int, given: t.Mapping[str, str]) -> list[str]:
    """Return where settings of TLS come from beside the file of settings, or could.

    Variables, files that Qdrant reads on top of it, sections of the secrets' file.
    """
    folder = "/proc/%d/root/config" % pid
    files = [name for name in (os.listdir(folder) if os.path.isdir(folder) else []) if name != "config.yaml"]
    # Other sections hold secrets of other services. A name may be a path, whose first part is the section.
    sections = [name for name in _node.load_json(place.secrets) if re.split(r"[.\[]", name.lower())[0] in ("tls", "cluster")]
    return sorted([name for name in given if name.startswith("QDRANT__TLS")] + ["config/" + name for name in files] + ["secrets: " + name for name in sections])


def names(place: Place, run: Run, wanted: t.Mapping[str, t.Sequence[str]]) -> Json:
    """Return how the server finds other hosts by name: the files of its /etc, and where they differ from the addresses by name that are ``wanted``."""
    folder = "/proc/%d/root/etc" % main_pid(place, run)
    there = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    texts = {name: read(os.path.join(folder, name)).splitlines() if name in there else [] for name in ("hosts", "nsswitch.conf")}
    lines = {tuple(line.split()) for line in texts["hosts"] if line.split() and not line.startswith("#")}
    expected = {("127.0.0.1", "localhost"), *((address, name) for name, addresses in wanted.items() for address in addresses)}
    ways = [line for line in texts["nsswitch.conf"] if line.strip() and not line.startswith("#")]
    differences = ["missing: %s" % " ".join(line) for line in sorted(expected - lines)] + ["unwanted: %s" % " ".join(line) for line in sorted(lines - expected)]
    return {"files": there, "differ": differences + (ways if ways != ["hosts: files"] else [])}


def process(place: Place, run: Run, secrets: t.Iterable[str]) -> Json:
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
        "open_files_elsewhere": open_files(pid, DATA_IN_ROOT),
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
        "core_limit": limits.get("Max core file size"),
        "start_ticks": int(read("/proc/%d/stat" % pid).rpartition(")")[2].split()[19]),
    }


# --- files -------------------------------------------------------------------------------------------------------------


def file(path: str) -> Json:
    """Return one file or folder: owner, group, mode in octal, kind. No digest: it would be one of secrets, too."""
    state = _node.path_state(path)
    if state is None:
        return {"path": path, "exists": False}
    return {"path": path, "exists": True, **{name: value for name, value in state.items() if name != "sha256"}}


def way(path: str) -> list[str]:
    """Return a path and all folders on its way, from the root."""
    parts = [path]
    while parts[-1] != "/":
        parts.append(os.path.dirname(parts[-1]))
    return parts[::-1]


def changeable(paths: t.Iterable[str]) -> list[str]:
    """Return the paths, and the folders on their ways, that someone else than root may change."""
    found = []
    for path in sorted({step for path in paths for step in way(os.path.realpath(path))}):
        status = os.stat(path)
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_uid != 0 or (status.st_mode & 0o022 and not sticky):
            found.append(path)
    return found


def files(place: Place) -> Json:
    """Return owner, group and mode of the files."""
    tls = {name: file(os.path.join(place.tls, name)) for name in ("tls.key", "tls.crt", "ca.crt")}
    names = [os.path.join(place.install_dir, "root/etc", name) for name in ("hosts", "nsswitch.conf")]
    trusted = [place.layout.unit_file, place.layout.config, place.layout.outbound, *names, place.secrets]
    trusted += [os.path.join(place.layout.current, "qdrant"), os.path.join(place.tls, "tls.key")]
    if place.in_container:
        trusted += [place.layout.seccomp, os.path.join(place.layout.current, "release.json"), "/etc/docker/daemon.json"]
    libexec = os.path.join(place.install_dir, "libexec")
    if os.path.isdir(libexec):
        trusted += [os.path.join(libexec, name) for name in os.listdir(libexec)]
    return {
        "config": file(place.layout.config),
        "secrets": file(place.secrets),
        "tls": tls,
        "tls_dir": file(os.path.join(place.config_dir, "tls")),
        "data": file(place.data_dir),
        "snapshots": file(place.snapshots_dir),
        "changeable_by_others": changeable(path for path in trusted if os.path.exists(path)),
    }


def release(place: Place, run: Run) -> Json:
    """Return the installed releases, and whether the one in use is what was verified at its installation."""
    current = os.path.basename(os.path.realpath(place.layout.current))
    found = {entry.name: entry for entry in _node.releases(place.layout, run)}
    entry = found.get(current)
    image = entry.image_id if entry else None
    return {
        "current": current,
        "intact": bool(entry and entry.intact),
        "image_id": image,
        "version": entry.version if entry else None,
        "others": sorted(set(found) - {current}),
    }


def config_file(place: Place, run: Run) -> str:
    """Return the file of settings: ours, or else the one that the process was started with, as Qdrant looks for it."""
    if os.path.exists(place.layout.config):
        return place.layout.config
    pid = main_pid(place, run)
    words = read("/proc/%d/cmdline" % pid).split("\0")
    named = [words[number + 1] for number, word in enumerate(words[:-1]) if word == "--config-path"]
    named += [word.partition("=")[2] for word in words if word.startswith("--config-path=")]
    return os.path.join("/proc/%d/cwd" % pid, named[0] if named else "config/config.yaml")


def settings_of(text: str) -> Json:
    """Return settings by dotted name, read without a YAML library: scalars of block style alone, which is how the role writes them."""
    values: Json = {}
    stack: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = re.match(r"^(\s*)['\"]?([A-Za-z0-9_]+)['\"]?:\s*(.*?)\s*$", line)
        if not match:
            continue
        indent = len(match.group(1))
        stack = [entry for entry in stack if entry[0] < indent] + [(indent, match.group(2))]
        if match.group(3):
            value: t.Any = match.group(3).strip("'\"")
            value = {"true": True, "false": False, "null": None, "~": None}.get(value, value)
            values[".".join(name for _indent, name in stack)] = int(value) if isinstance(value, str) and value.isdigit() else value
    return values


def config(place: Place, run: Run) -> Json:
    """Return the settings on disk, without those that are secret, and whether a secret is among them: by its name, or by what the file of secrets holds."""
    path = config_file(place, run)
    text = read(path)
    settings = settings_of(text)
    values = {name: value for name, value in settings.items() if not _secret_names.is_secret(name.split("."), value)}
    holds = _secret_names.in_text(text) or len(values) < len(settings) or any(secret in text for secret in known_secrets(place, {}))
    return {"path": path, "values": values, "holds_keys": holds}


def without_secrets(value: t.Any, secrets: t.Collection[str]) -> t.Any:
    """Return a document with every secret in it struck out: those that are known, and what is assigned to a name that says so."""
    if isinstance(value, dict):
        return {name: without_secrets(entry, secrets) for name, entry in value.items()}
    if isinstance(value, list):
        return [without_secrets(entry, secrets) for entry in value]
    if not isinstance(value, str):
        return value
    hidden = r"\1" + _secret_names.HIDDEN
    return re.sub(r"(\w*(?:key|secret|token|password)=)[^\s\"']+", hidden, _secret_names.struck(value, secrets), flags=re.IGNORECASE)


# --- the wire ----------------------------------------------------------------------------------------------------------


def status(answer: t.Any) -> int:
    """Return an answer's status. One that did not come is a lack of evidence, not an answer."""
    if answer.error is not None:
        raise OSError(answer.error)
    return answer.status


def token(claims: Json, key: str, algorithm: str = "HS256") -> str:
    """Return a JSON web token (RFC 7519), signed by HMAC, or by nothing for the algorithm ``none``."""

    def encode(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")

    digests = {"HS256": hashlib.sha256, "HS512": hashlib.sha512}
    signed = ".".join(encode(json.dumps(part).encode("utf-8")) for part in ({"alg": algorithm, "typ": "JWT"}, claims))
    signature = hmac.new(key.encode("utf-8"), signed.encode("ascii"), digests[algorithm]).digest() if algorithm in digests else b""
    return "%s.%s" % (signed, encode(signature))


def tokens(key: str, collection: str, now: float) -> dict[str, str]:
    """Return tokens that should not open a collection, by what is wrong with them; and one of full rights, since it names none.

    They live for a minute, in memory and on the way to the node's own ports.
    """
    soon, full = int(now) + 60, {"access": "m"}
    elsewhere = [{"collection": collection + "-other", "access": "r"}]
    return {
        "token_expired": token({"exp": int(now) - 3600, **full}, key),
        "token_forged": token({"exp": soon, **full}, random.token_urlsafe(32)),
        "token_empty_secret": token({"exp": soon, **full}, ""),
        "token_wrong_algorithm": token({"exp": soon, **full}, key, "HS512"),
        "token_unsigned": token({"exp": soon, **full}, key, "none"),
        "token_elsewhere": token({"exp": soon, "access": elsewhere}, key),
        "token_without_access": token({"exp": soon}, key),
    }


@dataclass(frozen=True)
class Way:
    """How a port is spoken to: with TLS that verifies, with TLS that does not, or in plaintext. What is secret goes the first way alone."""

    target: _wire.Target
    tls: _wire.Tls | None
    trusted: bool

    def rest(self, path: str, method: str = "GET", headers: dict[str, str] | None = None, secret: bool = False) -> _wire.RestAnswer:
        self._mind(secret)
        return _wire.rest(self.target, path, method=method, headers=headers, tls=self.tls, timeout=LOCAL_TIMEOUT)

    def grpc(self, method: str, message: bytes, metadata: dict[str, str], secret: bool) -> _wire.GrpcAnswer:
        self._mind(secret)
        return _wire.grpc(self.target, method, metadata=metadata, message=message, tls=self.tls, timeout=LOCAL_TIMEOUT)

    def _mind(self, secret: bool) -> None:
        if secret and not self.trusted:
            raise OSError("a server that does not verify is not shown a key")


def way_to(target: _wire.Target, trust: str) -> Way:
    """Return the best way to a port. ``trust`` is the file of CAs. A port that takes no connections is left to the questions that follow."""
    verified = Way(target, _wire.Tls(ca_file=trust), True)
    if verification_error(target, trust) is None:
        return verified
    if _wire.plaintext(target, LOCAL_TIMEOUT) == "answered":
        return Way(target, None, False)
    return Way(target, LOOKING, False) if _wire.served_certificate(target, LOCAL_TIMEOUT).error is None else verified


def verification_error(target: _wire.Target, trust: str, name: str = "") -> str | None:
    """Return the problems that keep a port's certificate from being verified by the CAs of a file, and by a name or else the address; None if nothing does."""
    error = _wire.rest(target, "/", tls=_wire.Tls(ca_file=trust, server_name=name), timeout=LOCAL_TIMEOUT).error
    # Ports that ask for a client's certificate, or that do not speak HTTP/1.1, end the conversation after this side has verified.
    return error if error is not None and error.startswith(("tls:", "unreachable:")) and "ALERT" not in error else None


def auth_probes(rest: Way, grpc: Way, keys: dict[str, str]) -> dict[tuple[str, ...], t.Callable[[], t.Any]]:
    """Return questions about keys, by their place in the document. None changes anything: a deletion names a collection that is not there."""
    nothing = "hardened-qdrant-%s" % random.token_hex(8)
    message = b"\x0a" + bytes([len(nothing)]) + nothing.encode()  # protobuf: field 1, a string
    key = keys.get("api_key", "")

    def ask_rest(path: str = "/collections", method: str = "GET", secret: bool = False, **headers: str) -> t.Callable[[], t.Any]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return lambda: status(rest.rest(path, method, sent, secret))

    def ask_grpc(method: str = "/qdrant.Collections/List", message: bytes = b"", secret: bool = False, **metadata: str) -> t.Callable[[], t.Any]:
        sent = {name.replace("_", "-"): value for name, value in metadata.items()}
        return lambda: status(grpc.grpc(method, message, sent, secret))

    wrong = random.token_urlsafe(32)
    probes = {
        ("rest", "none"): ask_rest(),
        ("rest", "wrong"): ask_rest(api_key=wrong),
        ("rest", "empty"): ask_rest(api_key=""),
        ("rest", "bearer_garbage"): ask_rest(Authorization="Bearer " + wrong),
        ("grpc", "none"): ask_grpc(),
        ("grpc", "wrong"): ask_grpc(api_key=wrong),
        ("grpc", "empty"): ask_grpc(api_key=""),
    }
    for name, value in tokens(key, nothing, time.time()).items():
        # A token that was signed with the key may open what the key opens.
        secret = bool(key) and name not in ("token_forged", "token_empty_secret", "token_unsigned")
        probes["rest", name] = ask_rest("/collections/" + nothing, secret=secret, Authorization="Bearer " + value)
        probes["grpc", name] = ask_grpc("/qdrant.Collections/Get", message, secret, authorization="Bearer " + value)
    for path in ("/metrics", "/telemetry", "/cluster"):
        probes["rest", "none_" + path[1:]] = ask_rest(path)
    if key:
        probes["rest", "key"] = ask_rest(secret=True, api_key=key)
        probes["grpc", "key"] = ask_grpc(secret=True, api_key=key)
    if keys.get("read_only_api_key"):
        key = keys["read_only_api_key"]
        probes["rest", "read_only_reads"] = ask_rest(secret=True, api_key=key)
        probes["rest", "read_only_deletes"] = ask_rest("/collections/" + nothing, "DELETE", True, api_key=key)
        probes["grpc", "read_only_reads"] = ask_grpc(secret=True, api_key=key)
        probes["grpc", "read_only_deletes"] = ask_grpc("/qdrant.Collections/Delete", message, True, api_key=key)
    return probes


def web_probes(rest: Way) -> dict[tuple[str, ...], t.Callable[[], t.Any]]:
    """Return questions that a browser would ask."""

    def preflight() -> t.Any:
        return status(rest.rest("/collections", "OPTIONS", {"Origin": "https://attacker.example", "Access-Control-Request-Method": "GET"}))

    def allowed_origin() -> t.Any:
        answer = rest.rest("/", headers={"Origin": "https://attacker.example"})
        status(answer)
        return answer.headers.get("access-control-allow-origin", "")

    def version() -> t.Any:
        answer = rest.rest("/")
        if status(answer) != 200:
            raise OSError("HTTP %d" % answer.status)
        return json.loads(answer.body)["version"]

    def dashboard() -> t.Any:
        return status(rest.rest("/dashboard/"))

    return {("cors_preflight",): preflight, ("cors_origin",): allowed_origin, ("version",): version, ("dashboard",): dashboard}


def effective(rest: Way, key: str | None) -> Json:
    """Return the settings of the running server, as its telemetry shows them; it leaves the node only when asked for."""
    answer = rest.rest("/telemetry?details_level=2", headers=_cluster.key_header(key), secret=bool(key))
    if answer.status != 200:
        raise OSError("/telemetry: HTTP %d" % status(answer))
    result = json.loads(answer.body)["result"]
    app = result["app"]
    return {
        "version": app["version"],
        "started": app["startup"],
        "jwt_rbac": bool(app.get("jwt_rbac")),
        "cluster": bool(result.get("cluster", {}).get("enabled")),
    }


def served(place: Place, target: _wire.Target) -> Json:
    """Return the certificate that a port serves, and whether it verifies against the host's own trust, address or name included."""
    seen = _wire.served_certificate(target, LOCAL_TIMEOUT)
    if seen.error:
        raise OSError(seen.error)
    verifies = verification_error(target, place.trust, place.server_name) is None
    return {"sha256": seen.sha256, "version": seen.version, "cipher": seen.cipher, "verifies": verifies}


def tls_questions(place: Place) -> dict[tuple[str, ...], t.Callable[[], t.Any]]:
    """Return questions about each port's TLS. Each stands alone: a server that only speaks an outdated version fails the first one."""
    questions: dict[tuple[str, ...], t.Callable[[], t.Any]] = {}
    for name, target in place.ports().items():
        questions["tls", name] = lambda target=target: served(place, target)
        questions["tls", name, "plaintext"] = lambda target=target: taken(_wire.plaintext(target, LOCAL_TIMEOUT))
        for what in ("version", "suite"):
            questions["tls", name, "outdated_" + what] = lambda target=target, what=what: taken(_wire.accepts_outdated(target, what, LOCAL_TIMEOUT))
        questions["client_certificates", name, "none"] = lambda target=target: taken(_wire.accepts_client(target, timeout=LOCAL_TIMEOUT))
        questions["client_certificates", name, "foreign"] = lambda target=target: taken(foreign_client(target))
    return questions


def taken(outcome: str) -> str:
    """Return a port's answer to an offer. An offer that did not reach it is a lack of evidence."""
    if outcome in ("silent", "answered", "rejected") or outcome.startswith("accepted"):
        return outcome
    raise OSError(outcome)


def foreign_client(target: _wire.Target) -> str:
    """Return a port's answer to a client with a self-signed certificate."""
    if _certificate.CRYPTOGRAPHY_ERROR is not None:
        raise OSError("the Python library cryptography is missing on the host")
    with tempfile.TemporaryDirectory(prefix="hardened-qdrant-") as folder:
        path = os.path.join(folder, "stranger.pem")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_certificate.self_signed("stranger"))
        return _wire.accepts_client(target, path, timeout=LOCAL_TIMEOUT)


def certificate_on_disk(place: Place) -> Json:
    """Return the certificate in use on disk."""
    if _certificate.CRYPTOGRAPHY_ERROR is not None:
        raise OSError("the Python library cryptography is missing on the host")
    store = _certificate.Store(os.path.dirname(place.tls))
    leaf = store.leaf()
    now = datetime.now(timezone.utc)
    trusted = _certificate.load_certificates(store.read("ca.crt"))
    return {
        **_certificate.describe(leaf, now),
        "purposes": sorted(_certificate.purposes(leaf)),
        "life_days": round((_certificate.not_after(leaf) - _certificate.not_before(leaf)).total_seconds() / 86400, 1),
        "signed_by_trusted": _certificate.path(_certificate.load_certificates(store.read("tls.crt")), trusted) is not None,
        "ca": [_certificate.describe(ca, now) for ca in trusted],
    }


def reach(target: _wire.Target, grpc: bool) -> Json:
    """Return whether a port of another host takes connections; and then, what a stranger is answered, with TLS and without, and what time it is there."""
    connect = _wire.can_connect(target, REMOTE_TIMEOUT)
    if connect != "open":
        return {"connect": connect, "plaintext": connect, "answer": connect, "clock_offset": None}
    asked = time.time()
    answer: t.Any = _wire.grpc(target, tls=LOOKING, timeout=REMOTE_TIMEOUT) if grpc else _wire.rest(target, "/collections", tls=LOOKING, timeout=REMOTE_TIMEOUT)
    date = getattr(answer, "headers", {}).get("date")
    return {
        "connect": connect,
        "plaintext": _wire.plaintext(target, REMOTE_TIMEOUT),
        "answer": answer.status if answer.error is None else answer.error,
        # HTTP tells whole seconds, so up to one of them is rounding.
        "clock_offset": round(email.utils.parsedate_to_datetime(date).timestamp() - asked) if date else None,
    }


# --- the host ----------------------------------------------------------------------------------------------------------


def host(place: Place, run: Run) -> Json:
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


# --- firewall and cluster ----------------------------------------------------------------------------------------------


def server_names(user: str) -> list[str]:
    """Return how rules may name the server's user: by name and by number."""
    try:
        return [user, str(pwd.getpwnam(user).pw_uid)]
    except KeyError:
        return [user]


def server_verdict(place: Place, objects: t.Any, family: str) -> str:
    """Return the guard's verdict on a connection of the server's to a stranger: by its user, or by the interface of its network."""
    if place.bridge:
        return _firewall.container_verdict(objects, family, STRANGERS_PORT, place.bridge)
    return _firewall.server_verdict(objects, family, STRANGERS_PORT, server_names(place.user))


def firewall(place: Place, run: Run, named: t.Mapping[str, t.Sequence[str]]) -> Json:
    """Return the guard's table as the kernel has it, against its file and those whom the inventory names, and whether boot brings it back."""
    table, path = "inet hardened_qdrant", os.path.join(place.config_dir, "firewall.nft")
    code, output, error = run(["nft", "--json", "list", "table", *table.split()])
    if code != 0:
        return {"table": False, "why": error.strip().splitlines()[0] if error.strip() else "nft failed"}
    objects = json.loads(output)["nftables"]
    chains = [entry["chain"] for entry in objects if "chain" in entry]
    ports = [target.port for target in place.ports().values()]
    code, enabled, error = run(["systemctl", "show", "--property=UnitFileState", "--value", "qdrant-firewall.service"])
    if code != 0:
        raise OSError(error.strip() or "systemctl failed")
    return {
        "table": True,
        "hooks": [{"name": chain["name"], "hook": chain.get("hook"), "priority": chain.get("prio")} for chain in chains],
        "sets": _firewall.named_sets(objects),
        # The ports on which a stranger's packets are not certain to be dropped.
        "open_to_strangers": {
            family: [port for port in ports if _firewall.stranger_verdict(objects, family, port, place.bridge) != "drop"] for family in ("ipv4", "ipv6")
        },
        # The families over which the server can connect to a stranger.
        "open_from_server": [family for family in ("ipv4", "ipv6") if server_verdict(place, objects, family) != "drop"],
        # The families over which a container can connect to the host's own ports.
        "open_to_host": [
            family
            for family in ("ipv4", "ipv6")
            if place.bridge and _firewall.container_verdict(objects, family, STRANGERS_PORT, place.bridge, to_host=True) != "drop"
        ],
        "beside_inventory": _firewall.beside(_firewall.named_sets(objects), named),
        "differences": attempt(lambda: _firewall.differences(table, path, run)),
        "at_boot": enabled.strip() == "enabled",
    }


def cluster(rest: Way, key: str | None, known: t.Collection[str]) -> Json:
    """Return the cluster as the node sees it. Strangers are peers whose address is neither the node's nor among the known ones."""
    if key and not rest.trusted:
        raise OSError("a server that does not verify is not shown a key")
    seen = _cluster.observe(_cluster.Node(rest.target, rest.tls, key))
    hosts = {peer["uri"]: urllib.parse.urlsplit(peer["uri"]).hostname for peer in seen["peers"]}
    return {**seen, "strangers": sorted(uri for uri, host in hosts.items() if host not in {rest.target.address, *known})}


# --- the document ------------------------------------------------------------------------------------------------------


def put(document: Json, keys: tuple[str, ...], value: t.Any) -> None:
    for key in keys[:-1]:
        document = document.setdefault(key, {})
    document[keys[-1]] = value


def attempt(question: t.Callable[[], t.Any]) -> t.Any:
    """Return a section, or why it could not be observed."""
    try:
        return question()
    except Exception as error:  # an observer that stops at the first surprise sees less than one that writes it down
        return {"error": "%s: %s" % (type(error).__name__, error)}


def ask(questions: dict[tuple[str, ...], t.Callable[[], t.Any]]) -> Json:
    """Return all questions at once: most of the time is spent waiting."""
    document: Json = {}
    with ThreadPoolExecutor(max_workers=16) as pool:
        futures = {keys: pool.submit(attempt, question) for keys, question in questions.items()}
        for keys, future in futures.items():
            put(document, keys, future.result())
    return document


def elsewhere(targets: t.Iterable[Json]) -> dict[tuple[str, ...], t.Callable[[], t.Any]]:
    """Return questions to other hosts' ports. A target is {name, address, ports: {name: number}}, and may have ``further`` addresses."""
    questions: dict[tuple[str, ...], t.Callable[[], t.Any]] = {}
    for entry in targets:
        # None is not the same as no further address: nobody said which ones there are.
        if entry.get("further") is not None:
            questions["seen", entry["name"], "further"] = dict
        places = [((), entry["address"]), *((("further", address), address) for address in entry.get("further") or ())]
        for where, address in places:
            for name, port in entry["ports"].items():
                if port:
                    target = _wire.Target(address, port)
                    questions[("seen", entry["name"], *where, name)] = lambda target=target, grpc=name == "grpc": reach(target, grpc)
    return questions


def observe_node(
    place: Place, targets: t.Sequence[Json], run: Run, named: t.Mapping[str, t.Sequence[str]], wanted: t.Mapping[str, t.Any] | None = None
) -> Json:
    """Return the evidence of a node: its view of itself, and of its peers.

    ``named`` are the addresses of ``peers`` and ``clients``. ``wanted`` is what the inventory says of the server: its ``authorities`` and
    ``outbound_authorities`` (SHA-256 of CAs), and ``names`` (addresses by name).
    """
    wanted = wanted or {}
    try:
        settings = settings_of(read(config_file(place, run)))
    except OSError:
        settings = {}  # the section that shows them says why
    keys = api_keys(place, settings)
    key = keys.get("api_key")
    with ThreadPoolExecutor(max_workers=2) as pool:
        rest, grpc = pool.map(lambda name: way_to(place.ports()[name], place.trust), ("rest", "grpc"))
    secrets = known_secrets(place, settings)
    sought = {*secrets, *keys.values()}
    questions: dict[tuple[str, ...], t.Callable[[], t.Any]] = {
        ("unit",): lambda: unit(place, run),
        ("process",): lambda: process(place, run, sought),
        ("trust",): lambda: trust(place, run, wanted.get("authorities", ()), wanted.get("outbound_authorities", ())),
        ("names",): lambda: names(place, run, wanted.get("names", {})),
        ("files",): lambda: files(place),
        ("release",): lambda: release(place, run),
        ("config",): lambda: config(place, run),
        ("started",): lambda: restart_due(place, run),
        ("certificate",): lambda: certificate_on_disk(place),
        ("firewall",): lambda: firewall(place, run, named),
        ("cluster",): lambda: cluster(rest, key, {entry["address"] for entry in targets}),
        ("keys",): lambda: strength(keys),
        ("host",): lambda: host(place, run),
        ("effective",): lambda: effective(rest, key),
    }
    if place.in_container:
        questions["container",] = lambda: _container.container(_container.inspect(run), run, place.layout.seccomp, sought)
        questions["engine",] = lambda: _container.engine(run, listeners)
    questions.update(tls_questions(place))
    questions.update({("auth", *where): probe for where, probe in auth_probes(rest, grpc, keys).items()})
    questions.update({("web", *where): probe for where, probe in web_probes(rest).items()})
    questions.update(elsewhere(targets))
    return without_secrets(ask(questions), secrets)
