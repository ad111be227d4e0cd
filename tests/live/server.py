# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the version of the server at hand says about what to expect of it.

A test that needs another one is marked, and does not run: `@pytest.mark.since("1.17.0")`, or `@pytest.mark.until("1.17.0")` where that version is the
first one too new. One that runs with both, and expects another thing of each, asks `since`.
"""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

TESTBED = Path(__file__).parents[1] / "testbed/testbed"
# On a node, in a shell: settings that the server reads on top of those that a run writes.
ON_TOP = "$(systemctl show --property=RootDirectory --value qdrant)/config/local.yaml"
Version = tuple[int, ...]


def parse(text: str) -> Version:
    """A version as numbers, which compare as versions do."""
    return tuple(map(int, text.split(".")))


@functools.cache
def name() -> str:
    """The version of the server at hand, as in 1.19.0."""
    return subprocess.run([TESTBED, "server", "--version"], check=True, capture_output=True, text=True).stdout.strip()


def since(first: str) -> bool:
    """Whether the server at hand is of that version or a later one."""
    return parse(name()) >= parse(first)


def need(first: str | None, too_new: str | None, version: str) -> str:
    """Why something does not run with a server of this version; empty if it does. The words are what scripts/lib/outcome looks for.

    :param first: the first version that it runs with, if there is one.
    :param too_new: the first that it does not run with any more.
    """
    if first and parse(version) < parse(first):
        return f"needs Qdrant {first} or later, this is {version}"
    if too_new and parse(version) >= parse(too_new):
        return f"needs Qdrant older than {too_new}, this is {version}"
    return ""
