# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ports make of TLS, and the certificate on disk."""

from __future__ import annotations

import os
import tempfile
import typing as t
from datetime import datetime, timezone

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate, _wire
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import ways
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import LOCAL_TIMEOUT, Json, Place


def served(place: Place, target: _wire.Target) -> Json:
    """Return the certificate that a port serves, and whether it verifies against the host's own trust, address or name included."""
    seen = _wire.served_certificate(target, LOCAL_TIMEOUT)
    if seen.error:
        raise OSError(seen.error)
    verifies = ways.verification_error(target, place.trust, place.server_name) is None
    return {"sha256": seen.sha256, "version": seen.version, "cipher": seen.cipher, "verifies": verifies}


def questions(place: Place) -> dict[tuple[str, ...], t.Callable[[], t.Any]]:
    """Return questions about each port's TLS. Each stands alone: a server that only speaks an outdated version fails the first one."""
    asked: dict[tuple[str, ...], t.Callable[[], t.Any]] = {}
    for name, target in place.ports().items():
        asked.update(_questions_to(place, name, target))
    return asked


def _questions_to(place: Place, name: str, target: _wire.Target) -> dict[tuple[str, ...], t.Callable[[], t.Any]]:
    """Return questions about the TLS of one port, which the document calls by a name."""
    return {
        ("tls", name): lambda: served(place, target),
        ("tls", name, "plaintext"): lambda: taken(_wire.plaintext(target, LOCAL_TIMEOUT)),
        ("tls", name, "outdated_version"): lambda: taken(_wire.accepts_outdated(target, "version", LOCAL_TIMEOUT)),
        ("tls", name, "outdated_suite"): lambda: taken(_wire.accepts_outdated(target, "suite", LOCAL_TIMEOUT)),
        ("client_certificates", name, "none"): lambda: taken(_wire.accepts_client(target, timeout=LOCAL_TIMEOUT)),
        ("client_certificates", name, "foreign"): lambda: taken(foreign_client(target)),
    }


def taken(outcome: str) -> str:
    """Return a port's answer to an offer. An offer that did not reach it is a lack of evidence."""
    if outcome in ("silent", "answered", "rejected") or outcome.startswith("accepted"):
        return outcome
    raise OSError(outcome)


def foreign_client(target: _wire.Target) -> str:
    """Return a port's answer to a client with a self-signed certificate."""
    if _certificate.CRYPTOGRAPHY_ERROR is not None:
        raise OSError("the Python library cryptography is missing on the host")
    with tempfile.TemporaryDirectory(prefix="hardened-qdrant-") as folder:
        path = os.path.join(folder, "stranger.pem")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_certificate.self_signed("stranger"))
        return _wire.accepts_client(target, path, timeout=LOCAL_TIMEOUT)


def certificate_on_disk(place: Place) -> Json:
    """Return the certificate in use on disk."""
    if _certificate.CRYPTOGRAPHY_ERROR is not None:
        raise OSError("the Python library cryptography is missing on the host")
    store = _certificate.Store(os.path.dirname(place.tls))
    leaf = store.leaf()
    now = datetime.now(timezone.utc)
    trusted = _certificate.load_certificates(store.read("ca.crt"))
    return {
        **_certificate.describe(leaf, now),
        "purposes": sorted(_certificate.purposes(leaf)),
        "life_days": round((_certificate.not_after(leaf) - _certificate.not_before(leaf)).total_seconds() / 86400, 1),
        "signed_by_trusted": _certificate.path(_certificate.load_certificates(store.read("tls.crt")), trusted) is not None,
        "ca": [_certificate.describe(ca, now) for ca in trusted],
    }
