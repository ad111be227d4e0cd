# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom outgoing connections trust: the deployment's own CA, or a bundle of the user's that is no system's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _outbound, _own, _settings

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=4000)
(OURS, _KEY), (NEXT, _NEXT_KEY), (THEIRS, THEIR_KEY), (EXPIRED, _OLD_KEY) = (
    _authority.create(name, when) for name, when in (("ours", NOW), ("next", NOW), ("object store", NOW), ("old", LONG_AGO))
)
LOADER = DataLoader()


def reader(**variables):
    return lambda name, default=None: variables.get(name, default)


def fingerprint(*texts: str) -> list[str]:
    return sorted(_certificate.fingerprint(ca) for text in texts for ca in _certificate.load_certificates(text))


def check(text: str, accepted=(), value: str = "/srv/bundle.pem") -> _outbound._preflight.Findings:
    return _outbound.check(_certificate.load_certificates(text), value, accepted, NOW)


def test_without_a_bundle_it_is_the_deployments_own_ca():
    assert _outbound.wanted(reader(), LOADER) == ("ca.crt", [], "")
    assert _outbound.fingerprints(reader(qdrant_tls_ca_certificate=OURS), LOADER) == (fingerprint(OURS), [])


def test_while_a_ca_is_replaced_both_are_trusted():
    both = reader(qdrant_tls_ca_certificate=OURS, qdrant_tls_next_ca_certificate=NEXT)
    assert _outbound.fingerprints(both, LOADER) == (fingerprint(OURS, NEXT), [])


def test_a_bundle_takes_the_place_of_the_own_ca(tmp_path):
    file = tmp_path / "bundle.pem"
    file.write_bytes(b"\xef\xbb\xbf# Beh\xc3\xb6rde, \xff\r\n" + THEIRS.replace("\n", "\r\n").encode())
    credential, found, pem = _outbound.wanted(reader(qdrant_outbound_ca_file=str(file)), LOADER)
    assert credential == "outbound-ca.crt" and len(found) == 1 and pem == THEIRS, "only the certificate goes on, in one form"
    both = reader(qdrant_outbound_ca_file=str(file), qdrant_tls_ca_certificate=OURS)
    assert _outbound.fingerprints(both, LOADER) == (fingerprint(OURS), fingerprint(THEIRS))


@pytest.mark.parametrize("name", [_outbound.VARIABLE, _own.TRUST, "qdrant_proxy_client_ca"])
def test_no_file_of_cas_may_hold_a_private_key(name):
    with pytest.raises(_own.OwnError, match=f"{name} holds a private key") as caught:
        _own.authorities(THEIR_KEY + THEIRS, LOADER, name)
    assert THEIR_KEY.splitlines()[1] not in str(caught.value)


def test_an_inventory_that_names_no_ca_leaves_the_nodes_own_trust_to_compare_with():
    assert _outbound.fingerprints(reader(), LOADER) == ([], [])


@pytest.mark.parametrize("name", ["qdrant_outbound_ca_file", "qdrant_tls_ca_certificate"])
def test_a_ca_that_is_named_and_cannot_be_read_is_no_reason_to_believe_the_node(name):
    with pytest.raises(_own.OwnError, match=f"{name} names a file that cannot be read"):
        _outbound.fingerprints(reader(**{name: "/nonexistent"}), LOADER)


def test_what_is_no_ca_at_all_is_said_to_be_none():
    expected = "cannot be used: there is no certificate in PEM form but a TRUSTED CERTIFICATE, of which openssl x509 makes one. Give the CAs' certificates"
    with pytest.raises(_own.OwnError, match=expected):
        _own.authorities("-----BEGIN TRUSTED CERTIFICATE-----\nAAAA\n-----END TRUSTED CERTIFICATE-----", LOADER, _outbound.VARIABLE)


def test_a_bundle_of_a_system_is_a_risk_by_its_size_and_by_its_path(tmp_path, monkeypatch):
    many = "".join(_authority.create("public %d" % number, NOW)[0] for number in range(_outbound.MANY + 1))
    assert "qdrant_outbound_ca_file: its 21 CAs are those of an operating system" in str(check(many).problems[0])
    assert "outbound-system-cas" in str(check(many).problems[0]) and "outbound-system-cas" in _settings.OTHER_RISKS
    assert check(many, accepted={"outbound-system-cas": "why"}).problems == []
    # A link to it is the same file.
    system, link = tmp_path / "system.pem", tmp_path / "mine.pem"
    system.write_text(THEIRS)
    link.symlink_to(system)
    monkeypatch.setattr(_outbound, "SYSTEM_BUNDLES", (str(system),))
    assert check(THEIRS, value=str(link)).problems and check(THEIRS, value=str(tmp_path / "other.pem")).problems == []


def test_a_certificate_of_no_ca_and_expired_ones_are_named():
    leaf = _certificate.self_signed("server.example.com").decode()
    assert "server.example.com, which is no CA's certificate" in str(check(leaf).problems[0])
    assert "all its CAs have expired" in str(check(EXPIRED).problems[0])
    found = check(EXPIRED + THEIRS)
    assert found.problems == [] and "1 CAs that have expired, such as CN=old" in found.warnings[0]


def test_more_than_systemd_hands_over_is_refused(monkeypatch):
    monkeypatch.setattr(_outbound, "LARGEST", 500)
    assert "and systemd hands over" in str(check(THEIRS).problems[0])
