# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine: reach it, or start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from .shell import Failure, apt_install, cache_dir, locked, run, say, tail, works

_PID_FILES = {"dockerd": Path("/var/run/docker.pid"), "containerd": Path("/var/run/docker/containerd/containerd.pid")}


def docker(*arguments: str, stdin: bytes | None = None, timeout: float | None = None) -> str:
    """Run a docker command and return its output.

    :raises Failure: it ends with an error.
    """
    return run(["docker", *arguments], stdin=stdin, timeout=timeout)


def reachable() -> bool:
    """Whether an engine answers."""
    return shutil.which("docker") is not None and works(["docker", "info"], timeout=20)


def is_live(pid_file: Path, command: str, proc: Path = Path("/proc")) -> bool:
    """Whether the process that the file names is a running `command`, and neither gone, a zombie, nor another program."""
    try:
        stat = (proc / str(int(pid_file.read_text())) / "stat").read_text()
    except (OSError, ValueError):
        return False
    # "PID (COMMAND) STATE ...": the command may hold spaces and parentheses itself (proc(5)).
    name, state = stat[stat.index("(") + 1 : stat.rindex(")")], stat[stat.rindex(")") + 2]
    return name == command and state not in "ZX"


def ensure() -> None:
    """Make sure that an engine answers, installing and starting one where that is possible.

    :raises Failure: it is not.
    """
    if reachable():
        return
    with locked("engine"):
        if reachable():
            return
        if os.geteuid():
            raise Failure("no Docker engine answers: start one, add this user to the group docker, or run as root")
        if not shutil.which("dockerd") or not shutil.which("docker"):
            apt_install("docker.io", "a Docker engine")
        _start()


def _start() -> None:
    if Path("/run/systemd/system").is_dir():
        say("starting the Docker engine (systemctl start docker)")
        run(["systemctl", "start", "docker"])
        return
    for command, pid_file in _PID_FILES.items():
        # An engine that was killed leaves the file, and the next one refuses to start once the number is in use again.
        if pid_file.exists() and not is_live(pid_file, command):
            pid_file.unlink()
    log = cache_dir() / "dockerd.log"
    say(f"starting the Docker engine (log: {log})")
    with log.open("wb") as stream:
        # A session of its own: the engine outlives this command and its terminal.
        engine = subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True, cwd="/")
    for _attempt in range(300):
        if reachable():
            return
        if engine.poll() is not None:
            break
        time.sleep(0.2)
    raise Failure(f"dockerd does not start; the end of {log}:\n{tail(log)}")
