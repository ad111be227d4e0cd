# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that servers sign: a real ACME server, and what stands for Vault. On the node that test_sources left; the tests build on each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest
from helpers import CLIENT, ENVIRONMENT, HURRY, ISSUE, PROJECT, TRIAL, Office, nothing_is_left, on_its_own, pem, run_for, serial
from prometheus_client.parser import text_string_to_metric_families
from servers import Vault

TOKEN = "hvs.a-token-that-nobody-may-see"
ROTATE = "hardened.qdrant.rotate_certificates"
METRIC = "/var/lib/prometheus/node-exporter/hardened_qdrant_certificate.prom"


def test_a_killed_order_is_finished_by_the_next_run(acme):
    before = serial(acme.host)
    words = json.dumps({"qdrant_tls_force_renewal": True, "test_pause": 60})
    process = subprocess.Popen(
        ["ansible-playbook", "-i", str(acme.deployment.inventory), ISSUE, "-e", words],
        cwd=PROJECT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not acme.host.run("find /srv/acme -type f").strip():
        assert time.monotonic() < deadline and process.poll() is None, "no challenge was answered"
        time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert serial(acme.host) == before
    run_for(acme, qdrant_tls_force_renewal=True)
    assert serial(acme.host) != before
    nothing_is_left(acme)


def test_names_are_proved_by_dns_through_a_command(acme):
    command = acme.folder / "answer"
    command.write_text(
        '#!/bin/sh\n# ACTION TYPE IDENTIFIER RESOURCE VALUE\nset -eu\necho "$1 $2 $3" >>{folder}/told\n'
        "case $2 in\n"
        '  dns-01) [ $1 = present ] && echo "$4 $5" >>{folder}/records || : >{folder}/records ;;\n'
        "  http-01) {ssh} \"sudo sh -c 'mkdir -p \\$(dirname /srv/acme/$4); printf %s $5 >/srv/acme/$4; [ $1 = present ] || rm /srv/acme/$4'\" ;;\n"
        "esac\n".format(folder=acme.folder, ssh=" ".join(f"'{word}'" for word in acme.host._ssh("")[:-1])),
        encoding="ascii",
    )
    command.chmod(0o755)
    run_for(
        acme,
        qdrant_tls_extra_names=["qdrant.example.com"],
        qdrant_tls_acme_challenge="dns-01",
        qdrant_tls_acme_hook="",
        qdrant_tls_acme_command=[str(command)],
    )
    text = acme.host.run(f"openssl x509 -in {TRIAL}/current/tls.crt -noout -ext subjectAltName")
    assert "DNS:qdrant.example.com" in text and f"IP Address:{acme.host.address}" in text, text
    told = (acme.folder / "told").read_text(encoding="ascii").splitlines()
    proofs = ["dns-01 qdrant.example.com", f"http-01 {acme.host.address}"]
    assert sorted(told) == sorted(f"{action} {proof}" for action in ("present", "absent") for proof in proofs)
    assert "_acme-challenge.qdrant.example.com" in acme.server.names.asked and acme.server.records.read_text(encoding="ascii") == ""
    nothing_is_left(acme)


def test_a_public_ca_is_refused_before_any_change(acme):
    result = run_for(acme, ROTATE, check=False, qdrant_tls_acme_directory="https://acme-v02.api.letsencrypt.org/directory", qdrant_tls_dir="/etc/qdrant/tls")
    assert result.returncode != 0 and "changed=0 " in result.stdout
    assert "it lacks the extended key usage clientAuth" in result.stdout and "on the proxy in front of them" in result.stdout


def test_qdrant_serves_it_and_the_timer_tells_so(acme):
    before = serial(acme.host, "/etc/qdrant/tls")
    own = {"qdrant_tls_dir": "/etc/qdrant/tls", "qdrant_tls_timer": True}
    # Another CA, and one node: there is no peer to go on trusting, and the node need not serve what the old CA signed.
    result = run_for(acme, "hardened.qdrant.site", qdrant_restart_strategy="parallel", **own)
    printed = result.stdout + result.stderr
    assert "NOT VERIFIED" not in printed and "VERIFIED" in printed and serial(acme.host, "/etc/qdrant/tls") != before
    acme.host.run("systemctl start qdrant-expiry.service")
    samples = {
        (sample.labels.get("source"), sample.labels.get("port")): sample.value
        for family in text_string_to_metric_families(acme.host.run("cat " + METRIC))
        for sample in family.samples
        if sample.name == "hardened_qdrant_certificate_expiry_timestamp_seconds"
    }
    # A node on its own has no cluster's port.
    assert set(samples) == {("disk", None), ("served", "6333"), ("served", "6334")}
    assert len(set(samples.values())) == 1 and 59 < (samples["disk", None] - time.time()) / 86400 < 61
    assert acme.host.run(f"stat -c '%a %U' {METRIC}").strip() == "644 root"
    assert "The certificate on port 6333 has" in acme.host.run("journalctl -u qdrant-expiry.service -o cat --no-pager")
    assert acme.host.run("systemctl is-enabled qdrant-expiry.timer").strip() == "enabled"
    # Its confinement, by systemd's own measure, in tenths.
    exposure = acme.host.run("systemd-analyze security --no-pager qdrant-expiry.service | tail -1")
    assert float(exposure.split(": ")[1].split()[0]) < 2, exposure
    # What is not there is a warning, and a limit that is reached fails the unit.
    again = run_for(acme, "hardened.qdrant.site", **own)
    assert "changed=0 " in again.stdout, again.stdout[-2000:]


def test_a_certificate_that_ends_soon_fails_the_timers_unit(acme):
    # As root would see it with the limits of the inventory: the unit's own command, with another limit.
    script = "sed 's/--fail-days=[0-9]*/--fail-days=61/' /etc/systemd/system/qdrant-expiry.service > /run/systemd/system/trial-expiry.service"
    acme.host.run(script + "; systemctl daemon-reload; systemctl start trial-expiry.service || true")
    assert acme.host.run("systemctl is-failed trial-expiry.service", check=False).strip() == "failed"
    assert "Run hardened.qdrant.rotate_certificates." in acme.host.run("journalctl -u trial-expiry.service -p err -o cat --no-pager")
    acme.host.run("rm /run/systemd/system/trial-expiry.service; systemctl reset-failed trial-expiry.service; systemctl daemon-reload")


def test_without_the_option_the_timer_goes(acme):
    run_for(acme, qdrant_tls_dir="/etc/qdrant/tls", qdrant_tls_timer=False)
    left = acme.host.run(f"ls -d /opt/qdrant/expiry /etc/systemd/system/qdrant-expiry.* {METRIC} 2>/dev/null", check=False)
    assert left.strip() == "" and acme.host.run("systemctl list-timers --all --no-legend qdrant-expiry.timer").strip() == ""


def test_it_is_renewed_when_due(acme, hurried):
    folder = TRIAL + "-hurried"
    before = serial(acme.host, folder)
    end = float(acme.host.run(f'date -d "$(openssl x509 -in {folder}/current/tls.crt -noout -enddate | cut -d= -f2)" +%s'))
    time.sleep(max(0.0, end - HURRY / 4 - time.time()))
    assert "changed=0 " not in run_for(acme, **hurried).stdout and serial(acme.host, folder) != before


# --- HashiCorp Vault: the contract alone; there is no server for the tests -----------------------------------------------


@pytest.fixture(scope="module")
def vault_pki(deployment, tmp_path_factory):
    folder, host, office = tmp_path_factory.mktemp("vault"), deployment.outsiders[0], Office()
    server = Vault(folder, office, TOKEN)
    own = {
        "qdrant_tls_provider": "vault_pki",
        "qdrant_tls_dir": TRIAL + "-vault",
        "qdrant_tls_csr_dir": str(folder / "waiting"),
        "qdrant_tls_ca_certificate": pem(office.root),
        "qdrant_tls_vault_url": server.url,
        "qdrant_tls_vault_ca_file": str(server.ca),
        "qdrant_tls_vault_token": TOKEN,
        "qdrant_tls_vault_namespace": "databases",
        "qdrant_tls_vault_mount": "pki-nodes",
        "qdrant_tls_vault_role": "qdrant",
        "qdrant_tls_extra_names": ["qdrant.example.com"],
    }
    yield SimpleNamespace(deployment=on_its_own(deployment, folder, own), host=host, server=server, folder=folder)
    host.run(f"rm -rf {TRIAL}-vault")
    server.close()


def test_vault_that_signs_too_little_is_refused(vault_pki):
    vault_pki.server.without = (CLIENT,)
    result = run_for(vault_pki, check=False)
    assert result.returncode != 0 and "lacks the extended key usage clientAuth" in result.stdout and "client_flag" in result.stdout
    # What cannot be used is not kept, or the next run would find it again.
    assert not (vault_pki.folder / "waiting" / (vault_pki.host.name + ".crt")).exists()
    vault_pki.server.without = ()


def test_vault_signs_the_nodes_request_and_sees_nothing_else(vault_pki):
    vault_pki.server.asked.clear()
    result = run_for(vault_pki, verbose=True)
    place, namespace, body = vault_pki.server.asked[-1]
    assert place.split()[1] == "/v1/pki-nodes/sign/qdrant" and namespace == "databases" and len(vault_pki.server.asked) == 1
    assert body["csr"].startswith("-----BEGIN CERTIFICATE REQUEST-----") and "PRIVATE KEY" not in json.dumps(body)
    assert (body["common_name"], body["format"], body["ttl"], body["ip_sans"]) == (vault_pki.host.name, "pem", "2160h", vault_pki.host.address)
    assert body["alt_names"].split(",") == [vault_pki.host.name, "qdrant.example.com"]
    assert TOKEN not in result.stdout + result.stderr
    # The node's own and the one between: a root is nothing to show.
    chain = vault_pki.host.run(f"grep -c BEGIN {TRIAL}-vault/current/tls.crt").strip()
    assert chain == "2" and "changed=0 " in run_for(vault_pki).stdout


def test_vault_that_refuses_the_token_leaves_the_node_as_it_is(vault_pki):
    before = serial(vault_pki.host, TRIAL + "-vault")
    wrong = "hvs.another-token"
    result = run_for(vault_pki, check=False, verbose=True, qdrant_tls_force_renewal=True, qdrant_tls_vault_token=wrong)
    assert result.returncode != 0 and "Forbidden" in result.stdout, result.stdout[-2000:]
    # The command line that this test gives is the one place where it stands.
    assert wrong not in result.stdout.replace(json.dumps(wrong), "") and serial(vault_pki.host, TRIAL + "-vault") == before
