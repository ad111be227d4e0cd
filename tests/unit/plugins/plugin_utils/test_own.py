# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that another party signed: what is refused, and the folder where requests wait."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _own, _tls_providers
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st
from test_tls_providers import host

NOW = datetime.now(UTC)
BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
NEEDED = ["IP:192.0.2.1"]


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, key, issuer, issuer_key, ca=False, start=-1, days=90, address="192.0.2.1", usages=BOTH, usage=True):
    public_key = key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=start))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if ca and usage:
        builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
    elif not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False) if usages else builder
    return builder.sign(issuer_key, hashes.SHA256())


KEYS = {text: ec.generate_private_key(ec.SECP256R1()) for text in ("root", "between", "leaf", "other")}
ROOT = certificate("root", KEYS["root"], "root", KEYS["root"], ca=True)
BETWEEN = certificate("between", KEYS["between"], "root", KEYS["root"], ca=True)
ENDED = certificate("between", KEYS["between"], "root", KEYS["root"], ca=True, start=-20, days=-10)
OTHER = certificate("other", KEYS["other"], "other", KEYS["other"], ca=True)


def leaf(key=KEYS["leaf"], **changes):
    return certificate("node", key, "between", KEYS["between"], **changes)


def problems(chain, key=KEYS["leaf"], trusted=(ROOT,)):
    return "\n".join(_own.problems(chain, key, list(trusted), NEEDED, NOW))


def pem(thing):
    return thing.public_bytes(serialization.Encoding.PEM).decode()


def test_a_chain_that_leads_to_the_trusted_ca_is_taken():
    assert problems([leaf(), BETWEEN]) == "" and problems([leaf()], trusted=[BETWEEN]) == ""


@pytest.mark.parametrize(
    ("chain", "changes", "expected"),
    [
        ([leaf()], {}, "leads to no trusted CA: CN=node is signed by CN=between"),
        ([leaf(), BETWEEN], {"trusted": [OTHER]}, "leads to no trusted CA: CN=between is signed by CN=root"),
        ([leaf(), BETWEEN], {"key": KEYS["other"]}, "and its private key do not match"),
        ([leaf(address="192.0.2.9"), BETWEEN], {}, "does not name IP:192.0.2.1 (it names IP:192.0.2.9)"),
        ([leaf(usages=BOTH[:1]), BETWEEN], {}, "lacks the extended key usage clientAuth"),
        ([leaf(usages=()), BETWEEN], {}, "lacks the extended key usage clientAuth, serverAuth"),
        ([leaf(start=-9, days=-1), BETWEEN], {}, "expired (it is valid from"),
        ([leaf(start=1), BETWEEN], {}, "is not valid yet"),
        ([leaf(), ENDED], {}, "comes from CN=between, which expired"),
        ([leaf(), BETWEEN], {"trusted": [ROOT, leaf()]}, "qdrant_tls_ca_certificate holds CN=node, which is no CA's certificate"),
    ],
)
def test_what_does_not_go_together_is_named(chain, changes, expected):
    assert expected in problems(chain, **changes)


def test_a_weak_key_is_named():
    weak = rsa.generate_private_key(65537, 2048)
    assert "has a key of type rsa-2048; use one of ecdsa-p256" in problems([leaf(weak), BETWEEN], key=weak)


def test_a_text_or_a_file_is_taken_a_vaulted_one_too(tmp_path):
    loader = DataLoader()
    secret = VaultSecret(b"correct horse")
    loader.set_vault_secrets([("default", secret)])
    plain, vaulted = tmp_path / "plain.pem", tmp_path / "vaulted.pem"
    plain.write_text(pem(ROOT))
    vaulted.write_bytes(VaultLib([("default", secret)]).encrypt(pem(ROOT), secret=secret))
    assert _own.text(pem(ROOT), loader, "x") == _own.text(str(plain), loader, "x") == _own.text(str(vaulted), loader, "x") == pem(ROOT)
    for bad, expected in (("", "x is empty"), (None, "x is empty"), ("a\nb", "neither a PEM text nor"), ("/nonexistent", "cannot be read on the controller")):
        with pytest.raises(_own.OwnError, match=expected):
            _own.text(bad, loader, "x")
    loader.set_vault_secrets([("default", VaultSecret(b"wrong"))])
    with pytest.raises(_own.OwnError, match="the vault's password"):
        _own.text(str(vaulted), loader, "x")


