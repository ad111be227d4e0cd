# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks share: hosts of their own, an inventory for them, and a clock."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TESTBED = str(PROJECT / "tests/testbed/testbed")
NAME = "bench"
IMAGES = ("debian12", "debian13")


@dataclass(frozen=True)
class Bed:
    """Test hosts with everything that site needs, and nothing deployed yet."""

    folder: Path
    inventory: str
    server: str
    environment: dict[str, str]

    def playbook(self, *words: str) -> list[str]:
        return ["ansible-playbook", "-i", self.inventory, *words]

    def timed(self, *command: str) -> float:
        """Seconds of wall time of a command, which must end well."""
        started = time.monotonic()
        result = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, env=self.environment, check=False)
        if result.returncode != 0:
            sys.exit("{}\n{}\n{}".format(" ".join(command), result.stdout[-3000:], result.stderr[-1000:]))
        return time.monotonic() - started

    def reset(self) -> None:
        """Fresh hosts under the same names."""
        run(TESTBED, "reset", NAME)


def run(*command: str, **named) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=PROJECT, **named).stdout


@contextlib.contextmanager
def bed(hosts: int, packages: tuple[str, ...] = ()) -> Iterator[Bed]:
    """Make that many hosts, Debian 12 and 13 in turn, and remove them in the end."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        environment = {**os.environ, "ANSIBLE_VAULT_PASSWORD_FILE": str(folder / "password")}
        (folder / "password").write_text("bench\n", encoding="ascii")
        inventory = folder / "hosts"
        server = json.loads(run(TESTBED, "server"))
        nodes = ["--host=node%d=%s" % (number, IMAGES[(number - 1) % 2]) for number in range(1, hosts + 1)]
        run(TESTBED, "up", NAME, *nodes, *("--with=" + package for package in packages), "--output", str(inventory))
        try:
            run("ansible-playbook", "hardened.qdrant.init", "-e", f"qdrant_init_dir={inventory}", "-e", "qdrant_release=none", env=environment)
            (inventory / "group_vars/qdrant/bench.yml").write_text(
                'qdrant_version: "{version}"\nqdrant_binary_file: {path}\nqdrant_checksum: {sha256}\nqdrant_verify_fail_on: high\n'.format(**server)
                + f"qdrant_verify_report_dir: {folder}/report\n",
                encoding="ascii",
            )
            yield Bed(folder, str(inventory), server["path"], environment)
        finally:
            run(TESTBED, "down", NAME)


def show(figures: dict[str, list[float]], ratios: list[tuple[str, str]]) -> None:
    """Print the medians of the figures (seconds, by name), and of the ratios between them, round by round."""
    for name, values in figures.items():
        print("%-32s median %5.1f s   (%s)" % (name, statistics.median(values), ", ".join(f"{value:.1f}" for value in values)))
    for name, other in ratios:
        found = [left / right for left, right in zip(figures[name], figures[other])]
        print("%s / %s: %.1f, median of %d (%s)" % (name, other, statistics.median(found), len(found), ", ".join(f"{ratio:.1f}" for ratio in found)))
