# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that another party signs, on a node of its own: the outsider of the other tests. The tests build on each other."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from helpers import CLIENT, Office, on_its_own, pem, private

PORTS = "ss -Hltn 'sport = 6333 or sport = 6334'"
SERIAL = "openssl x509 -in /etc/qdrant/tls/current/tls.crt -noout -serial"


@pytest.fixture(scope="module")
def alone(deployment, tmp_path_factory):
    """A deployment of one node, and its office."""
    folder, office = tmp_path_factory.mktemp("alone"), Office()
    own = {
        "qdrant_tls_provider": "csr",
        "qdrant_tls_ca_certificate": pem(office.root),
        "qdrant_tls_csr_dir": str(folder / "csr"),
        "qdrant_verify_report_dir": str(folder / "report"),
        "qdrant_verify_fail_on": "high",
    }
    host = deployment.outsiders[0]
    return SimpleNamespace(deployment=on_its_own(deployment, folder, own), host=host, office=office, folder=folder, csr=folder / "csr" / host.name)


def site(alone, name="hardened.qdrant.site", check=True, **variables):
    return alone.deployment.playbook(name, *(("-e", json.dumps(variables)) if variables else ()), timeout=1200, check=check)


def test_a_request_is_collected_and_nothing_starts(alone):
    result = site(alone, check=False)
    assert result.returncode != 0 and "waits for its certificate" in result.stdout, result.stdout[-3000:]
    assert alone.csr.with_suffix(".csr").read_text(encoding="ascii").startswith("-----BEGIN CERTIFICATE REQUEST")
    assert alone.host.run(PORTS).strip() == ""


def test_what_was_signed_wrongly_is_refused_and_the_request_stays(alone):
    text = alone.csr.with_suffix(".csr").read_bytes()
    alone.csr.with_suffix(".crt").write_text(alone.office.sign(x509.load_pem_x509_csr(text), without=(CLIENT,)), encoding="ascii")
    result = site(alone, check=False)
    assert result.returncode != 0 and "lacks the extended key usage clientAuth" in result.stdout, result.stdout[-3000:]
    assert alone.csr.with_suffix(".csr").read_bytes() == text and alone.host.run(PORTS).strip() == ""


def test_the_run_goes_on_once_the_certificate_is_signed(alone):
    request = x509.load_pem_x509_csr(alone.csr.with_suffix(".csr").read_bytes())
    alone.csr.with_suffix(".crt").write_text(alone.office.sign(request), encoding="ascii")
    result = site(alone)
    assert "VERIFIED" in result.stdout + result.stderr
    again = site(alone, "hardened.qdrant.rotate_certificates")
    assert "changed=0 " in again.stdout and "nothing is due before" in again.stdout


def test_a_certificate_that_is_provided_replaces_it(alone):
    key, chain = alone.office.issue(alone.host.address)
    key_file = alone.folder / "node.key"
    key_file.write_text(key, encoding="ascii")
    key_file.chmod(0o600)
    own = {"qdrant_tls_provider": "provided", "qdrant_tls_provided_certificate": chain, "qdrant_tls_provided_private_key": str(key_file)}
    before = alone.host.run(SERIAL)
    result = site(alone, "hardened.qdrant.rotate_certificates", **own)
    assert alone.host.run(SERIAL) != before and "another certificate is provided" in result.stdout
    assert key.splitlines()[1] not in result.stdout + result.stderr
    assert "changed=0 " in site(alone, "hardened.qdrant.rotate_certificates", **own).stdout


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("key", "qdrant_tls_provided_certificate: it and its private key do not match"),
        ("address", "does not name IP:"),
        ("chain", "leads to no trusted CA"),
        ("encrypted", "openssl pkey"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_change(alone, what, expected):
    key, chain = alone.office.issue("192.0.2.9" if what == "address" else alone.host.address)
    if what == "key":
        key = private(ec.generate_private_key(ec.SECP256R1()))
    if what == "chain":
        chain = chain.split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    if what == "encrypted":
        word = serialization.BestAvailableEncryption(b"word")
        key = ec.generate_private_key(ec.SECP256R1()).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, word).decode()
    own = {"qdrant_tls_provider": "provided", "qdrant_tls_provided_certificate": chain, "qdrant_tls_provided_private_key": key}
    result = site(alone, check=False, **own)
    assert result.returncode != 0 and expected in result.stdout, result.stdout[-2000:]
    assert "changed=0 " in result.stdout and key.splitlines()[1] not in result.stdout + result.stderr


def test_a_node_whose_clock_is_off_is_refused_before_any_change(alone):
    alone.host.run("apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends faketime")
    alone.host.run("printf '#!/bin/sh\nexec faketime -f +1h /usr/bin/python3 \"$@\"\n' >/opt/late && chmod 755 /opt/late")
    try:
        result = site(alone, "hardened.qdrant.rotate_certificates", check=False, ansible_python_interpreter="/opt/late")
    finally:
        alone.host.run("rm /opt/late; apt-get -q -y purge faketime")
    printed = result.stdout + result.stderr
    assert result.returncode != 0 and "s away from the controller's, and certificates would not be valid yet" in printed, printed[-2000:]
    assert "changed=0 " in result.stdout


def test_days_left_are_told_and_judged(alone):
    early = site(alone, "hardened.qdrant.verify", qdrant_tls_warn_days=61)
    assert "The certificate that rest serves has" in early.stdout + early.stderr
    late = site(alone, "hardened.qdrant.verify", check=False, qdrant_tls_fail_days=61)
    assert late.returncode != 0 and "the limit is 61 (qdrant_tls_fail_days)" in late.stdout + late.stderr
