# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running commands, telling progress, and failing with a message for the user."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_STARTED = time.monotonic()


class Failure(Exception):
    """What is wrong, and what to do about it. Shown without a traceback."""


def say(text: str) -> None:
    """Print a progress line with the seconds since the start. On stderr: stdout is for answers."""
    print(f"[{time.monotonic() - _STARTED:6.1f}s] {text}", file=sys.stderr, flush=True)


def run(argv: Sequence[str], *, stdin: bytes | None = None, timeout: float | None = None, log: Path | None = None) -> str:
    """Run a command and return its output, without the last line end.

    :param stdin: what the command reads; by default it reads nothing.
    :param timeout: seconds after which the command is killed.
    :param log: a file that receives all output instead.
    :raises Failure: the command is missing, too slow, or ends with an error.
    """
    shown = " ".join(argv)
    try:
        if log:
            with log.open("ab") as stream:
                done = subprocess.run(argv, input=stdin or b"", stdout=stream, stderr=stream, timeout=timeout, check=False)
            output, errors = "", tail(log)
        else:
            done = subprocess.run(argv, input=stdin or b"", capture_output=True, timeout=timeout, check=False)
            output, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace").strip()
    except FileNotFoundError as error:
        raise Failure(f"{argv[0]} is not installed (wanted for: {shown})") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"no end after {timeout:.0f} s: {shown}") from error
    if done.returncode:
        raise Failure(f"{shown}\n  ended with {done.returncode}: {errors or output.strip()}")
    return output.rstrip("\n")


def works(argv: Sequence[str], timeout: float | None = None) -> bool:
    """Whether a command ends well."""
    try:
        run(argv, timeout=timeout)
    except Failure:
        return False
    return True


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def cache_dir() -> Path:
    """What is worth keeping between runs, outside the checkout."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(base) / "hardened-qdrant"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process at a time do something, e.g. build one image. The kernel frees the lock of a killed process."""
    folder = cache_dir() / "locks"
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def can_install() -> bool:
    """Whether a Debian package can be installed on this machine."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def missing(package: str) -> str:
    """What to say of a program of a package that is not there."""
    return f"not there, will be installed (package {package})" if can_install() else f"not there: install the package {package}, or run as root on Debian"


def apt_install(package: str, wanted_for: str) -> None:
    """Install a Debian package on this machine.

    :raises Failure: this is not root, or has no apt-get.
    """
    if not can_install():
        raise Failure(f"{wanted_for}: {missing(package)}")
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q", "--no-install-recommends", package]
    with locked("apt"):
        say(f"installing {package} ({wanted_for})")
        if not works(command):
            run(["apt-get", "update", "-q"])
            run(command)
