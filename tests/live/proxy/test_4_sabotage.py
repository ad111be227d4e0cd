# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy that somebody breaks by hand: each weakness is caught by its control, and by no other."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.hardened.qdrant.plugins.action import qdrant_verify
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _clients, _controls, _derived
from conftest import ENVIRONMENT, PROJECT
from fixtures import proxies, proxy

# Fixtures.
__all__ = ["proxies", "proxy"]

CONTROLS = [control for control in _controls.catalogue() if control.subject == "proxy"]
CONF = "/etc/qdrant-proxy/nginx.conf"
DROP_INS = "/etc/systemd/system/qdrant-proxy.service.d"
TLS = "/etc/qdrant-proxy/tls/current"

# What is done by hand, and the controls that must catch it. Weaknesses that do not touch each other share a round.
ROUNDS = {
    "files and unit": (
        "mkdir -p /etc/systemd/system/qdrant-proxy.service.d; printf '[Service]\\nProtectSystem=no\\nProtectKernelTunables=no\\n"
        "ProtectClock=no\\nRestrictNamespaces=no\\n' > /etc/systemd/system/qdrant-proxy.service.d/weak.conf; systemctl disable qdrant-proxy; "
        f"systemctl daemon-reload; chmod 0644 /etc/qdrant-proxy/tls/current/tls.key; chmod 0666 {CONF}; echo >> /etc/qdrant-proxy/upstream-ca.crt",
        {"proxy-unit-no-drop-ins", "proxy-unit-exposure", "proxy-unit-enabled", "proxy-files-key", "proxy-files-root-only", "proxy-process-up-to-date"},
    ),
    "settings": (
        "sed -i -E 's/^( +proxy_ssl_verify) on/\\1 off/; s/ssl_protocols TLSv1.2/ssl_protocols TLSv1 TLSv1.1 TLSv1.2/; "
        "s/^( +ssl_ciphers) .*/\\1 ALL:@SECLEVEL=0;/; "
        "s/^ +add_header Strict.*//; s/^ +if ..qdrant_(rest|grpc)_closed.*//; "
        "s/^ +error_page 400 497.*//; s/\"id\":/\"query\":\"$args\",\"id\":/; "
        f"s/^( +)ssl_session_tickets.*/\\1ssl_verify_client optional_no_ca;/' {CONF}; "
        "systemctl reload qdrant-proxy; sleep 2",
        {"proxy-nodes-verified", "proxy-rest-outdated-version", "proxy-rest-outdated-suite", "proxy-grpc-outdated-version", "proxy-grpc-outdated-suite",
         "proxy-client-certificates", "proxy-hsts", "proxy-rest-closed", "proxy-grpc-closed", "proxy-rest-plaintext", "proxy-grpc-plaintext",
         "proxy-log-without-keys"},
    ),
    "trust": (
        "cp /etc/ssl/certs/ssl-cert-snakeoil.pem /etc/qdrant-proxy/upstream-ca.crt 2>/dev/null || openssl req -x509 -newkey ec -pkeyopt "
        "ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=other -out /etc/qdrant-proxy/upstream-ca.crt 2>/dev/null; "
        f"sed -i -E 's/^( +access_log) .*/\\1 off;/' {CONF}; systemctl reload qdrant-proxy; sleep 2",
        # Without nodes that it trusts, it answers 502: nobody is let in, but that is not what those controls want to see.
        {"proxy-nodes-certificates", "proxy-log-there", "proxy-rest-anonymous", "proxy-grpc-anonymous"},
    ),
    # Root, with all its rights and a shell in reach, and a program that nobody installed.
    "process": (
        f"cp /usr/sbin/nginx /usr/local/sbin/other; mkdir -p {DROP_INS}; printf '[Service]\\nUser=root\\nGroup=root\\nCapabilityBoundingSet=~\\n"
        "NoNewPrivileges=no\\nRestrictSUIDSGID=no\\nRestrictNamespaces=no\\nRootDirectory=\\nPrivateUsers=no\\nSystemCallFilter=\\nProtectClock=no\\n"
        "ProtectKernelLogs=no\\nProtectKernelModules=no\\nProtectKernelTunables=no\\nProtectHostname=no\\nMemoryDenyWriteExecute=no\\nLockPersonality=no\\n"
        "RestrictRealtime=no\\nRestrictAddressFamilies=\\nSystemCallArchitectures=\\nPrivateDevices=no\\nKeyringMode=inherit\\nExecStart=\\n"
        f"ExecStart=/usr/local/sbin/other -e stderr -c /opt/qdrant-proxy/settings/current/nginx.conf\\n' > {DROP_INS}/weak.conf; systemctl daemon-reload; "
        "systemctl restart qdrant-proxy; sleep 1",
        {"proxy-process-unprivileged", "proxy-process-capabilities", "proxy-process-no-shell", "proxy-process-is-installed", "proxy-unit-no-drop-ins",
         "proxy-unit-exposure"},
    ),
    # A client's certificate of the nodes' CA, which opens the cluster port and ends soon: on disk alone, and then served.
    "certificate on disk": (
        f"cat /run/intruder.crt > {TLS}/tls.crt; cat /run/intruder.key > {TLS}/tls.key",
        {"proxy-certificate-no-peer", "proxy-certificate-expiry", "proxy-rest-served-is-on-disk", "proxy-grpc-served-is-on-disk", "proxy-process-up-to-date"},
    ),
    "certificate served": (
        f"cat /run/intruder.crt > {TLS}/tls.crt; cat /run/intruder.key > {TLS}/tls.key; systemctl reload qdrant-proxy; sleep 2",
        {"proxy-certificate-no-peer", "proxy-certificate-expiry", "proxy-rest-verifies", "proxy-grpc-verifies"},
    ),
}  # fmt: skip
STOPPED = {"proxy-unit-active"}  # and all that only a running proxy answers


