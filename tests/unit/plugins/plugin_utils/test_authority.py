# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA: made, refused where it cannot sign, and what it signs."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

NOW = datetime.now(UTC)
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


def own_ca(identifier=None, critical=True, usage=True, name="own"):
    """A CA of another program's making, and its key, in PEM form."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1000))
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical)
    if usage:
        builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
    if identifier:
        builder = builder.add_extension(x509.SubjectKeyIdentifier(identifier), False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(), pem(key)


def test_a_leaf_has_the_cas_own_key_identifier_however_that_was_made(tmp_path):
    """Go 1.25 and cert-manager 1.18 make it of SHA-256: OpenSSL takes another one for another CA's, and no client would verify a node."""
    authority = _authority.load(*own_ca(b"\x07" * 20), NOW, LIFE)
    want, store = wanted(authority), _certificate.Store(str(tmp_path / "tls"))
    pending, request = store.make_request(want)
    signed = _authority.sign(authority, request, want, NOW, LIFE)
    leaf = _certificate.load_certificates(signed)[0]
    assert leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == b"\x07" * 20
    (tmp_path / "ca.crt").write_text(authority.pem())
    (tmp_path / "tls.crt").write_text(signed)
    subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", str(tmp_path / "ca.crt"), str(tmp_path / "tls.crt")], check=True, capture_output=True)
    store.install(pending, signed, authority.pem(), want, NOW)
    assert store.report(want, NOW).reasons() == []


def test_a_leaf_with_another_key_identifier_is_issued_anew(tmp_path):
    certificate, key = own_ca(b"\x07" * 20)
    before = _authority.Authority(_certificate.load_certificates(certificate)[0], _certificate.load_key(key))
    want, node = wanted(before), _certificate.KEY_TYPES["ecdsa-p256"]()
    builder = x509.CertificateBuilder().subject_name(_certificate.subject_of(want)).issuer_name(before.certificate.subject).public_key(node.public_key())
    builder = builder.serial_number(2).not_valid_before(NOW).not_valid_after(NOW + LIFE).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(before.key.public_key()), False
    )  # fmt: skip
    builder = builder.add_extension(x509.SubjectAlternativeName(_certificate.general_names(want)), False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH, x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]), False)
    reasons = _certificate.due_for_reissue([builder.sign(before.key, hashes.SHA256())], node, want, NOW)
    assert reasons == ["it gives another key identifier for its CA than the CA itself"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"identifier": None}, "has no subject key identifier, which Python 3.13 and later refuse, and clients in it. Make a new CA"),
        ({"usage": False}, "has no key usage"),
        ({"critical": False}, "has basic constraints that are not critical"),
    ],
)
def test_a_ca_that_strict_clients_refuse_is_refused(changes, expected):
    certificate, key = own_ca(**{"identifier": b"\x07" * 20, **changes})
    assert expected in refusal(certificate, key)
    # nginx, which verifies what that one signs, takes it.
    assert _authority.load(certificate, key, NOW, LIFE, _authority.CLIENTS)


def test_a_ca_is_taken_in_every_form_that_programs_write_it_in():
    certificate, key = own_ca(b"\x07" * 20, name="Köln")
    classic = _certificate.load_key(key).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    around = "\ufeffBag Attributes\r\n    friendlyName: Prüfstelle\r\n%s"
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    authority = _authority.load(around % certificate.replace("\n", "\r\n"), around % (parameters + classic.decode()), NOW, LIFE)
    assert authority.pem() == certificate == _authority.public(around % certificate, _authority.IN_USE)


def test_another_type_of_key_is_refused():
    authority = _authority.load(*_authority.create("test", NOW), NOW, LIFE)
    key = rsa.generate_private_key(65537, 2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    with pytest.raises(_authority.AuthorityError, match="its key is rsa-2048, wanted is ecdsa-p256"):
        _authority.sign(authority, request.public_bytes(serialization.Encoding.PEM).decode(), wanted(authority), NOW, LIFE)
