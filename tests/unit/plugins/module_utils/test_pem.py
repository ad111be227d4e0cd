# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What companies' programs and public CAs write: PEM texts of all kinds, and certificates signed in all ways that TLS libraries verify.

Nothing of Ansible is needed here: this is what hosts run, with the oldest library that they have.
"""

from __future__ import annotations

import ipaddress
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime.now(UTC).replace(microsecond=0)
KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "between", "lower", "leaf", "other")}
RSA = rsa.generate_private_key(65537, 3072)
BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
NEEDED = ("IP:192.0.2.1",)


def subject(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


SHA256 = hashes.SHA256()


def certificate(
    name, key, issuer, issuer_key, *, ca=False, without=(), identifier=None, theirs=None, names=(), usages=BOTH, critical=True, length=None,
    algorithm=SHA256, start=-1, days=90
):  # fmt: skip
    """A certificate as RFC 5280 has it, but for one thing. ``identifier`` and ``theirs``: key identifiers of the subject and its issuer."""
    own = x509.SubjectKeyIdentifier(identifier) if identifier else x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    usage = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
    general = [x509.IPAddress(ipaddress.ip_address("192.0.2.1"))] if not names else [x509.DNSName(entry) for entry in names]
    extensions = {
        "constraints": (x509.BasicConstraints(ca, length), critical),
        "usage": (usage, True),
        "subject": (own, False),
        "authority": (x509.AuthorityKeyIdentifier(theirs, None, None) if theirs else authority, False),
    }
    if not ca:
        extensions["names"] = (x509.SubjectAlternativeName(general), False)
    if usages and (not ca or usages is not BOTH):
        extensions["purposes"] = (x509.ExtendedKeyUsage(usages), False)
    builder = x509.CertificateBuilder().subject_name(subject(name)).issuer_name(subject(issuer)).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW + timedelta(days=start)).not_valid_after(NOW + timedelta(days=days))
    for word, (extension, is_critical) in extensions.items():
        if word not in without:
            builder = builder.add_extension(extension, is_critical)
    edwards = isinstance(issuer_key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
    return builder.sign(issuer_key, None if edwards else algorithm)


def root(**changes):
    return certificate("root", KEYS["root"], "root", KEYS["root"], ca=True, **changes)


def between(**changes):
    return certificate("between", KEYS["between"], "root", KEYS["root"], ca=True, **changes)


def leaf(issuer="root", key=KEYS["leaf"], **changes):
    return certificate("node", key, issuer, KEYS[issuer], **changes)


ROOT, BETWEEN, OTHER = root(), between(), certificate("other", KEYS["other"], "other", KEYS["other"], ca=True)
LOWER = certificate("lower", KEYS["lower"], "between", KEYS["between"], ca=True)
CHAIN = [leaf("lower"), LOWER, BETWEEN]
TEXT = _certificate.pem_of(CHAIN)


def problems(chain, trusted=(ROOT,), needed=NEEDED, key=KEYS["leaf"], purposes=_certificate.BOTH):
    return "; ".join(_certificate.unusable(chain, key, list(trusted), needed, NOW, purposes))


# --- texts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        "\ufeff" + TEXT,
        "# Zertifikat für Köln, été, 証明書\n" + TEXT,
        "Bag Attributes\n    friendlyName: node\n    localKeyID: 01\nsubject=CN = node\n\nissuer=CN = between\n" + TEXT + "Key Attributes: <No Attributes>\n",
        "Certificate:\n    Data:\n        Version: 3 (0x2)\n        Subject: CN=node\n" + TEXT,
        "\n\n".join("   " + line + "  " for line in TEXT.splitlines()),
        TEXT.replace("BEGIN CERTIFICATE", "BEGIN X509 CERTIFICATE").replace("END CERTIFICATE", "END X509 CERTIFICATE"),
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + TEXT,
        TEXT + "-----BEGIN SOMETHING ELSE-----\nnothing",
        TEXT.replace("\n", ""),
    ],
)
def test_what_stands_around_certificates_stays_behind(text):
    assert _certificate.pem_of(_certificate.load_certificates(text)) == TEXT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "there is no certificate in PEM form"),
        ("-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----", "but a PKCS7, of which openssl pkcs7 -print_certs makes one"),
        (TEXT.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "but a TRUSTED CERTIFICATE"),
        (TEXT[:200], "has no end"),
        (TEXT[:200] + "ä" + TEXT[200:], "is damaged"),
        (TEXT[:200] + "." + TEXT[200:], "is damaged"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "a certificate cannot be read"),
        ("-----BEGIN CERTIFICATE-----" * 100_000, "has no end"),
    ],
)
def test_what_is_no_certificate_is_said_to_be_none(text, expected):
    with pytest.raises(_certificate.CertificateError, match=expected):
        _certificate.load_certificates(text)


JUNK = st.text(max_size=200) | st.sampled_from(["-----BEGIN ", "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "\x00", "\ufeff", "-----"])


@given(st.lists(JUNK, min_size=4, max_size=4))
def test_junk_around_blocks_changes_nothing_or_is_refused(junk):
    text = "".join(part for pair in zip(junk, [*(_certificate.pem_of([entry]) for entry in CHAIN), ""]) for part in pair)
    try:
        assert _certificate.load_certificates(text) == CHAIN
    except _certificate.CertificateError:
        assert "-----BEGIN" in "".join(junk)


@given(st.integers(0, len(TEXT)), st.text(max_size=5))
def test_junk_within_blocks_changes_nothing_or_is_refused(position, junk):
    try:
        found = _certificate.load_certificates(TEXT[:position] + junk + TEXT[position:])
    except _certificate.CertificateError:
        return
    # A letter more may make another certificate of one, which then leads nowhere.
    assert len(found) <= len(CHAIN) and all(entry in CHAIN or not _certificate.is_signed_by(entry, LOWER) for entry in found)


@given(st.binary(max_size=400))
def test_no_content_makes_a_traceback(content):
    text = f"-----BEGIN CERTIFICATE-----\n{_certificate.base64.b64encode(content).decode()}\n-----END CERTIFICATE-----"
    with pytest.raises(_certificate.CertificateError):
        _certificate.load_certificates(text)
    with pytest.raises(_certificate.CertificateError):
        _certificate.load_key(text.replace("CERTIFICATE", "EC PRIVATE KEY"))


DER = CHAIN[0].public_bytes(serialization.Encoding.DER)


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_no_changed_byte_makes_a_traceback(position, value):
    changed = bytearray(DER)
    changed[position] = value
    try:
        found = _certificate.load_certificates(f"-----BEGIN CERTIFICATE-----\n{_certificate.base64.b64encode(changed).decode()}\n-----END CERTIFICATE-----")
    except _certificate.CertificateError:
        return
    assert bytes(changed) == DER or problems([*found, LOWER, BETWEEN])
    _certificate.describe(found[0], NOW)


# --- keys --------------------------------------------------------------------------------------------------------------


def written(key, form="PKCS8", password=None):
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), how).decode()


PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


@pytest.mark.parametrize("key", [KEYS["leaf"], RSA])
@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
@pytest.mark.parametrize(
    "around", ["%s", PARAMETERS + "%s", "\ufeffclé privée\n%s", "Bag Attributes\n    localKeyID: 01\nKey Attributes: ENCRYPTED\n%s" + TEXT]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_keys_of_every_form_are_taken_and_written_in_one(key, form, around, end):
    text = (around % written(key, form)).replace("\n", end)
    assert _certificate.key_pem(_certificate.load_key(text)) == written(key)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TEXT, "there is no private key"),
        (written(RSA) + written(RSA), "there are 2 private keys"),
        (written(RSA, password=b"word"), "encrypted with a passphrase"),
        (written(KEYS["leaf"], "TraditionalOpenSSL", b"word"), "encrypted with a passphrase"),
        (written(RSA)[:300], "has no end"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "the private key cannot be read"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_without_a_word_of_them(text, expected):
    with pytest.raises(_certificate.CertificateError, match=expected) as error:
        _certificate.load_key(text)
    assert not any(line in str(error.value) for line in text.splitlines()[1:-1] if len(line) > 10)


# --- signatures --------------------------------------------------------------------------------------------------------


def signed_by_openssl(tmp_path, *options):
    """A node's certificate, signed by an RSA key with options of openssl's, and the CA's."""
    ca = certificate("rsa", RSA, "rsa", RSA, ca=True)
    request = x509.CertificateSigningRequestBuilder().subject_name(subject("node")).sign(KEYS["leaf"], hashes.SHA256())
    (tmp_path / "ca.pem").write_text(_certificate.pem_of([ca]))
    (tmp_path / "ca.key").write_text(written(RSA))
    (tmp_path / "csr.pem").write_bytes(request.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "ext").write_text("subjectAltName=IP:192.0.2.1\nextendedKeyUsage=serverAuth,clientAuth\nauthorityKeyIdentifier=keyid\n")
    command = "openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile ext -out leaf.pem".split()
    subprocess.run([*command, *options], check=True, capture_output=True, cwd=tmp_path)
    return _certificate.load_certificates((tmp_path / "leaf.pem").read_text())[0], ca


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_rsassa_pss_is_verified(tmp_path, name):
    found, ca = signed_by_openssl(tmp_path, "-" + name, "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")
    later = datetime.now(UTC) + timedelta(seconds=2)
    assert _certificate.is_signed_by(found, ca) and _certificate.unusable([found], KEYS["leaf"], [ca], NEEDED, later) == []
    forged = certificate("rsa", rsa.generate_private_key(65537, 3072), "rsa", RSA, ca=True)
    assert not _certificate.is_signed_by(found, forged)