@pytest.fixture(scope="module")
def intruder(deployment, proxy, tmp_path_factory):
    """A client's certificate of the nodes' CA, as whoever has that CA's key can make it, on the proxy's host."""
    now, life = datetime.now(UTC), timedelta(days=3)
    authority = _authority.load(deployment.nodes[0].vars["qdrant_tls_ca_certificate"], deployment.secrets["qdrant_tls_ca_private_key"], now, life)
    folder = tmp_path_factory.mktemp("intruder")
    for ending, text in zip(("key", "crt"), _clients.issue(authority, "intruder", "ecdsa-p256", life, now)):
        (folder / ending).write_text(text, encoding="ascii")
        proxy.host.put(str(folder / ending), "/run/intruder." + ending)
    yield
    proxy.host.run("rm -f /run/intruder.*")


def failing(deployment, proxy) -> dict[str, str]:
    command = ["ansible", "-i", str(deployment.inventory), proxy.host.name, "--become", "-m", "hardened.qdrant.qdrant_proxy_evidence"]
    environment = {**ENVIRONMENT, "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT, env=environment, timeout=180)
    output = json.loads(result.stdout[result.stdout.index("{") :])
    seen = {"proxy": output["plays"][0]["tasks"][0]["hosts"][proxy.host.name]["proxy"]}
    document = _derived.with_knowledge(seen, qdrant_verify.FAIL_DAYS)
    findings = [_controls.judge(control, document) for control in CONTROLS]
    return {finding.control.id: finding.text for finding in findings if finding.state in ("failed", "error")}


def test_a_sound_proxy_passes(deployment, proxy):
    assert failing(deployment, proxy) == {}


@pytest.mark.parametrize("name", ROUNDS)
def test_what_is_broken_is_caught(deployment, proxy, intruder, name):
    script, expected = ROUNDS[name]
    proxy.host.run("cp -a /etc/qdrant-proxy /run/kept-proxy")
    try:
        proxy.host.run(script)
        assert set(failing(deployment, proxy)) == expected
    finally:
        proxy.host.run(
            "cp -a /run/kept-proxy/. /etc/qdrant-proxy/; rm -rf /run/kept-proxy {} /usr/local/sbin/other; "
            "systemctl daemon-reload; systemctl enable -q qdrant-proxy; systemctl {} qdrant-proxy".format(
                DROP_INS, "restart" if name == "process" else "reload"
            )
        )


def test_a_proxy_that_does_not_run_is_caught(deployment, proxy):
    proxy.host.run("systemctl stop qdrant-proxy")
    try:
        assert set(failing(deployment, proxy)) >= STOPPED
    finally:
        proxy.host.run("systemctl start qdrant-proxy")


def test_each_control_of_a_proxy_was_turned_red():
    assert STOPPED.union(*(expected for _script, expected in ROUNDS.values())) == {control.id for control in CONTROLS}
