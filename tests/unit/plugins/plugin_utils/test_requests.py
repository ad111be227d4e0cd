# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host may ask to have signed, and what may be signed for it: everything beside that is refused by name."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _requests, _tls_providers
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime.now(UTC)
CA, CA_KEY = _authority.create("office", NOW)
AUTHORITY = _authority.load(CA, CA_KEY, NOW, timedelta(days=90))
NAMESAKE = _authority.load(*_authority.create("office", NOW), NOW, timedelta(days=90))
UNKNOWN = x509.ObjectIdentifier("1.2.3.4")
KEY = ec.generate_private_key(ec.SECP256R1())
WANTED = _certificate.Wanted("node1", ["node1", "db.example"], ["192.0.2.1", "2001:db8::1"], "ecdsa-p256", "", CA, needed=("IP:192.0.2.1",))
NAMES = _certificate.general_names(WANTED)
BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
FORBIDDEN = "content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign encipher_only decipher_only"
USAGE = dict.fromkeys(FORBIDDEN.split(), False)


def named(*attributes):
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


NODE = named((NameOID.COMMON_NAME, "node1"))

SHA256 = hashes.SHA256()


def request(key=KEY, subject=NODE, names=NAMES, purposes=BOTH, extensions=(), attributes=(), algorithm=SHA256):
    """A request that differs from what is wanted in one way."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension, critical in ((names and x509.SubjectAlternativeName(names), False), (purposes and x509.ExtendedKeyUsage(purposes), False), *extensions):
        builder = builder.add_extension(extension, critical) if extension else builder
    for oid, value in attributes:
        builder = builder.add_attribute(oid, value)
    return _requests.pem(builder.sign(key, algorithm))


def signed(key=KEY, subject=NODE, names=NAMES, purposes=BOTH, extensions=(), days=90, issuer=AUTHORITY, constraints=(False, None), usage=None):
    """A certificate that differs from what was asked for in one way."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(minutes=5))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(*constraints), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.certificate.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not list(subject))
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.KeyUsage(**{"digital_signature": True, **USAGE, **usage}), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer.key, hashes.SHA256())


def asked(text, owners=None, wanted=WANTED):
    return _requests.check("node1", text, wanted, owners or {})


def test_what_the_module_asks_for_is_handed_on_and_written_anew():
    for wanted in (WANTED, _certificate.Wanted("", ["qdrant.example.com"], ["192.0.2.1"], "ecdsa-p256", "", CA, purposes=("serverAuth",))):
        text = _certificate.request_for(KEY, wanted)
        assert asked("a comment\r\n" + text.replace("\n", "\r\n") + "-----BEGIN RSA PRIVATE KEY-----", wanted=wanted) == text
    assert asked(GOOD) == GOOD


