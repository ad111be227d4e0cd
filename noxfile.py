# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of scripts/test as sessions of nox. What follows `--` goes to scripts/test, such as `--server FILE`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nox

PROGRAM = str(Path(__file__).parent / "scripts/test")

# Those that need neither a server nor hosts.
nox.options.sessions = ["unit", "lint", "sanity", "build", "docs"]


def _define(stage: str) -> None:
    # scripts/test has an environment of its own.
    @nox.session(name=stage, venv_backend="none")
    def _stage(session: nox.Session) -> None:
        session.run(PROGRAM, *session.posargs, stage, external=True)


for name in subprocess.run([PROGRAM, "--list"], check=True, capture_output=True, text=True).stdout.split():
    _define(name)
