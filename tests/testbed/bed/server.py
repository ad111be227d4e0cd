# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Qdrant server at hand: the file that QDRANT_TEST_SERVER names, or the pinned one.

What tests expect follows from its version, which the file itself says.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import artefact
from .shell import Failure

VARIABLE = "QDRANT_TEST_SERVER"
# How archives begin, and what unpacks them. A tar's mark stands further in.
_ARCHIVES = {b"\x1f\x8b": "tar -xzf", b"\xfd7zXZ": "tar -xJf", b"\x28\xb5\x2f\xfd": "tar --zstd -xf", b"BZh": "tar -xjf", b"PK\x03\x04": "unzip"}
_TAR_MARK = slice(257, 262)
# e_machine of elf(5), by what uname calls the processor.
_MACHINES = {"x86_64": 62, "aarch64": 183}
_WEAKNESSES = Path(__file__).resolve().parents[3] / "plugins/plugin_utils/_weaknesses.py"


@dataclass(frozen=True)
class Server:
    """A server: where it is, its version as in 1.19.0, and its SHA-256 in hexadecimal."""

    path: Path
    version: str
    sha256: str

    def answer(self) -> dict[str, object]:
        """All of it as plain data, with the known weaknesses of the version."""
        return {"path": str(self.path), "version": self.version, "sha256": self.sha256, "advisories": advisories(self.version)}


def given() -> str:
    """The file that the environment names; empty if it names none."""
    return os.environ.get(VARIABLE, "")


def at_hand() -> Server:
    """The server that tests run, which is fetched if it is the pinned one and not there.

    :raises Failure: the file that the environment names is no server for this machine, or the pinned one cannot be had.
    """
    if given():
        path = Path(os.path.abspath(given()))
        return Server(path, version_of(path), artefact.sha256(path))
    return Server(artefact.ensure(), artefact.QDRANT.version, artefact.QDRANT.sha256)


def version() -> str:
    """The version of the server at hand. Nothing is fetched for it.

    :raises Failure: as above.
    """
    return version_of(Path(os.path.abspath(given()))) if given() else artefact.QDRANT.version


def version_of(path: Path) -> str:
    """What a file says that it is, after a look at whether it can be a server at all.

    :raises Failure: what is wrong with it, and what to give instead.
    """
    if not path.is_file():
        raise Failure(f"{path} is {'a folder' if path.is_dir() else 'not there'}: give the path of a Qdrant server, the one file of a release")
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise Failure(f"{path} cannot be read ({error.strerror}): give a Qdrant server that this user can read") from error
    unpack = next((command for start, command in _ARCHIVES.items() if head.startswith(start)), "tar -xf" if head[_TAR_MARK] == b"ustar" else "")
    if unpack:
        raise Failure(f"{path} is an archive: unpack it ({unpack} {path}) and give the file qdrant in it")
    machine = platform.machine()
    if not _is_program(head, machine):
        raise Failure(f"{path} is no program for this machine: give a Qdrant server for Linux on {machine}")
    if not os.access(path, os.X_OK):
        raise Failure(f"{path} may not be executed: run chmod +x {path}, and give it again")
    said = _ask(path)
    found = re.fullmatch(r"qdrant (\d+\.\d+\.\d+)", said)
    if not found:
        first = said.partition("\n")[0][-200:]
        raise Failure(f"{path} --version says {first!r}, where a Qdrant server says e.g. 'qdrant 1.19.0': give the server of a release")
    return found[1]


def _is_program(head: bytes, machine: str) -> bool:
    """Whether a file that begins so is an ELF program for that processor, as elf(5) describes it."""
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return False
    order = "<" if head[5] == 1 else ">"
    kind, found = struct.unpack(order + "HH", head[16:20])
    # A program, or one that may lie anywhere in memory. For a processor that is not known here, the file itself is asked.
    return kind in (2, 3) and found == _MACHINES.get(machine, found)


def _ask(path: Path) -> str:
    """What it says for --version, or why it says nothing."""
    try:
        done = subprocess.run([str(path), "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stdout or done.stderr).decode(errors="replace").strip()


def advisories(version: str) -> list[str]:
    """The known weaknesses of a version, from the collection's own list. The file is loaded by its path: no collection is installed here."""
    spec = importlib.util.spec_from_file_location("_qdrant_weaknesses", _WEAKNESSES)
    assert spec and spec.loader, _WEAKNESSES
    weaknesses = importlib.util.module_from_spec(spec)
    # Where dataclasses look for their module.
    sys.modules[spec.name] = weaknesses
    spec.loader.exec_module(weaknesses)
    return weaknesses.own().of(weaknesses.version_of(version))