@pytest.mark.parametrize("key_type", sorted(_certificate.KEY_TYPES))
def test_every_type_of_key_that_the_module_makes_is_taken(key_type):
    wanted = _certificate.Wanted("node1", ["node1", "node1"], ["192.0.2.1"], key_type, "", CA)
    key = _certificate.KEY_TYPES[key_type]()
    assert asked(_certificate.request_for(key, wanted), wanted=wanted)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (request(ec.generate_private_key(ec.SECP384R1())), "its key is ecdsa-p384, wanted is ecdsa-p256"),
        (request(rsa.generate_private_key(65537, 2048)), "its key is rsa-2048, wanted is ecdsa-p256"),
        (request(ed25519.Ed25519PrivateKey.generate(), algorithm=None), "its key is ed25519publickey"),
        (request(subject=named((NameOID.COMMON_NAME, "node2"))), "its subject is CN=node2, wanted is CN=node1"),
        (request(subject=named()), "its subject is empty, wanted is CN=node1"),
        (request(subject=named((NameOID.COMMON_NAME, "node1"), (NameOID.ORGANIZATION_NAME, "admins"))), "its subject is O=admins,CN=node1"),
        (request(names=[*NAMES, x509.DNSName("node2")]), "it names DNS:node2"),
        (request(names=[*NAMES, x509.DNSName("*.example")]), "it names DNS:*.example"),
        (request(names=[*NAMES, x509.IPAddress(ipaddress.ip_address("192.0.2.2"))]), "it names IP:192.0.2.2"),
        (request(names=[*NAMES, x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))]), "it names IP:192.0.2.0/24"),
        (request(names=[*NAMES, x509.RFC822Name("admin@example.com")]), "it names email:admin@example.com"),
        (request(names=[*NAMES, x509.UniformResourceIdentifier("spiffe://example/admin")]), "it names URI:spiffe://example/admin"),
        (request(names=[*NAMES, x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01a")]), "it names OtherName:1.3.6.1.4.1.311.20.2.3"),
        (request(names=[*NAMES, x509.DirectoryName(named((NameOID.COMMON_NAME, "admin")))]), "it names directory:CN=admin"),
        (request(names=[*NAMES, x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))]), "it names RegisteredID:"),
        (request(names=NAMES[1:]), "it does not name DNS:node1"),
        (request(names=None), "it does not name DNS:db.example, DNS:node1, IP:192.0.2.1, IP:2001:db8::1"),
        (request(purposes=[*BOTH, ExtendedKeyUsageOID.CODE_SIGNING]), "its purposes are 1.3.6.1.5.5.7.3.3, clientAuth, serverAuth, wanted are"),
        (request(purposes=[*BOTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), "its purposes are 2.5.29.37.0"),
        (request(purposes=BOTH[:1]), "its purposes are serverAuth, wanted are"),
        (request(purposes=None), "its purposes are none, wanted are"),
        (request(extensions=[(x509.BasicConstraints(True, None), True)]), "it asks to be a CA"),
        (request(extensions=[(x509.BasicConstraints(False, None), True)]), "it asks for the extension BasicConstraints (2.5.29.19)"),
        (request(extensions=[(x509.KeyUsage(digital_signature=True, **{**USAGE, "key_cert_sign": True}), True)]), "it asks for the extension KeyUsage"),
        (request(extensions=[(x509.NameConstraints([x509.DNSName("example")], None), True)]), "it asks for the extension NameConstraints"),
        (request(extensions=[(x509.UnrecognizedExtension(UNKNOWN, b"\x05\x00"), False)]), "it asks for the extension unknown (1.2.3.4)"),
        (request(names=None, extensions=[(x509.SubjectAlternativeName(NAMES), True)]), "it asks for the extension SubjectAlternativeName to be critical"),
        (request(attributes=[(AttributeOID.CHALLENGE_PASSWORD, b"word")]), "it has the attribute 1.2.840.113549.1.9.7 (a challenge password)"),
        (request(attributes=[(x509.ObjectIdentifier("1.3.6.1.4.1.311.2.1.14"), b"\x0c\x01x")]), "it "),
        ("", "it holds 0 signing requests"),
        (None, "it is no signing request"),
        ({"a": 1}, "it is no signing request"),
        ("x" * (_requests.LARGEST_REQUEST + 1), "it is no signing request"),
        (request() + request(), "it holds 2 signing requests"),
        (CA, "it holds 0 signing requests"),
        (request().replace("-----END", "AAAA\n-----END"), "it "),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----", "it cannot be read"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA", "has no end"),
    ],
)
def test_everything_beside_or_other_than_what_is_wanted_is_named(text, expected):
    with pytest.raises(_requests.RequestError) as error:
        asked(text)
    message = str(error.value)
    assert expected in message, message
    assert message.startswith("node1 asks for a certificate that it should not have") and "Nothing was signed" in message and "another's hands" in message


def test_a_request_that_its_key_did_not_sign_is_refused():
    content = bytearray(_requests.load(request()).public_bytes(_certificate.serialization.Encoding.DER))
    content[-1] ^= 1
    text = f"-----BEGIN CERTIFICATE REQUEST-----\n{_requests._certificate.base64.b64encode(bytes(content)).decode()}\n-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(_requests.RequestError, match="not signed with its own key|cannot be read"):
        asked(text)


def test_the_key_of_a_ca_or_another_host_is_refused():
    other = _authority.sign(AUTHORITY, _certificate.request_for(KEY, WANTED), WANTED, NOW, timedelta(days=1))
    owners = _requests.owners(CA, {"node2": other, "node3": "", "node4": None, "node5": "-----BEGIN CERTIFICATE-----"})
    with pytest.raises(_requests.RequestError, match="its key is that of node2"):
        asked(request(), owners)
    with pytest.raises(_requests.RequestError, match="its key is that of the CA CN=office"):
        asked(request(AUTHORITY.key), owners)


def test_what_a_host_wrote_reaches_no_terminal():
    for evil in ("\x1b[2J\x07", "a\nTASK [x]", "\u202e", "x" * 5000):
        with pytest.raises(_requests.RequestError) as error:
            asked(request(subject=named((NameOID.ORGANIZATION_NAME, evil[:64])), names=[x509.UniformResourceIdentifier("a:" + "x" * 5000)]))
        assert str(error.value).isprintable() and len(str(error.value)) < 2000


@given(st.binary(max_size=300), st.text(max_size=60))
def test_no_request_makes_a_traceback(content, around):
    body = _certificate.base64.b64encode(content).decode()
    for text in (around, f"{around}-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----{around}"):
        with pytest.raises(_requests.RequestError):
            asked(text)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_no_change_of_a_byte_makes_a_traceback_or_a_good_request(position, value):
    der = bytearray(_requests.load(GOOD).public_bytes(_certificate.serialization.Encoding.DER))
    position %= len(der)
    changed, der[position] = der[position] != value, value
    text = f"-----BEGIN CERTIFICATE REQUEST-----\n{_certificate.base64.b64encode(bytes(der)).decode()}\n-----END CERTIFICATE REQUEST-----"
    try:
        assert asked(text) == GOOD and not changed
    except _requests.RequestError:
        assert changed


