# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that another party signs, on a node of its own: the outsider of the other tests. The tests build on each other."""

from __future__ import annotations

import ipaddress
import json
import os
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
PORTS = "ss -Hltn 'sport = 6333 or sport = 6334'"
SERIAL = "openssl x509 -in /etc/qdrant/tls/current/tls.crt -noout -serial"


def pem(certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def private(key) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class Office:
    """The user's CA: a root that nodes trust, and one between that signs."""

    def __init__(self) -> None:
        self.keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "between")}
        self.root = self._sign("root", self.keys["root"].public_key(), "root", ca=True)
        self.between = self._sign("between", self.keys["between"].public_key(), "root", ca=True)

    def _sign(self, subject, public_key, issuer, ca=False, extensions=()):
        def name(text):
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        now = datetime.now(timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=300 if ca else 60))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.keys[issuer], hashes.SHA256())

    def sign(self, request, without=()) -> str:
        """A request's certificate with all that it asks for, and its chain."""
        usages = [usage for usage in request.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value if usage not in without]
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return pem(self._sign("node", request.public_key(), "between", extensions=(x509.ExtendedKeyUsage(usages), names))) + pem(self.between)

    def issue(self, address: str) -> tuple[str, str]:
        """A key that the office makes, and its certificate with chain."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = self._sign("node", key.public_key(), "between", extensions=(x509.ExtendedKeyUsage([SERVER, CLIENT]), names))
        return private(key), pem(certificate) + pem(self.between)


@pytest.fixture(scope="module")
def alone(deployment, tmp_path_factory):
    """A deployment of one node, and its office."""
    folder = tmp_path_factory.mktemp("alone")
    host, office = deployment.outsiders[0], Office()
    settings = {name: value for name, value in deployment.nodes[0].vars.items() if name.startswith("qdrant_") and not name.startswith("qdrant_tls_")}
    connection = {name: value for name, value in host.vars.items() if not name.startswith("qdrant_")}
    own = {
        "qdrant_address": host.address,
        "qdrant_tls_provider": "csr",
        "qdrant_tls_ca_certificate": pem(office.root),
        "qdrant_tls_csr_dir": str(folder / "csr"),
        "qdrant_verify_report_dir": str(folder / "report"),
        "qdrant_verify_fail_on": "high",
        # The file is its owner's alone, and gone with the test.
        "qdrant_accepted_risks": [{"risk": "plaintext-secrets", "reason": "The inventory of a test."}],
    }
    inventory = folder / "hosts.json"
    with open(os.open(inventory, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        json.dump({"all": {"children": {"qdrant": {"hosts": {host.name: {**settings, **connection, **own}}}}}}, file)
    return SimpleNamespace(deployment=replace(deployment, inventory=inventory), host=host, office=office, folder=folder, csr=folder / "csr" / host.name)


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


def test_days_left_are_told_and_judged(alone):
    early = site(alone, "hardened.qdrant.verify", qdrant_tls_warn_days=61)
    assert "The certificate that rest serves has" in early.stdout + early.stderr
    late = site(alone, "hardened.qdrant.verify", check=False, qdrant_tls_fail_days=61)
    assert late.returncode != 0 and "Run hardened.qdrant.rotate_certificates" in late.stdout
