# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container that would run open does not run: whatever was broken, whoever starts it, and after the engine, the container or the host went down."""

from __future__ import annotations

import subprocess
import time

import pytest
from conftest import PROJECT
from test_closed_from_the_start import test_no_stranger_was_let_in
from test_fail_closed import SECRETS

# The same as of native nodes.
__all__ = ["test_no_stranger_was_let_in"]

UNIT = "/etc/systemd/system/qdrant.service"

# How to break a node, and what its journal must say.
SABOTAGES = {
    "no_secrets": (f"rm {SECRETS}", "credentials"),
    "empty_secrets": (f"> {SECRETS}", "gate: the secrets cannot be read"),
    "empty_key": (f'echo \'{{"service": {{"api_key": ""}}}}\' > {SECRETS}', "gate: api_key is missing or too short"),
    "secrets_not_handed_over": (f"sed -i 's/--config-path=[^ ]*//' {UNIT}", "gate: REST answered a request without a key"),
    "secrets_not_mounted": (f"sed -i 's/^ *--mount=type=bind,src=[^ ]*credentials,.*/    \\\\/' {UNIT}", "gate: "),
    "settings_gone": ("rm /etc/qdrant/config.yaml", "gate: cannot judge"),
    "plaintext": (f"sed -i 's/--env=RUN_MODE=production/& --env=QDRANT__SERVICE__ENABLE_TLS=false/' {UNIT}", "gate: REST on port 6333 answers without TLS"),
    "key_of_another": ("openssl ecparam -name prime256v1 -genkey -noout > /etc/qdrant/tls/current/tls.key", "gate: "),
    "filter_gone": ("rm /etc/qdrant/seccomp.json", "gate: cannot judge"),
    "firewall_broken": ("echo nonsense > /etc/qdrant/firewall.nft; systemctl stop qdrant-firewall", "Dependency failed for qdrant.service"),
}


@pytest.fixture
def node(deployment):
    """A node whose files come back, and which runs again, whatever a test does to it."""
    node = deployment.nodes[0]
    node.run(f"rm -rf /run/saved; cp -a /etc/qdrant /run/saved; cp -a {UNIT} /run/saved.service")
    yield node
    node.run(
        f"rm -rf /etc/qdrant; mv /run/saved /etc/qdrant; mv /run/saved.service {UNIT}; systemctl daemon-reload; "
        "systemctl is-active --quiet qdrant || { systemctl stop qdrant; systemctl reset-failed; systemctl start qdrant-firewall qdrant; }"
    )
    assert node.run("systemctl is-active qdrant").strip() == "active"


def nothing_is_left(node) -> None:
    """No container that could be started, no copy of the secrets, and no network in which a port could be open."""
    assert node.run("docker ps --all --quiet; docker network ls --quiet --filter name=qdrant").strip() == ""
    assert node.run("ls /run/hardened-qdrant").split() == ["started.json"]
    assert node.run("ip -brief link show qdrant0 2>/dev/null; pidof qdrant", check=False).strip() == ""


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_broken_node_does_not_become_active(node, name):
    action, words = SABOTAGES[name]
    since = node.run(f"{action}; systemctl daemon-reload; date +%s.%N").split()[-1]
    node.run("systemctl restart qdrant", check=False)
    assert node.run("systemctl is-active qdrant", check=False).strip() != "active"
    node.run("systemctl stop qdrant")
    nothing_is_left(node)
    journal = node.run(f"journalctl --no-pager -o cat --since @{since}")
    assert words in journal, journal[-2000:]


def test_nobody_can_start_it_around_the_unit(node):
    """After a stop there is no container to start; and one that somebody makes as the unit does finds no secrets."""
    command = node.run("systemctl show --property=ExecStart --value qdrant").partition("argv[]=")[2].partition(" ; ignore_errors")[0]
    words = command.replace("bash -c 'exec 3<>/dev/tcp/172.31.253.2/6333'", "true").replace("--network=qdrant --ip=172.31.253.2", "")
    node.run("systemctl stop qdrant")
    nothing_is_left(node)
    assert node.run("docker start qdrant 2>&1", check=False).strip() != "qdrant"
    said = node.run(f"timeout 20 {words} 2>&1", check=False)
    assert "bind source path does not exist" in said, said
    nothing_is_left(node)


def invocation(node) -> str:
    return node.run("systemctl show --value -p InvocationID qdrant").strip()


def wait_until_active(node, before: str) -> None:
    """Until another process than before passed the gate."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if node.run("systemctl is-active qdrant", check=False).strip() == "active" and invocation(node) != before:
            return
        time.sleep(0.5)
    raise AssertionError(node.run("journalctl --no-pager -u qdrant -n 30", check=False))


@pytest.mark.parametrize("harm", ["docker kill qdrant", "systemctl restart docker", "kill -KILL $(systemctl show --value -p MainPID docker)"])
def test_what_goes_down_comes_back_through_the_gate(node, harm):
    before = invocation(node)
    node.run(harm)
    wait_until_active(node, before)
    started = node.run("journalctl --no-pager -o cat -u qdrant _SYSTEMD_INVOCATION_ID=%s + INVOCATION_ID=%s" % ((invocation(node),) * 2))
    assert "Started qdrant.service" in started


def test_a_reboot_brings_guard_engine_and_node_back_in_this_order(deployment):
    node, outsider = deployment.nodes[0], deployment.outsiders[0]
    name = "hardened-qdrant-{}-{}".format(node.vars["testbed_name"], node.name)
    subprocess.run(["docker", "restart", name], check=True, capture_output=True, cwd=PROJECT)
    deadline = time.monotonic() + 120
    state = ""
    while state != "active" and time.monotonic() < deadline:
        state = node.run("systemctl is-active qdrant", check=False).strip()
    assert state == "active", node.run("journalctl --no-pager -u qdrant -n 40", check=False)
    entered = node.run("for unit in qdrant-firewall docker qdrant; do systemctl show --value -p ActiveEnterTimestampMonotonic $unit; done")
    guard, engine, server = map(int, entered.split())
    assert 0 < guard < server and 0 < engine < server
    assert outsider.run(f"timeout 2 bash -c 'exec 3<>/dev/tcp/{node.address}/6333' 2>/dev/null || echo closed").strip() == "closed"
