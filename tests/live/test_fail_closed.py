# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit itself refuses to run open: whoever starts it, and whatever was broken. Nothing is left listening."""

from __future__ import annotations

import pytest

SECRETS = "/etc/qdrant/secrets.yaml"
DROP_INS = "/run/systemd/system/qdrant.service.d"
MANAGER = "/run/systemd/system.conf.d"


def drop_in(*lines: str) -> str:
    """A script that puts lines into a drop-in of the unit's section Service."""
    quoted = " ".join(f"'{line}'" for line in lines)
    return f"mkdir -p {DROP_INS}; printf '%s\\n' '[Service]' {quoted} > {DROP_INS}/test.conf; systemctl daemon-reload"


HOLDS = "gate: the unit's environment holds"

# How to break a node, and what its journal must say.
SABOTAGES = {
    "no_secrets": (f"rm {SECRETS}", "credentials"),
    "empty_secrets": (f"> {SECRETS}", "gate: the secrets cannot be read"),
    "empty_key": (f'echo \'{{"service": {{"api_key": ""}}}}\' > {SECRETS}', "gate: api_key is missing or too short"),
    "no_section": (f"echo '{{}}' > {SECRETS}", "gate: the secrets cannot be read"),
    "garbage": (f"head -c 100 /dev/urandom > {SECRETS}", "gate: the secrets cannot be read"),
    "secrets_not_handed_over": (
        "sed -i 's/--config-path=[^ ]*//' /etc/systemd/system/qdrant.service; systemctl daemon-reload",
        "gate: REST answered a request without a key",
    ),
    "plaintext": (
        "sed -i '/^service:/,/^[a-z]/ s/  enable_tls: true/  enable_tls: false/' /etc/qdrant/config.yaml",
        "gate: REST on port 6333 answers without TLS",
    ),
    "setting_of_the_unit": (
        drop_in("UnsetEnvironment=", "Environment=RUN_MODE=development LD_AUDIT=/x QDRANT__SERVICE__ALT_API_KEY=key-of-an-intruder-00000000000000"),
        f"{HOLDS} LD_AUDIT, QDRANT__SERVICE__ALT_API_KEY, RUN_MODE, ",
    ),
    # Qdrant takes letters of any case.
    "setting_of_a_file": (
        f"echo qdrant__audit__enabled=false > /run/environment; {drop_in('EnvironmentFile=/run/environment')}",
        f"{HOLDS} qdrant__audit__enabled, ",
    ),
    "setting_of_the_manager": (
        "systemctl set-environment QDRANT__SERVICE__METRICS_PORT=6336 QDRANT__AUDIT__ENABLED=false FOO=bar",
        f"{HOLDS} QDRANT__AUDIT__ENABLED, QDRANT__SERVICE__METRICS_PORT, ",
    ),
    "setting_of_the_manager_for_good": (
        f"mkdir -p {MANAGER}; printf '[Manager]\\nDefaultEnvironment=QDRANT__CLUSTER__ENABLED=false\\n' > {MANAGER}/test.conf; systemctl daemon-reload",
        f"{HOLDS} QDRANT__CLUSTER__ENABLED, ",
    ),
    "key_of_another": ("openssl ecparam -name prime256v1 -genkey -noout > /etc/qdrant/tls/current/tls.key", "gate: "),
    "trust_of_the_host": (drop_in("Environment=SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"), "gate: SSL_CERT_FILE names '/etc/ssl/certs"),
    "trust_in_a_folder": (drop_in("UnsetEnvironment=", "Environment=SSL_CERT_DIR=/etc/ssl/certs"), "gate: SSL_CERT_DIR is set"),
    "trust_without_a_ca": ("echo nonsense > /etc/qdrant/tls/current/ca.crt", "gate: credential ca.crt cannot be read as CAs"),
    "firewall_broken": ("echo nonsense > /etc/qdrant/firewall.nft; systemctl stop qdrant-firewall", "Dependency failed for qdrant.service"),
}


@pytest.fixture
def node(deployment):
    """A node whose files come back, and which runs again, whatever a test does to it."""
    node = deployment.nodes[len(deployment.nodes) // 2]  # of three, the one with Debian 13
    node.run("rm -rf /run/saved; cp -a /etc/qdrant /run/saved; cp -a /etc/systemd/system/qdrant.service /run/saved.service")
    yield node
    node.run(
        "systemctl unset-environment QDRANT__SERVICE__METRICS_PORT QDRANT__AUDIT__ENABLED FOO QDRANT__CLUSTER__ENABLED; "
        f"rm -rf {MANAGER} /run/environment /etc/qdrant {DROP_INS}; mv /run/saved /etc/qdrant; "
        "mv /run/saved.service /etc/systemd/system/qdrant.service; systemctl daemon-reload; "
        "systemctl stop qdrant; systemctl reset-failed; systemctl start qdrant-firewall qdrant"
    )
    assert node.run("systemctl is-active qdrant").strip() == "active"


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_broken_node_does_not_become_active(node, name):
    action, words = SABOTAGES[name]
    since = node.run(f"{action}; date +%s.%N").split()[-1]
    node.run("systemctl restart qdrant", check=False)
    assert node.run("systemctl is-active qdrant", check=False).strip() != "active"
    node.run("systemctl stop qdrant")
    assert node.run("ss -Hltn 'sport >= 6333 and sport <= 6335'").strip() == ""
    journal = node.run(f"journalctl --no-pager -o cat --since @{since}")
    assert words in journal, journal[-2000:]
    assert "key-of-an-intruder" not in journal


def test_what_others_set_for_all_services_neither_stops_a_node_nor_reaches_its_server(node):
    """The unit takes away what is known by its name; what the server does not heed is nobody's business."""
    names = {"FOO": "bar", "RUST_LOG": "trace", "LD_PRELOAD": "/nonexistent.so", "HTTPS_PROXY": "http://192.0.2.1:3128", "QDRANT_NUM_CPUS": "1"}
    node.run("systemctl set-environment {}; systemctl restart qdrant".format(" ".join(f"{name}={value}" for name, value in names.items())))
    try:
        environment = node.run("tr '\\0' '\\n' </proc/$(systemctl show --property=MainPID --value qdrant)/environ").splitlines()
    finally:
        node.run("systemctl unset-environment {}".format(" ".join(names)))
    assert [line.partition("=")[0] for line in environment if line.partition("=")[0] in names] == ["FOO"]


def test_a_start_by_hand_passes_the_gate_too(node):
    node.run("systemctl stop qdrant && systemctl start qdrant")
    assert node.run("systemctl is-active qdrant").strip() == "active"
