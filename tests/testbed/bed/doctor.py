# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine has and lacks for a test bed."""

from __future__ import annotations

import gzip
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import artefact, cgroups, engine, images, server
from .shell import Failure, cache_dir, can_install, missing

# Kernel options and what needs them.
_KERNEL = {
    "NAMESPACES": "containers",
    "CGROUPS": "systemd in a host",
    "OVERLAY_FS": "the engine's storage",
    "BRIDGE": "the network between hosts",
    "VETH": "the network between hosts",
    "IPV6": "addresses of hosts",
    "NF_TABLES": "the firewall",
    "NF_TABLES_INET": "the firewall",
    "USER_NS": "PrivateUsers= in a host",
    "SECCOMP_FILTER": "SystemCallFilter= in a host",
}
_GIB = 1 << 30


STATES = {True: "ok", False: "LACKS", None: "?"}


@dataclass(frozen=True)
class Finding:
    """One line of the report: there (True), lacking (False), or not to be told from here (None)."""

    subject: str
    there: bool | None
    detail: str

    def __str__(self) -> str:
        return f"{STATES[self.there]:6} {self.subject}: {self.detail}"


def report() -> int:
    """Print all findings on stdout. Returns 1 if something lacks."""
    lacking = 0
    for check in (_python, _tools, _engine, _cgroups, _kernel, _images, _disk, _artefact):
        for finding in check():
            print(finding, flush=True)
            lacking += finding.there is False
    print("a test bed can run here" if not lacking else f"a test bed cannot run here: {lacking} of the above lacks")
    return 1 if lacking else 0


def lacking_options(config: str) -> list[str]:
    """Which kernel options of those that are needed are neither built in nor modules, from the text of a kernel's .config."""
    return [name for name in _KERNEL if not re.search(rf"^CONFIG_{name}=[ym]$", config, re.MULTILINE)]


def _python() -> Iterator[Finding]:
    yield Finding("python3", sys.version_info >= (3, 9), f"{platform.python_version()} (3.9 or newer is needed)")


def _tools() -> Iterator[Finding]:
    for tool in ("ssh", "ssh-keygen"):
        path = shutil.which(tool)
        yield Finding(tool, bool(path or can_install()), path or missing("openssh-client"))


def _engine() -> Iterator[Finding]:
    client = shutil.which("docker")
    yield Finding("Docker client", bool(client or can_install()), client or missing("docker.io"))
    if engine.reachable():
        version, system = engine.docker("info", "--format", "{{.ServerVersion}}|{{.OperatingSystem}}").split("|")
        yield Finding("Docker engine", True, f"{version} answers ({system})")
        if "Desktop" in system:
            yield Finding("way to the hosts", False, "Docker Desktop keeps containers' addresses to itself: use an engine on Linux")
    elif os.geteuid():
        yield Finding("Docker engine", False, "none answers: start one, add this user to the group docker, or run as root")
    else:
        there = shutil.which("dockerd") is not None
        yield Finding("Docker engine", there or can_install(), "none answers, will be started" if there else missing("docker.io"))


def _cgroups() -> Iterator[Finding]:
    try:
        yield Finding("control groups", True, f"version 2 at {cgroups.source(Path('/proc/mounts').read_text())}")
    except (Failure, OSError) as error:
        yield Finding("control groups", False, str(error))


def _kernel() -> Iterator[Finding]:
    config = _kernel_config()
    if config is None:
        yield Finding("kernel", None, f"{platform.release()} does not show its configuration; needed are {', '.join(_KERNEL)}")
        return
    lacking = lacking_options(config)
    for name in lacking:
        yield Finding("kernel", False, f"CONFIG_{name} is off, which {_KERNEL[name]} needs: use another kernel")
    if not lacking:
        yield Finding("kernel", True, f"{platform.release()} has {', '.join(_KERNEL)}")


def _kernel_config() -> str | None:
    places: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (("/proc/config.gz", gzip.decompress), (f"/boot/config-{platform.release()}", bytes))
    for path, decode in places:
        try:
            return decode(Path(path).read_bytes()).decode(errors="replace")
        except OSError:
            continue
    return None


def _images() -> Iterator[Finding]:
    for image in images.SUITES:
        state = images.state(image)
        if state:
            yield Finding(f"image {image}", True, state)
        elif os.geteuid() == 0:
            yield Finding(f"image {image}", True, "not there, will be built (image registry, else debootstrap)")
        else:
            yield Finding(f"image {image}", None, "not there, will be built if an image registry answers; without one, by root only")


def _disk() -> Iterator[Finding]:
    root = engine.docker("info", "--format", "{{.DockerRootDir}}") if engine.reachable() else "/var/lib/docker"
    for subject, path, needed in (("disk for the cache", cache_dir(), 3), ("disk for the engine", Path(root), 5)):
        while not path.exists():
            path = path.parent
        free = shutil.disk_usage(path).free / _GIB
        yield Finding(subject, free >= needed, f"{free:.0f} GiB free at {path} ({needed} GiB are needed)")


def _artefact() -> Iterator[Finding]:
    if server.given():
        try:
            yield Finding("Qdrant server for tests", True, f"{server.version()}, {server.given()}")
        except Failure as failure:
            yield Finding("Qdrant server for tests", False, str(failure))
        return
    yield Finding("processor", platform.machine() == "x86_64", f"{platform.machine()} (the Qdrant server for tests is for x86_64)")
    yield Finding("Qdrant server for tests", *artefact.state())
