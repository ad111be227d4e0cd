# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA: made, refused where it cannot sign, and what it signs."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

NOW = datetime.now(timezone.utc)
LIFE = timedelta(days=90)


def pem(key, password=None) -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def make(key=None, *, start=NOW - timedelta(days=1), end=NOW + timedelta(days=1000), ca=True, signs=True, extensions=True) -> tuple[str, str]:
    """A CA that differs from a good one in one way."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(start).not_valid_after(end)
    )  # fmt: skip
    if extensions:
        usage = x509.KeyUsage(not signs, False, False, False, False, signs, False, False, False)
        builder = builder.add_extension(x509.BasicConstraints(ca, None), True).add_extension(usage, True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM).decode(), pem(key)


def refusal(certificate, key) -> str:
    with pytest.raises(_authority.AuthorityError) as error:
        _authority.load(certificate, key, NOW, LIFE)
    assert "PRIVATE KEY-----" not in str(error.value)
    return str(error.value)


def test_a_made_authority_can_be_used():
    authority = _authority.load(*_authority.create("test", NOW), NOW, LIFE)
    constraints = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)


GOOD, OTHER = make(), make()


@pytest.mark.parametrize(
    ("certificate", "key", "expected"),
    [
        ("", GOOD[1], "qdrant_tls_ca_certificate is not a certificate"),
        (None, GOOD[1], "qdrant_tls_ca_certificate is not a certificate"),
        (GOOD[0], "", "qdrant_tls_ca_private_key is not a private key"),
        (GOOD[0], 7, "qdrant_tls_ca_private_key is not a private key"),
        (GOOD[0], pem(ec.generate_private_key(ec.SECP256R1()), b"x"), "is encrypted with a passphrase"),
        (GOOD[0], "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "cannot be read as a private key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", GOOD[1], "cannot be read as a certificate"),
        (GOOD[1] + GOOD[0], GOOD[1], "holds a private key as well. Keep that in qdrant_tls_ca_private_key alone"),
        (GOOD[0], OTHER[1], "does not match"),
        (*make(end=NOW - timedelta(hours=1)), "expired on"),
        (*make(start=NOW + timedelta(hours=1)), "is not valid before"),
        (*make(end=NOW + timedelta(days=30)), "before a certificate of 90 days would"),
        (*make(ca=False), "not of a CA"),
        (*make(signs=False), "lacks keyCertSign"),
        (*make(extensions=False), "says nothing of being a CA"),
        (*make(rsa.generate_private_key(65537, 2048)), "2048 bits, which is too weak"),
        (*make(ed25519.Ed25519PrivateKey.generate()), "neither ECDSA nor RSA"),
    ],
)
def test_an_authority_that_cannot_sign_is_refused(certificate, key, expected):
    assert expected in refusal(certificate, key)


def wanted(authority, key_type="ecdsa-p256") -> _certificate.Wanted:
    return _certificate.Wanted("node1", ["node1", "db.example"], ["192.0.2.1", "2001:db8::1"], key_type, authority.pem(), authority.pem())


@pytest.mark.parametrize("key_type", sorted(_certificate.KEY_TYPES))
def test_openssl_takes_what_is_signed(tmp_path, key_type):
    authority = _authority.load(*_authority.create("test", NOW), NOW, LIFE)
    want = wanted(authority, key_type)
    store = _certificate.Store(str(tmp_path / "tls"))
    pending, request = store.make_request(want)
    signed = _authority.sign(authority, request, want, NOW, LIFE)
    (tmp_path / "ca.crt").write_text(authority.pem())
    (tmp_path / "tls.crt").write_text(signed)
    for purpose in ("sslserver", "sslclient"):
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-verify_ip", "2001:db8::1", "-CAfile"]
        subprocess.run([*command, str(tmp_path / "ca.crt"), str(tmp_path / "tls.crt")], check=True, capture_output=True)
    store.install(pending, signed, authority.pem(), want, NOW)
    assert store.report(want, NOW).reasons() == []


def test_a_request_for_other_names_is_not_signed():
    """A node that was broken into asks for another's name."""
    authority = _authority.load(*_authority.create("test", NOW), NOW, LIFE)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody else")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("somebody.else")]), False)
    builder = builder.add_extension(x509.BasicConstraints(True, None), True)
    request = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(_authority.AuthorityError) as error:
        _authority.sign(authority, request, wanted(authority), NOW, LIFE)
    for expected in ("its subject is CN=somebody else, wanted is CN=node1", "it names DNS:somebody.else", "it asks to be a CA"):
        assert expected in str(error.value)


def test_another_type_of_key_is_refused():
    authority = _authority.load(*_authority.create("test", NOW), NOW, LIFE)
    key = rsa.generate_private_key(65537, 2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    with pytest.raises(_authority.AuthorityError, match="its key is rsa-2048, wanted is ecdsa-p256"):
        _authority.sign(authority, request.public_bytes(serialization.Encoding.PEM).decode(), wanted(authority), NOW, LIFE)