@pytest.mark.parametrize("options", [("-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:20"), ("-sha1",)])
def test_a_signature_that_tls_libraries_refuse_is_named(tmp_path, options):
    found, ca = signed_by_openssl(tmp_path, *options)
    text = problems([found], [ca])
    assert "leads to no trusted CA: CN=node is signed by CN=rsa, but its signature is of a kind that Qdrant or its clients do not take" in text


def test_ed25519_is_verified_and_ed448_named():
    for key, expected in ((ed25519.Ed25519PrivateKey.generate(), ""), (ed448.Ed448PrivateKey.generate(), "object identifier 1.3.101.113")):
        ca = certificate("edwards", key, "edwards", key, ca=True)
        text = problems([certificate("node", KEYS["leaf"], "edwards", key)], [ca])
        assert expected in text and bool(text) == bool(expected)
    first, second = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    ca = certificate("edwards", first, "edwards", first, ca=True)
    assert "but another key signed it" in problems([certificate("node", KEYS["leaf"], "edwards", second)], [ca])


@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_ecdsa_and_rsa_are_verified(algorithm):
    ca = certificate("rsa", RSA, "rsa", RSA, ca=True)
    assert problems([certificate("node", KEYS["leaf"], "rsa", RSA, algorithm=algorithm)], [ca]) == ""
    assert problems([leaf(algorithm=algorithm)]) == ""


