# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed anywhere is finished by the next one, and no node is left open or out of date."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

from conftest import ENVIRONMENT, PROJECT

KILLS = 6
# A run with changes takes longer than this on the slowest machine that was tried, so every kill finds it at work.
LONGEST = 14.0  # seconds


def changing_run(deployment, number: int) -> list[str]:
    """A run that has something to do on every node: other settings, new certificates, and so restarts."""
    level = ("DEBUG", "INFO", "WARN")[number % 3]
    extra = f'{{"qdrant_config": {{"log_level": "{level}"}}, "qdrant_tls_force_renewal": true}}'
    return ["ansible-playbook", "-i", str(deployment.inventory), "hardened.qdrant.site", "-e", extra]


def test_a_killed_run_is_finished_by_the_next(deployment):
    seed = int(os.environ.get("QDRANT_TEST_SEED", time.time()))
    print("QDRANT_TEST_SEED=%d repeats this" % seed)
    chance = random.Random(seed)
    for number in range(KILLS):
        moment = chance.uniform(2.0, LONGEST)
        process = subprocess.Popen(
            changing_run(deployment, number),
            cwd=PROJECT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    # The node finishes what it was told, a restart for instance, without anybody who listens.
    deployment.playbook("hardened.qdrant.site")
    again = deployment.playbook("hardened.qdrant.site")
    assert again.stdout.count("changed=0 ") == len(deployment.nodes) + len(deployment.outsiders), again.stdout[-1500:]
    assert "VERIFIED" in again.stdout + again.stderr
    for node in deployment.nodes:
        assert node.run("ls -A /etc/qdrant/tls/generations | grep -c pending", check=False).strip() == "0", node.name
        assert node.run("ls -A /etc/qdrant | grep -c '^\\.'", check=False).strip() == "0", "temporary files are left"
