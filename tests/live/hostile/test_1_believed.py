# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hostile host answers sets no variable, opens no file, is no form that was not asked for, and steers no terminal. The others are served."""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path

import pytest

TEXT = "\nVERIFIED\n\x1b[2J\x1b]0;owned\x07\u202e\u200b"
NAMED = "node1 is not to be trusted"


@pytest.fixture(scope="session")
def needles(deployment) -> list[str]:
    """The keys of the vault, and of the CA's private key a line that is in no other."""
    line = max((line for line in deployment.secrets["qdrant_tls_ca_private_key"].split() if not line.startswith("-")), key=len)
    return [deployment.secrets["qdrant_api_key"], deployment.secrets["qdrant_read_only_api_key"], line]


def facts(deployment) -> dict:
    """What had the controller send a node the decrypted vault: facts outrank group variables, by Ansible's default."""
    vault = str(Path(deployment.inventory) / "group_vars/qdrant/vault.yml")
    return {
        "ansible_facts": {
            "qdrant_tls_provider": "csr",
            "qdrant_tls_csr_dir": "/tmp/hostile-requests",
            "qdrant_tls_ca_certificate": vault,
            "qdrant_outbound_ca_file": vault,
            "qdrant_firewall_clients": ["0.0.0.0/0"],
            "qdrant_verify_controls": [],
            "qdrant_verify_fail_on": "never",
            "qdrant_tls_acme_command": ["touch", "/tmp/hostile-ran"],
        }
    }


PLAYBOOKS = ["site", "verify", "rotate_certificates", "rotate_api_keys", "rolling_restart", "proxy", "tokens", "preflight"]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_facts_of_a_host_end_every_playbook(deployment, attacker, needles, playbook):
    attacker.answers({"module": ".", "merge": facts(deployment)})
    result = attacker.run(f"hardened.qdrant.{playbook}")
    assert result.returncode != 0
    assert NAMED in result.stdout + result.stderr and "qdrant_firewall_clients" in result.stdout + result.stderr
    assert attacker.asked() and attacker.heard(*needles) == []
    assert not Path("/tmp/hostile-ran").exists() and not Path("/tmp/hostile-requests").exists()


# Another file, which is copied to the nodes and never comes into use.
OTHER_RELEASE = {"qdrant_binary_file": __file__, "qdrant_checksum": hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}
# The module, a change that has it called, and the playbook. Ansible's own action plugins ask more than one module.
WAYS = [
    ("hardened.qdrant.qdrant_evidence", {}, "verify"),
    ("hardened.qdrant.qdrant_tls_info", {}, "verify"),
    ("hardened.qdrant.qdrant_cluster_info", {}, "rolling_restart"),
    ("ansible.legacy.copy", OTHER_RELEASE, "site"),
    ("ansible.legacy.stat", OTHER_RELEASE, "site"),
    ("hardened.qdrant.qdrant_plan_info", {}, "site"),
    ("hardened.qdrant.qdrant_files", {"qdrant_config": {"service": {"max_request_size_mb": secrets.randbelow(900) + 40}}}, "site"),
    ("ansible.builtin.systemd_service", {"qdrant_tls_timer": True}, "site"),
    ("hardened.qdrant.qdrant_certificate", {"qdrant_tls_force_renewal": True}, "rotate_certificates"),
    ("hardened.qdrant.qdrant_keys_info", {}, "rotate_api_keys"),
    ("hardened.qdrant.qdrant_files", {"qdrant_read_only_api_key": secrets.token_urlsafe(33)}, "rotate_api_keys"),
]


@pytest.mark.parametrize(("module", "change", "playbook"), WAYS)
def test_no_module_is_a_way_around(deployment, attacker, needles, module, change, playbook):
    """The host answers well until this one, and nothing is believed of it."""
    attacker.answers({"module": f"{module}$", "merge": facts(deployment)})
    result = attacker.run(f"hardened.qdrant.{playbook}", "-e", json.dumps(change))
    assert result.returncode != 0 and module in attacker.asked(), result.stdout[-3000:]
    assert NAMED in result.stdout + result.stderr and attacker.heard(needles[-1]) == []


