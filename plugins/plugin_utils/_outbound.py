# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the server's outgoing connections trust: for snapshots from URLs and from peers, object stores, inference.

Source: the server reads SSL_CERT_FILE (rustls-native-certs 0.8), from 1.17.1 on at its start, and trusts what is in there for peers as well, which are sent
the API key. So it is the deployment's own CA, or a bundle that the user names, and never what an image or a host happens to trust.
"""

from __future__ import annotations

import os
import typing as t
from datetime import datetime

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
except ImportError:
    pass  # the preflight says so

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _own, _preflight

VARIABLE = "qdrant_outbound_ca_file"
RISK = "outbound-system-cas"
# The credentials that SSL_CERT_FILE may name: the deployment's own CA, or the user's bundle.
OWN, BUNDLE = "ca.crt", "outbound-ca.crt"
# Systems trust a hundred CAs and more; who has targets of their own names a few.
MANY = 20
# systemd hands a unit credentials of 1 MiB at most, all of them together (systemd.exec(5)).
LARGEST = 512 * 1024
# Where systems keep theirs: Debian, Red Hat, SUSE, Alpine.
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

# Reads a variable of the task's host by name, with a default.
Reader = t.Callable[[str, t.Any], t.Any]


def is_of_a_system(found: t.Sequence[x509.Certificate], value: str) -> bool:
    """Return whether a bundle is what an operating system trusts: by its path, links followed, or by the number of its CAs."""
    paths = {os.path.realpath(path) for path in SYSTEM_BUNDLES}
    return len(found) > MANY or ("-----BEGIN" not in value and os.path.realpath(os.path.expanduser(value.strip())) in paths)


def check(found: t.Sequence[x509.Certificate], value: str, accepted: t.Collection[str], now: datetime) -> _preflight.Findings:
    """Return the problems of a bundle of the user's. ``value`` is what the variable says."""
    findings = _preflight.Findings()
    for subject in _own.no_authorities(found):
        findings.refuse(VARIABLE, f"it holds {subject}, which is no CA's certificate", "Give the CA's that signed it")
    ended = [ca.subject.rfc4514_string() for ca in found if _certificate.not_after(ca) <= now]
    if len(ended) == len(found):
        findings.refuse(VARIABLE, "all its CAs have expired", "Give the ones that are in use")
    elif ended:
        findings.warnings.append("%s holds %d CAs that have expired, such as %s." % (VARIABLE, len(ended), ended[0]))
    size = sum(len(ca.public_bytes(serialization.Encoding.PEM)) for ca in found)
    if size > LARGEST:
        what = "it holds %d KiB of certificates, and systemd hands over %d" % (size // 1024, LARGEST // 1024)
        findings.refuse(VARIABLE, what, "Give the CAs of your targets alone")
    if RISK not in accepted and is_of_a_system(found, value):
        what = "its %d CAs are those of an operating system, and each could speak for a peer, which is sent the API key" % len(found)
        remedy = f"Name the CAs of your targets alone, or accept the risk: qdrant_accepted_risks: [{{risk: {RISK}, reason: why}}]"
        findings.refuse(VARIABLE, what, remedy)
    return findings


def wanted(read: Reader, loader: t.Any) -> tuple[str, list[x509.Certificate], str]:
    """Return the credential that holds the trusted CAs, and of the user's bundle the CAs and their PEM text: none and "" without one.

    :raises _own.OwnError: the bundle cannot be used.
    """
    value = read(VARIABLE, "")
    if not value:
        return OWN, [], ""
    found, pem = _own.authorities(value, loader, VARIABLE)
    return BUNDLE, found, pem


def fingerprints(read: Reader, loader: t.Any) -> tuple[list[str], list[str]]:
    """Return SHA-256, in hex, of the CAs that a server should trust by the inventory: for its peers, and in a bundle of the user's.

    The first are both CAs while one is replaced, and none where the inventory names none; the second are none without a bundle.

    :raises _own.OwnError: a CA that the inventory names cannot be used, so that nothing can be compared with it.
    """
    own: list[x509.Certificate] = []
    for variable in (_authority.IN_USE.certificate, _authority.NEXT.certificate):
        value = read(variable, "")
        own += _own.authorities(value, loader, variable)[0] if value else []
    _credential, bundle, _pem = wanted(read, loader)
    of_peers, of_bundle = (sorted({_certificate.fingerprint(ca) for ca in found}) for found in (own, bundle))
    return of_peers, of_bundle
