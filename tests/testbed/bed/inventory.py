# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Ansible inventory of a test bed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

USER = "admin"
OUTSIDERS = "outsiders"
# Containers have the limits of the engine that runs them, and cannot raise them: systemd in there gives a service what it has, not what it is told.
OPEN_FILES = 16384


@dataclass(frozen=True)
class Member:
    """One host as the inventory shows it."""

    name: str
    group: str
    ipv4: str
    ipv6: str


def render(testbed: str, members: Iterable[Member], *, gateway: str, gateway_ipv6: str, key: Path, known_hosts: Path) -> str:
    """The inventory as YAML text. Every value is written as JSON, which is YAML too."""
    members = list(members)
    # Only this key is offered and only these host keys are known: nothing depends on the user's own ~/.ssh.
    options = ["IdentitiesOnly=yes", "StrictHostKeyChecking=yes", f'UserKnownHostsFile="{known_hosts}"', "GlobalKnownHostsFile=/dev/null"]
    common = {
        "ansible_user": USER,
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": " ".join(f"-o {shlex.quote(option)}" for option in options),
        "ansible_python_interpreter": "/usr/bin/python3",
        "testbed_name": testbed,
        "testbed_gateway": gateway,
        "testbed_gateway_ipv6": gateway_ipv6,
        "qdrant_limit_nofile": OPEN_FILES,
    }
    lines = ["---", f"# Written by the test bed {testbed}; it is written again by every `testbed up`.", "all:", "  vars:"]
    lines += [f"    {name}: {json.dumps(value)}" for name, value in common.items()]
    lines += ["  children:"]
    for group in dict.fromkeys(member.group for member in members):
        lines += [f"    {group}:", "      hosts:"]
        for member in (member for member in members if member.group == group):
            lines += [f"        {member.name}:", f"          ansible_host: {json.dumps(member.ipv4)}"]
            lines += [f"          qdrant_address: {json.dumps(member.ipv4)}", f"          testbed_ipv6: {json.dumps(member.ipv6)}"]
    return "\n".join(lines) + "\n"
