# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node has and runs, read from its disk, its service manager and the record of its last start.

Nothing here changes the host, and nothing that is returned is secret: of secret files only digests are compared.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import re
import socket
import stat
import typing as t
from dataclasses import dataclass, field

from ansible_collections.hardened.qdrant.plugins.module_utils import _files, _read, _unit_addresses
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

RECORD = "/run/hardened-qdrant/started.json"
RECORD_SCHEMA = 1
CREDENTIALS = ("secrets.yaml", "tls.crt", "tls.key", "ca.crt")
# A bundle of the user's for outgoing connections, where there is one.
OUTBOUND = "outbound-ca.crt"


@dataclass(frozen=True)
class Layout:
    """Where a node keeps its parts. All paths are absolute paths of the host."""

    unit: str
    install_dir: str
    config_dir: str
    data_dir: str

    @property
    def unit_file(self) -> str:
        return _unit_addresses.file_of(self.unit)

    @property
    def current(self) -> str:
        return os.path.join(self.install_dir, "current")

    @property
    def releases(self) -> str:
        return os.path.join(self.install_dir, "releases")

    @property
    def config(self) -> str:
        return os.path.join(self.config_dir, "config.yaml")

    @property
    def seccomp(self) -> str:
        return os.path.join(self.config_dir, "seccomp.json")

    @property
    def outbound(self) -> str:
        return os.path.join(self.config_dir, OUTBOUND)

    def credential_source(self, name: str) -> str:
        folder = self.config_dir if name == "secrets.yaml" else os.path.join(self.config_dir, "tls", "current")
        return os.path.join(folder, name)


@dataclass(frozen=True)
class Release:
    """One folder below ``releases``: intact if its binary still has the digest that was recorded at its installation.

    The release of a container is the manifest of an image alone, and intact if the engine still has that image.
    """

    name: str
    version: str | None = None
    artefact_sha256: str | None = None
    binary_sha256: str | None = None
    intact: bool = False
    # Shared libraries that the binary needs, as absolute paths; none for a static build.
    libraries: list[str] = field(default_factory=list)
    image_id: str | None = None


def digest(path: str) -> str | None:
    """Return SHA-256 of a file in hex, or None where it cannot be read, or is longer than any program is."""
    sha256 = hashlib.sha256()
    try:
        with _read.opened(path) as file:
            left = _read.LARGEST
            for block in iter(lambda: file.read(1 << 20), b""):
                sha256.update(block)
                left -= len(block)
                if left < 0:
                    return None
    except OSError:
        return None
    return sha256.hexdigest()


def name_of(database: t.Callable[[int], t.Any], number: int) -> str:
    """Return a user's or group's name (pwd.getpwuid, grp.getgrgid), or the number where it has none."""
    try:
        return str(database(number)[0])
    except KeyError:
        return str(number)


def path_state(path: str) -> dict[str, t.Any] | None:
    """Return a path itself, links not followed: kind, owner, group, mode in octal, and a file's digest; None where there is nothing."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    kinds = ((stat.S_ISLNK, "link"), (stat.S_ISDIR, "folder"), (stat.S_ISREG, "file"))
    state: dict[str, str | None] = {
        "kind": next((name for test, name in kinds if test(status.st_mode)), "other"),
        "owner": name_of(pwd.getpwuid, status.st_uid),
        "group": name_of(grp.getgrgid, status.st_gid),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
    }
    if state["kind"] == "file":
        state["sha256"] = digest(path)
    return state


def account(user: str) -> dict[str, str] | None:
    """Return a user's home and shell, or None where there is no such user."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    return {"home": entry.pw_dir, "shell": entry.pw_shell}


def user_ids(user: str) -> dict[str, int] | None:
    """Return a user's number and that of its group, or None where there is no such user."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    return {"uid": entry.pw_uid, "gid": entry.pw_gid}


def has_address(address: str) -> bool:
    """Return whether an interface of this host has an address. Where none has, a server cannot bind to it."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as plain:
            plain.bind((address, 0))
    except OSError:
        return False
    return True


def engine(run: Run) -> dict[str, t.Any]:
    """Return the Docker engine: whether its command is there, and, where it answers, its version, whether it maps users, and which limits it can set.

    Source: the answer to GET /info of Docker's API, which `docker info` prints as JSON.
    """
    if not any(os.access(os.path.join(folder, "docker"), os.X_OK) for folder in ("/usr/bin", "/usr/local/bin", "/usr/sbin")):
        return {"cli": False, "version": None}
    code, output, _error = run(["docker", "info", "--format", "{{json .}}"])
    try:
        info = json.loads(output) if code == 0 else {}
    except ValueError:
        info = {}
    return {
        "cli": True,
        "version": info.get("ServerVersion") or None,
        "userns": any("name=userns" in option for option in info.get("SecurityOptions") or []),
        "limits": {"memory": bool(info.get("MemoryLimit")), "cpus": bool(info.get("CpuCfsQuota")), "pids": bool(info.get("PidsLimit"))},
    }


