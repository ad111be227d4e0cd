# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that answers what an attacker wants, and runs of playbooks as a user with a plain ansible.cfg has them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
# Nothing of this checkout's settings but where the collections are, and the vault's password.
KEPT = ("ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_VAULT_PASSWORD_FILE")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") or name in KEPT}


@dataclass
class Attacker:
    """Hosts of the deployment whose Python is an attacker's."""

    deployment: object = field(repr=False)
    folder: Path
    hosts: list = field(repr=False)

    def answers(self, *rules: dict) -> None:
        """Have the hosts answer by these rules from now on, and forget what they were sent."""
        for host in self.hosts:
            host.run(f"cat > /opt/hostile/plan.json <<'PLAN'\n{json.dumps(rules)}\nPLAN\nrm -f /opt/hostile/heard /opt/hostile/asked")

    def run(self, playbook: str, *arguments: str, timeout: int = 600, **environment: str) -> subprocess.CompletedProcess:
        """Run a playbook as users do, over the deployment with the attacker's Python on these hosts."""
        command = ["ansible-playbook", "-i", str(self.deployment.inventory), "-i", str(self.folder / "attacked.yml"), playbook, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL
        )

    def asked(self) -> list[str]:
        """The modules that the hosts were sent."""
        return [module for host in self.hosts for module in host.run("cat /opt/hostile/asked 2>/dev/null || true").split()]

    def heard(self, *needles: str) -> list[str]:
        """Those of the texts that the hosts were sent."""
        found = []
        for host in self.hosts:
            for needle in needles:
                script = f"grep -caF -f - /opt/hostile/heard 2>/dev/null <<'NEEDLE' || true\n{needle}\nNEEDLE"
                if host.run(script).strip() not in ("", "0"):
                    found.append(needle)
        return found


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Where a user works: a plain ansible.cfg, and nothing else."""
    path = tmp_path_factory.mktemp("user")
    (path / "ansible.cfg").write_text("[defaults]\n")
    return path


def attack(deployment, folder: Path, hosts: list) -> Attacker:
    for host in hosts:
        host.run("mkdir -p /opt/hostile; chmod 0777 /opt/hostile")
        host.put(str(HERE / "attacker.py"), "/opt/hostile/attacker.py")
        host.run("printf '#!/bin/sh\\nexec /usr/bin/python3 /opt/hostile/attacker.py \"$@\"\\n' > /opt/hostile/python; chmod 0755 /opt/hostile/python")
    attacked = {"all": {"hosts": {host.name: {"ansible_python_interpreter": "/opt/hostile/python"} for host in hosts}}}
    (folder / "attacked.yml").write_text(yaml.safe_dump(attacked))
    return Attacker(deployment, folder, hosts)


@pytest.fixture
def attacker(deployment, folder) -> Iterator[Attacker]:
    """The first node."""
    attacker = attack(deployment, folder, deployment.nodes[:1])
    attacker.answers()
    yield attacker
    attacker.answers()


@pytest.fixture
def attacked_proxy(deployment, folder) -> Iterator[Attacker]:
    attacker = attack(deployment, folder, deployment.proxies[:1])
    attacker.answers()
    yield attacker
    attacker.answers()