@pytest.mark.parametrize(
    "content",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: ("# Schlüssel für Köln\n" + text).encode("latin-1"),
        lambda text: ("# Schlüssel für Köln\n" + text).encode(),
        lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"0\x82 a comment\n" + text.encode(),
    ],
)
def test_a_file_may_be_written_by_any_program(tmp_path, content):
    file, loader = tmp_path / "file.pem", DataLoader()
    key = _certificate.key_pem(KEYS["leaf"])
    file.write_bytes(content(pem(ROOT) + pem(OTHER)))
    assert _own.authorities(str(file), loader, "x")[1] == pem(ROOT) + pem(OTHER)
    assert _certificate.pem_of(_own.certificates(_own.text(str(file), loader, "x"), "x")) == pem(ROOT) + pem(OTHER)
    file.write_bytes(content(key))
    assert _certificate.key_pem(_own.private_key(_own.text(str(file), loader, "x"))) == key
    folder = _own.Folder(str(tmp_path), "node1")
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", "", pem(ROOT))
    request = _certificate.request_for(KEYS["leaf"], wanted)
    (tmp_path / "node1.crt").write_bytes(content(pem(leaf()) + pem(BETWEEN)))
    assert [entry.subject for entry in folder.signed(request)] == [name("node"), name("between")]


def test_what_is_no_pem_is_said_to_be_none(tmp_path):
    file = tmp_path / "ca.cer"
    file.write_bytes(ROOT.public_bytes(serialization.Encoding.DER))
    with pytest.raises(_own.OwnError, match="x is a file in DER form. Convert it to PEM: openssl x509 -inform der"):
        _own.authorities(str(file), DataLoader(), "x")


def test_a_private_key_beside_what_was_signed_is_refused(tmp_path):
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", "", pem(ROOT))
    (tmp_path / "node1.crt").write_text(pem(leaf()) + _certificate.key_pem(KEYS["other"]))
    with pytest.raises(_own.OwnError, match="node1.crt holds a private key") as error:
        _own.Folder(str(tmp_path), "node1").signed(_certificate.request_for(KEYS["leaf"], wanted))
    assert _certificate.key_pem(KEYS["other"]).splitlines()[1] not in str(error.value)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_file_makes_a_traceback(tmp_path_factory, before, after):
    file, loader = tmp_path_factory.mktemp("junk") / "ca.pem", DataLoader()
    file.write_bytes(before + b"\n" + pem(ROOT).encode() + after)
    try:
        assert _own.authorities(str(file), loader, "x") == ([ROOT], pem(ROOT))
    except _own.OwnError as error:
        assert b"-----" in before + after or before[:2] in (b"\xff\xfe", b"\xfe\xff"), str(error)


def test_keys_that_cannot_be_used_are_named_without_their_value():
    encrypted = (
        KEYS["leaf"].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")).decode()
    )
    broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
    cases = ((encrypted, "openssl pkey"), ("nothing", "there is no private key"), (broken, "cannot be read"))
    for value, expected in cases:
        with pytest.raises(_own.OwnError, match=expected) as error:
            _own.private_key(value)
        assert value.splitlines()[-1] not in str(error.value) or len(value) < 10


def cluster(**tls):
    return _tls_providers.Cluster(sorted(tls), tls)


OURS = {"certificate": pem(leaf()) + pem(BETWEEN), "trust": pem(ROOT)}
THEIRS = {"certificate": pem(certificate("node", KEYS["leaf"], "other", KEYS["other"])), "trust": pem(OTHER)}


def test_certificates_that_would_split_the_cluster_are_refused():
    key = KEYS["leaf"].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()

    def judged(trusted, nodes):
        own = {"ca_certificate": "".join(map(pem, trusted)), "provided_certificate": OURS["certificate"], "provided_private_key": key}
        return _tls_providers.named("provided").node(host(own, name="node1", needed=NEEDED, now=NOW), nodes)[0].problems

    def refused(trusted, **tls):
        return judged(trusted, cluster(**tls))

    assert refused([ROOT], node1={}, node2=OURS) == []
    assert "node1 and node2 would refuse each other" in str(refused([ROOT], node1=THEIRS, node2=THEIRS)[0])
    assert "would refuse each other" in str(refused([ROOT, OTHER], node1=THEIRS, node2=THEIRS)[0]), "node2 does not trust the new one yet"
    both = {**THEIRS, "trust": pem(OTHER) + pem(ROOT)}
    assert refused([ROOT, OTHER], node1=both, node2=both) == []
    together = _tls_providers.Cluster(["node1", "node2"], {"node1": THEIRS, "node2": THEIRS}, rolling=False)
    assert judged([ROOT], together) == []