def machine() -> dict[str, t.Any]:
    """Return memory in bytes, processors, and the distribution's name and version, as os-release(5) has them."""
    words = {}
    try:
        words = dict(line.split("=", 1) for line in _read.text("/etc/os-release").splitlines() if "=" in line)
    except OSError:
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    named = {name: words.get(key, "").strip('"') for name, key in (("distribution", "ID"), ("release", "VERSION_ID"))}
    return {"memory": memory, "processors": os.cpu_count() or 1, **named}


def load_json(path: str) -> dict[str, t.Any]:
    """Return a JSON object from a file; empty where there is none, or where it is no JSON object."""
    try:
        content = json.loads(_read.content(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def libraries(binary: str, run: Run) -> list[str]:
    """Return the files that the dynamic loader maps for a binary, loader included: the third column of ldd(1)'s output."""
    code, output, _error = run(["ldd", binary])
    if code != 0:  # "not a dynamic executable"
        return []
    return sorted(set(re.findall(r"(?:=> |^\s*)(/\S+) \(0x", output, re.MULTILINE)))


def has_image(image: str, run: Run) -> bool:
    """Return whether the engine has an image with this id."""
    try:
        code, output, _error = run(["docker", "image", "inspect", "--format", "{{.Id}}", image])
    except FileNotFoundError:  # there is no engine any more
        return False
    return code == 0 and output.strip() == image


def releases(layout: Layout, run: Run) -> list[Release]:
    """Return all releases of the node, by name."""
    found = []
    try:
        names = sorted(os.listdir(layout.releases))
    except OSError:
        names = []
    for name in names:
        folder = os.path.join(layout.releases, name)
        manifest = load_json(os.path.join(folder, "release.json"))
        binary = os.path.join(folder, "qdrant")
        recorded, image = manifest.get("binary_sha256"), manifest.get("image_id")
        intact = bool(recorded) and (has_image(image, run) if image else digest(binary) == recorded)
        found.append(
            Release(
                name=name,
                version=manifest.get("version"),
                artefact_sha256=manifest.get("artefact_sha256"),
                binary_sha256=recorded,
                intact=intact,
                libraries=libraries(binary, run) if intact and not image else [],
                image_id=image,
            )
        )
    return found


def old_releases(layout: Layout, state: dict[str, str], record: dict[str, t.Any], keep: int) -> list[str]:
    """Return the names of the releases that may go: all but the one in use, the one that runs, and the latest others, ``keep`` in all.

    :raises OSError: it is not known which is in use; then none may.
    """
    os.stat(layout.current)
    stay = {os.path.basename(os.path.realpath(layout.current))}
    if state.get("ActiveState") == "active" and record.get("invocation") == state.get("InvocationID"):
        stay.add(os.path.basename(os.path.dirname(str(record.get("release", "")))))
    with os.scandir(layout.releases) as entries:
        others = [(entry.stat().st_mtime, entry.name) for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name not in stay]
    return sorted(name for _time, name in sorted(others, reverse=True)[max(0, keep - len(stay)) :])


def images_of(layout: Layout, names: t.Collection[str]) -> list[str]:
    """Return the ids of the images that releases have, and no other release has."""
    images: dict[bool, set[str]] = {True: set(), False: set()}
    for name in os.listdir(layout.releases):
        image = load_json(os.path.join(layout.releases, name, "release.json")).get("image_id")
        if isinstance(image, str):
            images[name in names].add(image)
    return sorted(images[True] - images[False])


def unit_state(unit: str, run: Run) -> dict[str, str]:
    """Return the unit's properties that say whether it runs, and with what.

    :raises OSError: systemd said nothing. That is no unit that does not run.
    """
    wanted = "LoadState,ActiveState,SubState,InvocationID,FragmentPath,DropInPaths,NeedDaemonReload,UnitFileState"
    code, output, _error = run(["systemctl", "show", "--property=" + wanted, "--", unit])
    if code == 0 and not output.strip():
        raise OSError(f"systemctl said nothing of {unit}")
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line) if code == 0 else {}


def start_arguments(unit_file: str) -> dict[str, str]:
    """Return the values of ``--uri`` and ``--bootstrap`` in a unit file's ExecStart."""
    try:
        text = _read.text(unit_file).replace("\\\n", " ")
    except OSError:
        return {}
    command = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)
    return dict(re.findall(r"--(uri|bootstrap)[ =]+(\S+)", command.group(1))) if command else {}


def cluster_scheme(data_dir: str) -> str | None:
    """Return 'http' or 'https': how peers of an existing cluster address each other, from Qdrant's Raft state; None without one.

    A cluster keeps the scheme that it was created with: nodes of different schemes cannot talk.
    """
    addresses = load_json(os.path.join(data_dir, "raft_state.json")).get("peer_address_by_id")
    uris = addresses.values() if isinstance(addresses, dict) else []
    schemes = {str(uri).split(":", 1)[0] for uri in uris}
    return "http" if "http" in schemes else "https" if "https" in schemes else None