# --- chains ------------------------------------------------------------------------------------------------------------


def test_the_way_is_found_in_any_order_and_past_what_does_not_belong():
    assert problems(CHAIN) == "" and problems([CHAIN[0], BETWEEN, OTHER, LOWER, ROOT]) == ""
    assert _certificate.presented([CHAIN[0], BETWEEN, OTHER, LOWER, ROOT, LOWER]) == CHAIN
    expired, twin = between(start=-20, days=-10), between()
    assert problems([CHAIN[0], LOWER, expired, twin]) == "" and problems([CHAIN[0], LOWER, twin, expired]) == ""
    crossed = certificate("between", KEYS["between"], "other", KEYS["other"], ca=True)
    for chain in ([CHAIN[0], LOWER, crossed, BETWEEN], [CHAIN[0], LOWER, BETWEEN, crossed]):
        assert problems(chain) == "" and problems(chain, [OTHER]) == "" and _certificate.presented(chain) == chain


def test_what_is_no_ca_leads_nowhere():
    middle = certificate("between", KEYS["between"], "root", KEYS["root"])
    assert "leads to no trusted CA: CN=node is signed by CN=between, but that is no CA's certificate" in problems([leaf("between"), middle])
    assert _certificate.path([leaf("between"), middle], [ROOT]) is None


def test_a_path_that_is_too_long_or_for_another_purpose_is_named():
    assert "comes from CN=root, which may not sign for 2 CAs below it" in problems(CHAIN, [root(length=1)]) and problems(CHAIN, [root(length=2)]) == ""
    public = between(usages=BOTH[:1])
    assert "comes from CN=between, which may not sign for clientAuth" in problems([leaf("between"), public])
    assert problems([leaf("between"), public], purposes=("serverAuth",)) == ""


def test_a_chain_without_an_end_ends():
    same = [certificate("root", KEYS["root"], "root", KEYS["root"], ca=True) for _number in range(30)]
    assert "leads to no trusted CA" in problems([leaf(), *same], [OTHER])


# --- key identifiers ---------------------------------------------------------------------------------------------------