GOOD = request()


# --- what was signed ---------------------------------------------------------------------------------------------------


def taken(certificate, *between, trusted=(AUTHORITY.certificate,), wanted=WANTED, unasked=(), text=GOOD):
    return _requests.check_signed("/tmp/node1.crt", [certificate, *between], text, wanted, list(trusted), unasked, NOW)


HARMLESS = [
    (x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()), False),
    (x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier("http://ca/crl")], None, None, None)]), False),
    (x509.AuthorityInformationAccess([x509.AccessDescription(x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ca"))]), False),
    (x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.1"), None)]), False),
    (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.37476.9000.64.1"), b"\x05\x00"), False),
    (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.311.21.10"), b"\x05\x00"), False),
]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"extensions": HARMLESS},
        {"usage": {"key_encipherment": True, "key_agreement": True}},
        {"subject": named()},
        {"subject": named((NameOID.COMMON_NAME, "DB.example"), (NameOID.ORGANIZATION_NAME, "Office"))},
        {"subject": named((NameOID.COMMON_NAME, "192.0.2.1"))},
        {"names": [*NAMES[1:], x509.DNSName("NODE1")]},
        {"names": NAMES[1:]},
    ],
)
def test_what_cas_add_or_leave_out_by_habit_is_taken(changes):
    certificate = signed(**changes)
    assert taken(certificate) == _certificate.pem_of([certificate])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"names": [*NAMES, x509.DNSName("node2")]}, "it names DNS:node2, which nobody asked for"),
        ({"names": [*NAMES, x509.DNSName("*.example")]}, "it names DNS:*.example, which nobody asked for"),
        ({"names": [*NAMES, x509.RFC822Name("a@example")]}, "it names email:a@example, which nobody asked for"),
        ({"names": NAMES[:2]}, "it does not name IP:192.0.2.1"),
        ({"names": None}, "it has no names"),
        ({"subject": named((NameOID.COMMON_NAME, "node2"))}, "it has the common name node2"),
        ({"purposes": [*BOTH, ExtendedKeyUsageOID.CODE_SIGNING]}, "it has the extended key usage 1.3.6.1.5.5.7.3.3, which nobody asked for"),
        ({"purposes": BOTH[:1]}, "it lacks the extended key usage clientAuth"),
        ({"constraints": (True, None)}, "it is a CA's, which could sign for every name"),
        ({"usage": {"key_cert_sign": True}}, "it may sign certificates or revocation lists"),
        ({"usage": {"digital_signature": False}}, "it may not sign handshakes"),
        ({"extensions": [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]}, "it has the critical extension 1.2.3.4"),
        ({"key": ec.generate_private_key(ec.SECP256R1())}, "it and its private key do not match"),
        ({"days": 4000}, "it is valid for 4000 days; 1187 are the most"),
        ({"days": 0}, "it expired"),
        ({"issuer": NAMESAKE}, "it leads to no trusted CA: CN=node1 is signed by CN=office, but another key signed it"),
    ],
)
def test_surplus_and_lack_of_what_was_signed_are_named(changes, expected):
    certificate = signed(**changes)
    with pytest.raises(_requests.RequestError) as error:
        _requests.check_signed("/tmp/node1.crt", [certificate], GOOD, WANTED, [AUTHORITY.certificate], (), NOW + timedelta(minutes=1))
    assert expected in str(error.value) and "/tmp/node1.crt" in str(error.value) and "It was not given to the host" in str(error.value)


def test_acme_servers_say_clientauth_unasked_and_nobody_else():
    wanted = _certificate.Wanted("", ["db.example"], [], "ecdsa-p256", "", CA, purposes=("serverAuth",))
    names, text = _certificate.general_names(wanted), _certificate.request_for(KEY, wanted)
    certificate = signed(subject=named(), names=names)
    assert taken(certificate, wanted=wanted, unasked=_tls_providers.named("acme").unasked, text=text)
    for provider in set(_tls_providers.every()) - {"acme"}:
        with pytest.raises(_requests.RequestError, match="has the extended key usage clientAuth, which nobody asked for"):
            taken(certificate, wanted=wanted, unasked=_tls_providers.named(provider).unasked, text=text)


def test_what_does_not_belong_to_a_chain_is_not_written():
    stranger = _certificate.load_certificates(_authority.create("stranger", NOW)[0])[0]
    certificate = signed()
    written = taken(certificate, stranger, AUTHORITY.certificate, stranger)
    assert written == _certificate.pem_of([certificate]) and not re.search("stranger", written)
