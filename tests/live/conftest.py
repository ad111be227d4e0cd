# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of a deployment that runs: hosts over SSH, the real server, a real client.

QDRANT_TEST_INVENTORY names the inventory folder of a Molecule scenario; its verify step sets it and runs these tests. server.py says how tests say
which servers they are for.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import server

PROJECT = Path(__file__).parents[2]

# Without Molecule's log: it is what the tests search, and what they run themselves must not get into it.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_LOG", "ANSIBLE_DIFF"))}


NOT_RUN = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "since(version): does not run with an older server")
    config.addinivalue_line("markers", "until(version): does not run with this server, or a newer one")
    config.stash[NOT_RUN] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs another server. It must not be counted as passed, so it is skipped, and said by name in the end."""
    for item in items:
        firsts, ends = ([mark.args[0] for mark in item.iter_markers(name)] for name in ("since", "until"))
        if not firsts and not ends:
            continue
        first, end = max(firsts, key=server.parse, default=None), min(ends, key=server.parse, default=None)
        reason = server.need(first, end, server.name())
        if reason:
            name = "{}::{}".format(item.path.relative_to(PROJECT), item.nodeid.partition("::")[2])
            config.stash[NOT_RUN][name] = reason
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, reason in terminalreporter.config.stash[NOT_RUN].items():
        terminalreporter.write_line(f"NOT RUN {name}: {reason}")


@dataclass(frozen=True)
class Host:
    """A test host: its inventory variables, and a way to run things on it as root."""

    name: str
    vars: dict = field(repr=False)  # holds secrets, which a failing assertion must not show
    options: tuple[str, ...] = field(default=(), repr=False)  # further words for ssh

    @property
    def address(self) -> str:
        return self.vars["ansible_host"]

    def _ssh(self, command: str) -> list[str]:
        return [
            "ssh",
            *("-i", self.vars["ansible_ssh_private_key_file"]),
            *shlex.split(self.vars["ansible_ssh_common_args"]),
            *("-o", "BatchMode=yes", "-o", "LogLevel=ERROR"),
            *self.options,
            "{}@{}".format(self.vars["ansible_user"], self.address),
            command,
        ]

    def run(self, script: str, check: bool = True) -> str:
        """Run a shell script on the host as root, given on standard input; return its standard output."""
        result = subprocess.run(self._ssh("sudo sh -s"), input=script, capture_output=True, text=True, timeout=180, check=False)
        if check and result.returncode != 0:
            raise AssertionError(f"{self.name}: {script}\n{result.stderr}")
        return result.stdout

    def put(self, source: str, target: str) -> None:
        """Copy a file of the controller to the host, as root."""
        with open(source, "rb") as file:
            subprocess.run(self._ssh(f"sudo tee {shlex.quote(target)} >/dev/null"), stdin=file, check=True, timeout=180)


@dataclass(frozen=True)
class Deployment:
    """The scenario's hosts by role, and its secrets by name."""

    inventory: Path
    nodes: list[Host]
    outsiders: list[Host]
    spares: list[Host]
    proxies: list[Host]
    secrets: dict = field(repr=False)

    def unshared(self) -> Deployment:
        """Return the same hosts, each of whose commands makes a connection of its own."""
        roles = ("nodes", "outsiders", "spares", "proxies")
        return replace(self, **{role: [replace(host, options=()) for host in getattr(self, role)] for role in roles})

    @property
    def ca(self) -> str:
        return str(self.inventory / "group_vars" / "qdrant" / "ca.crt")

    def playbook(self, name: str, *arguments: str, limit: str = "", timeout: int = 600, check: bool = True) -> subprocess.CompletedProcess:
        """Run one of the collection's playbooks over the scenario's hosts, as a user would."""
        command = ["ansible-playbook", "--inventory", str(self.inventory), name, *arguments]
        if limit:
            command += ["--limit", limit]
        result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=PROJECT, stdin=subprocess.DEVNULL, env=ENVIRONMENT)
        if check and result.returncode != 0:
            raise AssertionError("{} failed:\n{}\n{}".format(" ".join(command), result.stdout[-6000:], result.stderr[-3000:]))
        return result


@pytest.fixture(scope="session")
def ssh_options(request) -> Iterator[tuple[str, ...]]:
    """Return the words that have a host's commands share one connection: a handshake takes ten times as long as what most of them do."""
    if any(item.path.parent.name == "firewall" for item in request.session.items):
        # There each command must find its own way, or else nobody sees that the hosts' firewalls let no new connection in.
        yield ()
        return
    # Below /tmp, since the path of a socket is short.
    with tempfile.TemporaryDirectory(prefix="live-", dir="/tmp") as folder:
        # A host that reboots leaves a connection on which nobody answers.
        alive = ("-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3")
        yield ("-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", f"ControlPath={folder}/%C", *alive)
        for socket in list(Path(folder).iterdir()):
            subprocess.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "host"], check=False, capture_output=True)


@pytest.fixture(scope="session")
def deployment(ssh_options) -> Deployment:
    inventory = Path(os.environ["QDRANT_TEST_INVENTORY"])
    command = ["ansible-inventory", "--inventory", str(inventory), "--list"]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=PROJECT, env=ENVIRONMENT).stdout)
    variables = listed["_meta"]["hostvars"]

    def hosts(group: str) -> list[Host]:
        return [Host(name, variables[name], ssh_options) for name in listed.get(group, {}).get("hosts", [])]

    nodes = hosts("qdrant")
    names = ("qdrant_api_key", "qdrant_read_only_api_key", "qdrant_tls_ca_private_key")
    return Deployment(inventory, nodes, hosts("outsiders"), hosts("spares"), hosts("qdrant_proxy"), {name: nodes[0].vars[name] for name in names})


@pytest.fixture(scope="session")
def nodes(deployment) -> list[Host]:
    return deployment.nodes