def test_a_ca_may_compute_its_key_identifier_as_it_likes():
    ca = root(identifier=b"\x01" * 20)
    assert problems([leaf(theirs=b"\x01" * 20)], [ca]) == ""
    assert "comes from CN=root, but it gives another key identifier for it than it has itself" in problems([leaf()], [ca])
    below = certificate("between", KEYS["between"], "root", KEYS["root"], ca=True)
    assert "comes from CN=root, but CN=between gives another key identifier" in problems([leaf("between"), below], [ca])
    assert problems([leaf()], [ca, ROOT]) == "", "of two certificates of one CA, the one that fits counts"


# --- what Python refuses since 3.13 --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "trusted", "expected"),
    [
        ([leaf(without=["authority"])], [ROOT], "has no authority key identifier, which Python 3.13"),
        ([leaf()], [root(without=["usage"])], "comes from CN=root, which has no key usage, which Python 3.13"),
        ([leaf()], [root(critical=False)], "comes from CN=root, which has basic constraints that are not critical"),
        ([leaf()], [root(without=["subject", "usage"])], "comes from CN=root, which has no key usage and has no subject key identifier"),
        ([leaf()], [root(without=["constraints"])], "comes from CN=root, which does not say that it is a CA"),
        ([leaf("between"), between(without=["authority"])], [ROOT], "comes from CN=between, which has no authority key identifier"),
        ([certificate("", KEYS["leaf"], "root", KEYS["root"])], [ROOT], "has no subject, and names that are not critical"),
        ([leaf()], [root(without=["authority"])], ""),
        ([leaf("between")], [between(without=["authority"])], ""),
        ([leaf("between")], [between(without=["authority"]), ROOT], ""),
    ],
)
def test_what_strict_clients_refuse_is_named(tmp_path, chain, trusted, expected):
    text = problems(chain, trusted)
    assert expected in text and bool(text) == bool(expected)
    for name, certificates in (("leaf", chain[:1]), ("between", chain[1:]), ("trusted", trusted)):
        (tmp_path / name).write_text(_certificate.pem_of(certificates))
    words = "openssl verify -x509_strict -partial_chain -purpose sslserver -CAfile trusted".split() + (["-untrusted", "between"] if chain[1:] else [])
    answer = subprocess.run([*words, "leaf"], capture_output=True, cwd=tmp_path, check=False)
    assert (answer.returncode == 0) == (text == ""), f"OpenSSL says otherwise: {answer.stderr}"


# --- proxies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "needed", "taken"),
    [
        (["*.example.com"], "DNS:qdrant.example.com", True),
        (["*.example.com"], "DNS:a.qdrant.example.com", False),
        (["*.example.com"], "DNS:example.com", False),
        (["*.com"], "DNS:qdrant.example.com", False),
        (["example.com", "*.example.com"], "DNS:qdrant.example.com", True),
        (["*.2.1"], "IP:192.0.2.1", False),
    ],
)
def test_a_wildcard_covers_one_label_for_proxies_alone(named, needed, taken):
    chain = [leaf(names=named)]
    assert (problems(chain, needed=[needed], purposes=("serverAuth",)) == "") == taken
    assert "does not name" in problems(chain, needed=[needed])


def test_a_proxy_may_have_the_key_that_public_cas_certify():
    weak = rsa.generate_private_key(65537, 2048)
    assert problems([leaf(key=weak)], key=weak, purposes=("serverAuth",)) == ""
    assert "has a key of type rsa-2048; use one of" in problems([leaf(key=weak)], key=weak)
    weaker = rsa.generate_private_key(65537, 1024)
    assert "has a key of type rsa-1024" in problems([leaf(key=weaker)], key=weaker, purposes=("serverAuth",))


def test_what_is_put_in_use_is_written_anew(tmp_path):
    store = _certificate.Store(str(tmp_path))
    text = "Zertifikat für Köln\r\n" + TEXT.replace("\n", "\r\n")
    store.place(text, PARAMETERS + written(KEYS["leaf"], "TraditionalOpenSSL"), "# é\n" + _certificate.pem_of([ROOT]), NEEDED, NOW)
    assert (store.read("tls.crt"), store.read("tls.key"), store.read("ca.crt")) == (TEXT, written(KEYS["leaf"]), _certificate.pem_of([ROOT]))
    assert store.provided(text, written(KEYS["leaf"]), _certificate.pem_of([ROOT])) == []
