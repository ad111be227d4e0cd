# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run prepares comes into use on a node right before its own restart. Until then whatever restarts it brings up what ran."""

from __future__ import annotations

import hashlib
import ssl
import time

import pytest
from test_refusals import snapshot

# What no host can run: a release for another machine, say. It passes for a server by its digest alone.
BROKEN = "\x7fELF no program of any machine\n"
SECONDS = 90  # for a node to come up again


def certificate(node) -> str:
    """The fingerprint of what REST serves."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((node.address, 6333), timeout=20))).hexdigest()


def state(node) -> tuple[str, str]:
    """The release and the settings that a start would use."""
    return node.run("readlink /opt/qdrant/current").strip(), node.run("sha256sum /etc/qdrant/config.yaml /etc/systemd/system/qdrant.service").strip()


def invocation(node) -> str:
    return node.run("systemctl show --value -p InvocationID qdrant").strip()


def comes_up_again(node, before: str) -> bool:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if invocation(node) != before and node.run("systemctl is-active qdrant", check=False).strip() == "active":
            return True
        time.sleep(1)
    return False


@pytest.fixture
def put_right(deployment):
    """Whatever a test does, the scenario goes on with a sound cluster."""
    yield
    deployment.playbook("hardened.qdrant.site")
    again = deployment.playbook("hardened.qdrant.site")
    assert again.stdout.count("changed=0 ") == len(deployment.nodes) + len(deployment.outsiders) and "VERIFIED" in again.stdout + again.stderr


def test_a_broken_release_and_its_settings_reach_one_node_alone(deployment, put_right, tmp_path):
    broken = tmp_path / "qdrant"
    broken.write_text(BROKEN)
    before = {node.name: state(node) for node in deployment.nodes}
    digest = hashlib.sha256(broken.read_bytes()).hexdigest()
    changes = ("-e", f"qdrant_binary_file={broken}", "-e", f"qdrant_checksum={digest}", "-e", '{"qdrant_config": {"log_level": "DEBUG"}}')
    failed = deployment.playbook("hardened.qdrant.site", *changes, check=False)
    output = failed.stdout + failed.stderr
    (first,) = (node for node in deployment.nodes if node.run("systemctl is-active qdrant", check=False).strip() != "active")
    second, third = (node for node in deployment.nodes if node is not first)
    assert failed.returncode != 0 and f"did not start on {first.name}, so it was left stopped" in output and "status=203/EXEC" in output, output[-3000:]
    assert "another architecture" in output, "the remedy"
    assert state(first) != before[first.name]
    # One that crashes, and one that an administrator restarts.
    for node, act in ((second, "kill -KILL $(systemctl show --value -p MainPID qdrant)"), (third, "systemctl restart qdrant")):
        assert state(node) == before[node.name], node.name
        started = invocation(node)
        node.run(act)
        assert comes_up_again(node, started), node.run("journalctl -u qdrant -n 20 --no-pager -o cat")


PLAY = """\
- hosts: qdrant
  become: true
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: hardened.qdrant.qdrant, tasks_from: preflight}
    - ansible.builtin.import_role: {name: hardened.qdrant.qdrant_tls}
      vars: {__qdrant_tls_staged: true, qdrant_tls_force_renewal: true}
"""


def test_a_certificate_that_waits_is_served_after_the_planned_restart(deployment, put_right, tmp_path):
    """As a run leaves it that is killed before its restarts."""
    play = tmp_path / "play.yml"
    play.write_text(PLAY)
    before = {node.name: certificate(node) for node in deployment.nodes}
    deployment.playbook(str(play))
    first = deployment.nodes[0]
    started = invocation(first)
    first.run("systemctl restart qdrant")
    assert comes_up_again(first, started) and certificate(first) == before[first.name]
    staged = {node.name: node.run("readlink /etc/qdrant/tls/next").strip() for node in deployment.nodes}
    finished = deployment.playbook("hardened.qdrant.site")
    assert "VERIFIED" in finished.stdout + finished.stderr
    for node in deployment.nodes:
        assert node.run("readlink /etc/qdrant/tls/current").strip() == staged[node.name], "no other certificate was made"
        assert node.run("ls -A /etc/qdrant/tls").split() == ["current", "generations"] and certificate(node) != before[node.name]


def test_check_mode_names_every_restart_and_changes_nothing(deployment):
    before = {node.name: (snapshot(node), invocation(node)) for node in deployment.nodes}
    checked = deployment.playbook("hardened.qdrant.site", "--check", "-e", '{"qdrant_config": {"log_level": "DEBUG"}, "qdrant_tls_force_renewal": true}')
    assert checked.stdout.count("would restart: /etc/qdrant/config.yaml changed, the certificate changes") == len(deployment.nodes), checked.stdout[-3000:]
    assert {node.name: (snapshot(node), invocation(node)) for node in deployment.nodes} == before


def test_starts_by_others_do_not_keep_a_run_from_restarting(deployment):
    """The unit gives up after five starts in two minutes, whoever asked for them: an administrator, or runs that were killed."""
    node = deployment.nodes[0]
    for _start in range(5):
        node.run("systemctl restart qdrant", check=False)
    restarted = deployment.playbook("hardened.qdrant.rolling_restart")
    assert "too often" not in restarted.stdout and comes_up_again(node, "")