def test_facts_of_an_earlier_play_are_refused(deployment, attacker, needles, folder):
    """A user's own play gathers facts first, or they come from a cache: nothing of this collection has seen them then."""
    attacker.answers({"module": "setup", "merge": facts(deployment)})
    play = folder / "own.yml"
    play.write_text("- {hosts: all, gather_facts: true}\n- ansible.builtin.import_playbook: hardened.qdrant.site\n")
    result = attacker.run(str(play))
    assert result.returncode != 0 and "Facts of node1 replace variables: qdrant_firewall_clients" in result.stdout + result.stderr
    assert attacker.heard(*needles) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"merge": {"msg": TEXT, "warnings": [TEXT], "exception": TEXT, "diff": {"before": TEXT, "after": "x"}}},
        {"merge": {"deprecations": [{"msg": TEXT, "version": "9"}]}},
        {"merge": {"failed": True, "msg": TEXT}, "ascii": False},
        {"merge": {"state": TEXT, "bootstrap": TEXT, "architecture": TEXT}},
        {"print": f"{TEXT} no answer {TEXT}"},
        {"print": f'{{"changed": false}} {TEXT}'},
        {"print": ""},
        {"print": "[]"},
        {"print": '{"a": ' * 5000},
        {"print": "", "stderr": f"{TEXT}\nVERIFIED: all controls hold\n", "exit": 255},
    ],
)
def test_no_answer_steers_a_terminal(attacker, rule):
    attacker.answers({"module": r"hardened\.qdrant", **rule})
    result = attacker.run("hardened.qdrant.preflight", "--diff", "-v")
    said = result.stdout + result.stderr
    assert "Traceback" not in said and "\nVERIFIED" not in said and said.replace("\n", "").isprintable(), ascii(said)[-2000:]


@pytest.mark.parametrize(
    ("module", "merge", "said"),
    [
        ("qdrant_node_info", {"tls": []}, "type dict at tls"),
        ("qdrant_node_info", {"tls": {"certificate": {}, "trust": 1}}, "type str at tls.certificate"),
        ("qdrant_node_info", {"time": "now"}, "type float at time"),
        ("qdrant_node_info", {"installed_version": ["1"]}, "type str at installed_version"),
        ("qdrant_node_info", {"releases": "all of them"}, "type list at releases"),
    ],
)
def test_an_answer_of_another_form_is_its_hosts_fault_alone(attacker, module, merge, said):
    attacker.answers({"module": module, "merge": merge})
    result = attacker.run("hardened.qdrant.preflight")
    text = result.stdout + result.stderr
    assert result.returncode != 0 and NAMED in text and said in text and "node2 is not to be trusted" not in text


def test_secrets_are_sent_to_no_file_of_a_host(deployment, attacker):
    """Without pipelining, which is Ansible's default, what modules are sent lies in the folder of the user of SSH, and stays there after a kill."""
    host = attacker.hosts[0]
    before = host.run("ls -A /home/*/.ansible/tmp 2>/dev/null || true")
    result = attacker.run("hardened.qdrant.rotate_api_keys", "-e", json.dumps({"qdrant_read_only_api_key": secrets.token_urlsafe(33)}), "--check")
    assert result.returncode == 0, result.stdout[-3000:]
    assert host.run("ls -A /home/*/.ansible/tmp 2>/dev/null || true") == before


def test_an_honest_python_is_believed_again(deployment):
    """What runs that ended left behind converges."""
    assert "\nVERIFIED" in deployment.playbook("hardened.qdrant.site").stdout


def test_facts_that_are_asked_for_are_no_variables(deployment, attacker):
    """Ansible's module for facts is asked where others should try a node."""
    attacker.answers({"module": "setup$", "merge": {**facts(deployment), "interfaces": "all"}})
    result = attacker.run("hardened.qdrant.verify")
    assert result.returncode == 0 and "\nVERIFIED" in result.stdout and "ansible.builtin.setup" in attacker.asked(), result.stdout[-3000:]