def running_version(layout: Layout, state: dict[str, str], record: dict[str, t.Any]) -> str | None:
    """Return the version that the unit's process was started with, from the record of its start; None where nothing runs, or its start was not recorded.

    The link to the release in use says nothing of that: a run that was killed, or that failed, has moved it already.
    """
    if state.get("ActiveState") != "active" or record.get("schema") != RECORD_SCHEMA or record.get("invocation") != state.get("InvocationID"):
        return None
    folder = os.path.dirname(str(record.get("release", "")))
    version = load_json(os.path.join(folder, "release.json")).get("version") if os.path.dirname(folder) == os.path.realpath(layout.releases) else None
    return version if isinstance(version, str) else None


def cluster_versions(data_dir: str) -> list[str]:
    """Return the versions that the peers of the node's cluster ran last, itself included, each once, from Qdrant's Raft state; empty without a cluster.

    A server puts its version there when it has joined, so one that failed before that is not among them, and peers that this run does not see are.
    """
    raft = load_json(os.path.join(data_dir, "raft_state.json"))
    peers, metadata = raft.get("peer_address_by_id"), raft.get("peer_metadata_by_id")
    if not isinstance(peers, dict) or not isinstance(metadata, dict):
        return []
    found = [entry.get("version") for peer, entry in metadata.items() if peer in peers and isinstance(entry, dict)]
    return sorted({version for version in found if isinstance(version, str)})


def certificates(layout: Layout) -> dict[str, str]:
    """Return the certificate in use with its chain, and the trusted CAs, as PEM texts; empty where there are none. The key is not looked at."""
    texts = {}
    for name, file_name in (("certificate", "tls.crt"), ("trust", "ca.crt")):
        try:
            texts[name] = _read.text(layout.credential_source(file_name))
        except OSError:
            texts[name] = ""
    return texts


@dataclass(frozen=True)
class Staged:
    """What takes the place of what is on disk before the next start.

    ``digests`` by path, of the unit's file without its addresses; the ``unit``'s text and the ``release``'s folder, None where they stay.
    """

    digests: t.Mapping[str, str | None] = field(default_factory=dict)
    unit: bytes | None = None
    release: str | None = None


def handed_over(layout: Layout, drop_ins: list[str], unit: bytes | None = None) -> list[str]:
    """Return the files that decide what a process of the unit is: settings, credentials, what the unit names beside them, unit and its drop-ins."""
    try:
        text = _read.content(layout.unit_file) if unit is None else unit
    except OSError:
        text = b""
    further = [path for path in (layout.outbound, layout.seccomp) if path.encode() in text]
    return [layout.config, *map(layout.credential_source, CREDENTIALS), *further, layout.unit_file, *drop_ins]


def restart_reasons(layout: Layout, state: dict[str, str], record: dict[str, t.Any], staged: Staged | None = None) -> list[str]:
    """Return why the running process is not what the disk says it should be; empty where it is, or where nothing runs.

    With ``staged``, why it is not what the disk will say.
    """
    if state.get("ActiveState") != "active":
        return []
    if record.get("schema") != RECORD_SCHEMA or record.get("invocation") != state.get("InvocationID"):
        return ["its start was not recorded"]
    coming = staged or Staged()
    started_with = record.get("files", {})
    paths = handed_over(layout, state.get("DropInPaths", "").split(), coming.unit)
    # A running unit is told its addresses without a restart.
    on_disk = {layout.unit_file: _unit_addresses.digest_without}
    digests = {path: coming.digests[path] if path in coming.digests else on_disk.get(path, digest)(path) for path in paths}
    reasons = [f"{path} changed" for path in paths if digests[path] != started_with.get(path)]
    reasons += [f"{path} is gone" for path in started_with if path not in paths]
    if record.get("release") != os.path.realpath(os.path.join(coming.release or layout.current, "qdrant")):
        reasons.append("another release is installed")
    return reasons


def staged(layout: Layout, entries: t.Sequence[_files.Entry], record: dict[str, t.Any], running_secrets: str) -> Staged:
    """Return what entries of the wanted state (_files) make of what the next process is started with.

    The secrets of an entry are known by a salted digest: those that the process runs are in the file ``running_secrets``.
    """
    digests: dict[str, str | None] = {}
    unit = release = None
    for entry in entries:
        if entry.kind == _files.LINK and entry.path == layout.current:
            release = os.path.join(layout.install_dir, entry.target)
        elif entry.kind == _files.LINK and entry.staged and os.path.islink(entry.staged):
            digests.update((os.path.join(entry.path, name), digest(os.path.join(entry.staged, name))) for name in CREDENTIALS[1:])
        elif entry.kind == _files.FILE and entry.path == layout.unit_file:
            unit = entry.content
            digests[entry.path] = _unit_addresses.digest_of(entry.content or b"")
        elif entry.kind == _files.FILE and entry.secret:
            digests[entry.path] = record.get("files", {}).get(entry.path) if _files.has_content(entry, running_secrets) else None
        elif entry.kind == _files.FILE:
            digests[entry.path] = hashlib.sha256(entry.content or b"").hexdigest()
    return Staged(digests, unit, release)
