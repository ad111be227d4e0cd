# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input is refused before any host is changed, and check mode changes nothing. The clean host is the outsider."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ENVIRONMENT, PROJECT

CASES = yaml.safe_load((Path(__file__).parent / "bad_inputs/cases.yml").read_text(encoding="utf-8"))

# What any login, and any look at packages, leaves behind is no change of ours.
# The audit log is of whoever asks meanwhile, verify among them.
UNINTERESTING = r"^/(proc|sys|run|dev|tmp|var/log|var/cache/apt|var/lib/systemd|var/lib/qdrant/storage/audit|var/tmp|home|root|opt/watch)(/|$)"


def snapshot(host) -> str:
    """Every file of the host with owner, mode, size and time of change, and its packages, users, units and tables."""
    return host.run(
        "find / -xdev \\( -type d -printf '%p %u %m\\n' \\) -o -printf '%p %u %m %s %T@\\n' | grep -vE '" + UNINTERESTING + "' | sort; "
        "dpkg-query -W; getent passwd; systemctl list-unit-files --no-legend --plain; nft list tables | sed '/ip nat/d'"
    )


def inventory(deployment, folder: Path, groups: dict) -> Path:
    """An inventory whose groups hold the clean host under names of their own, with the scenario's good variables.

    A variable that is None in a group is not there.
    """
    clean = deployment.outsiders[0]
    connection = {name: value for name, value in clean.vars.items() if name.startswith("ansible_")}
    children = {}
    for group, (variables, hosts) in groups.items():
        # Variables of hosts: those of a group in this file would lose against the folder group_vars.
        good = {**connection, "qdrant_address": clean.address, "qdrant_nodes_group": group}
        wanted = {name: value for name, value in {**good, **variables}.items() if value is not None}
        children[group] = {"hosts": {"%s-%d" % (group, number): {**wanted, **own} for number, own in enumerate(hosts)}}
    content = {"all": {"children": {"qdrant": {"children": children}}}}
    # JSON is YAML, and keeps a number that stands for a forgotten quote a number.
    (folder / "hosts.yml").write_text(json.dumps(content), encoding="utf-8")
    shutil.copytree(deployment.inventory / "group_vars", folder / "group_vars")
    return folder / "hosts.yml"


def refusals(path: Path) -> tuple[subprocess.CompletedProcess, dict]:
    """Run site; return the process, and by host the messages of its failed tasks."""
    environment = {**ENVIRONMENT, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_FORKS": "10"}
    command = ["ansible-playbook", "-i", str(path), "hardened.qdrant.site"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment, timeout=900)
    output = json.loads(result.stdout[result.stdout.index("{") :])
    messages: dict[str, list[str]] = {}
    for play in output["plays"]:
        for task in play["tasks"]:
            for host, outcome in task["hosts"].items():
                if outcome.get("failed"):
                    messages.setdefault(host, []).append(str(outcome.get("msg")))
    return result, messages


@pytest.fixture(scope="module")
def outcome(deployment, tmp_path_factory):
    """All cases in one run: they are hosts of one play, and the first refusal ends it before the next play begins."""
    clean = deployment.outsiders[0]
    state = json.dumps({"peer_address_by_id": {"1": "http://192.0.2.1:6335/"}})
    clean.run(f"mkdir -p /opt/watch/plaintext; echo '{state}' > /opt/watch/plaintext/raft_state.json")
    before = snapshot(clean)
    groups = {case["name"]: (case.get("vars", {}), case.get("hosts", [{}])) for case in CASES}
    result, messages = refusals(inventory(deployment, tmp_path_factory.mktemp("refusals"), groups))
    return result, messages, before, snapshot(clean)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_bad_input_is_refused_with_its_message(outcome, case):
    result, messages, _before, _after = outcome
    assert result.returncode != 0
    text = "\n".join(message for host, found in messages.items() if host.rpartition("-")[0] == case["name"] for message in found)
    for fragment in case["expect"]:
        assert fragment in text, text or sorted(messages)
    # One message with all that is wrong, for each host at most.
    assert all(len(found) == 1 for host, found in messages.items() if host.startswith(case["name"] + "-"))
    for name, value in case.get("vars", {}).items():
        if "key" in name and value:
            assert str(value) not in result.stdout, "the refusal shows the key"


def test_no_host_was_changed_by_refused_input(outcome):
    _result, _messages, before, after = outcome
    assert "/etc/passwd" in before
    assert after.splitlines() == before.splitlines()


def test_check_mode_predicts_on_a_clean_host_and_changes_nothing(deployment, tmp_path):
    clean = deployment.outsiders[0]
    # Without an address of the inventory's, the host's own is found out.
    path = inventory(deployment, tmp_path, {"clean": ({"qdrant_address": None}, [{}])})
    before = snapshot(clean)
    result = subprocess.run(
        ["ansible-playbook", "-i", str(path), "hardened.qdrant.site", "--check", "--diff"],
        capture_output=True, text=True, check=False, cwd=PROJECT, env=ENVIRONMENT, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]
    assert "failed=0" in result.stdout and "changed=0" not in result.stdout
    assert "enable_tls: true" in result.stdout, "the settings' difference is to be read"
    assert not any(secret in result.stdout for secret in deployment.secrets.values())
    assert snapshot(clean).splitlines() == before.splitlines()


def test_a_wrong_vault_password_is_said_to_be_one(deployment, tmp_path):
    wrong = tmp_path / "password"
    wrong.write_text("wrong")
    wrong.chmod(0o600)
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "ANSIBLE_VAULT_PASSWORD_FILE"}
    command = ["ansible-playbook", "-i", str(deployment.inventory), "hardened.qdrant.site", "--vault-password-file", str(wrong)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment, timeout=120)
    assert result.returncode != 0
    assert "ecrypt" in result.stdout + result.stderr
    assert "changed=1" not in result.stdout


def test_an_unreachable_node_stops_the_run_before_any_change(deployment, tmp_path):
    """A change without it would split the cluster."""
    node = deployment.nodes[0]
    before = node.run("systemctl show -p InvocationID --value qdrant; sha256sum /etc/qdrant/config.yaml")
    hosts = {"qdrant": {"hosts": {name: {**host.vars} for name, host in [(node.name, node)]}}}
    hosts["qdrant"]["hosts"]["lost"] = {**node.vars, "ansible_host": "127.0.0.1", "ansible_port": 1, "qdrant_address": "192.0.2.9"}
    path = tmp_path / "hosts.json"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        json.dump({"all": {"children": hosts}}, file)
    command = ["ansible-playbook", "-i", str(path), "hardened.qdrant.site"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, env=ENVIRONMENT, timeout=120)
    assert result.returncode != 0
    assert "changed=0" in result.stdout and "changed=1" not in result.stdout
    assert node.run("systemctl show -p InvocationID --value qdrant; sha256sum /etc/qdrant/config.yaml") == before