def test_the_folder_keeps_requests_and_takes_what_was_signed_for_them(tmp_path):
    store = _certificate.Store(str(tmp_path / "tls"))
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", "", pem(ROOT))
    pending, request = store.keep_request(wanted)
    assert store.keep_request(wanted) == (pending, request) and store.waiting() == request
    folder = _own.Folder(str(tmp_path / "csr"), "node1")
    assert folder.ask(request) and not folder.ask(request) and folder.signed(request) is None
    (tmp_path / "csr/node1.crt").write_text(pem(leaf()))
    assert folder.signed(request) is None, "it is for another key"
    asked = x509.load_pem_x509_csr(request.encode())
    assert _certificate.subject_alternative_names(asked) == ["DNS:node1", "IP:192.0.2.1"] and asked.is_signature_valid
    signed = pem(certificate("node", asked, "root", KEYS["root"]))
    (tmp_path / "csr/node1.crt").write_text(signed)
    assert _certificate.pem_of(folder.signed(request)) == signed
    store.install(pending, signed, pem(ROOT), wanted, NOW)
    assert store.waiting() is None and store.report(wanted, NOW).reasons() == []
    (tmp_path / "csr/node1.crt").write_text("nothing")
    with pytest.raises(_own.OwnError, match="is no certificate in PEM form"):
        folder.signed(request)
    with pytest.raises(_own.OwnError, match="qdrant_tls_csr_dir is empty"):
        _own.Folder("", "node1")


def test_a_request_for_other_names_replaces_the_one_that_waits(tmp_path):
    store = _certificate.Store(str(tmp_path))
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", "", pem(ROOT))
    _pending, first = store.keep_request(wanted)
    _pending, second = store.keep_request(_certificate.Wanted("node1", ["node1", "db"], ["192.0.2.1"], "ecdsa-p256", "", pem(ROOT)))
    assert first != second and store.waiting() == second


def test_what_was_signed_wrongly_is_not_put_in_use(tmp_path):
    store = _certificate.Store(str(tmp_path))
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", "", pem(ROOT), needed=("IP:192.0.2.1",))
    pending, request = store.keep_request(wanted)
    signed = pem(certificate("node", x509.load_pem_x509_csr(request.encode()), "root", KEYS["root"], usages=BOTH[:1]))
    with pytest.raises(_certificate.CertificateError, match="lacks the extended key usage clientAuth"):
        store.install(pending, signed, pem(ROOT), wanted, NOW)
    assert store.generation() is None and store.waiting() == request


def test_what_is_provided_is_put_in_use_once(tmp_path):
    store = _certificate.Store(str(tmp_path))
    key = KEYS["leaf"].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    chain, trust = pem(leaf()) + pem(BETWEEN), pem(ROOT)
    assert store.provided(chain, key, trust) == ["there is no certificate"]
    store.place(chain, key, trust, NEEDED, NOW)
    assert store.provided(chain, key, trust) == [] and store.wrong_permissions() == []
    assert store.provided(pem(leaf()) + pem(BETWEEN), key, trust) == ["another certificate is provided"]
    assert store.provided(chain, key, trust + pem(OTHER)) == ["the trusted CAs change"]
    with pytest.raises(_certificate.CertificateError, match="does not name IP:192.0.2.7"):
        store.place(chain, key, trust, ["IP:192.0.2.7"], NOW)


def test_a_request_for_another_subject_replaces_the_one_that_waits(tmp_path):
    """An ACME server is asked without a subject, and the controller refuses a request that has another one than is wanted."""
    store = _certificate.Store(str(tmp_path))
    wanted = _certificate.Wanted("node1", ["node1"], ["192.0.2.1"], "ecdsa-p256", "", pem(ROOT))
    _pending, first = store.keep_request(wanted)
    _pending, second = store.keep_request(_certificate.Wanted("", ["node1"], ["192.0.2.1"], "ecdsa-p256", "", pem(ROOT)))
    assert first != second and store.waiting() == second


def test_trust_that_strict_clients_refuse_is_refused_before_anything_is_asked_for(tmp_path):
    weak = certificate("weak", KEYS["root"], "weak", KEYS["root"], ca=True, usage=False)

    def problems(trust):
        own = {"csr_dir": str(tmp_path), "ca_certificate": trust}
        return _tls_providers.named("csr").node(host(own, name="node1", now=NOW), cluster(node1={}))[0].problems

    assert "qdrant_tls_ca_certificate: it holds CN=weak, which has no key usage, which Python 3.13 and later refuse" in str(problems(pem(weak))[0])
    assert problems(pem(weak) + pem(ROOT)) == [], "one is on its way out"


def test_a_request_may_have_no_subject(tmp_path):
    """An ACME server takes a subject for one more name."""
    wanted = _certificate.Wanted("", ["qdrant.example.com"], ["192.0.2.11"], "ecdsa-p256", "", "", needed=("IP:192.0.2.11",))
    _name, request = _certificate.Store(str(tmp_path)).keep_request(wanted)
    loaded = x509.load_pem_x509_csr(request.encode())
    assert list(loaded.subject) == [] and _certificate.subject_alternative_names(loaded) == ["DNS:qdrant.example.com", "IP:192.0.2.11"]
