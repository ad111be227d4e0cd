# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a node's certificates are valid: the one on disk, the ones that its ports serve, and the CAs that it trusts."""

from __future__ import annotations

import ssl
import typing as t
from datetime import datetime

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate, _wire

SHOWN = ("sha256", "issuer", "not_after", "days_left")


def _short(certificate: t.Any, now: datetime) -> dict[str, t.Any]:
    described = _certificate.describe(certificate, now)
    return {name: described[name] for name in SHOWN}


def observe(store: _certificate.Store, targets: t.Mapping[str, _wire.Target], now: datetime) -> dict[str, t.Any]:
    """Return the certificates in plain data; shapes as the module qdrant_tls_info returns them. Raises OSError or CertificateError for those on disk."""
    disk = _short(store.leaf(), now)
    served: dict[str, t.Any] = {}
    for name, target in targets.items():
        seen = _wire.served_certificate(target)
        if seen.error is not None:
            served[name] = {"error": seen.error}
            continue
        leaf = _certificate.load_certificates(ssl.DER_cert_to_PEM_cert(seen.der))[0]
        served[name] = {**_short(leaf, now), "on_disk": seen.sha256 == disk["sha256"]}
    return {
        "disk": disk,
        "served": served,
        "trusted": [_short(ca, now) for ca in _certificate.load_certificates(store.read(_certificate.TRUST))],
        "not_served": sorted(name for name, entry in served.items() if not entry.get("on_disk")),
        "days_left": min([disk["days_left"]] + [entry["days_left"] for entry in served.values() if "days_left" in entry]),
    }


def judge(seen: t.Mapping[str, t.Any], warn_days: float, fail_days: float) -> tuple[list[str], list[str]]:
    """Return problems and warnings about certificates that end too soon. A CA is warned of only: a certificate that it signed ends with it."""
    problems, warnings = [], []
    places = {"on disk": seen["disk"]}
    places.update({f"that {name} serves": entry for name, entry in seen["served"].items() if "days_left" in entry})
    for place, entry in places.items():
        text = "The certificate {} has {:.1f} days left ({}).".format(place, entry["days_left"], entry["not_after"])
        if entry["days_left"] <= fail_days:  # as the control tls-expiry has it
            problems.append(text)
        elif entry["days_left"] < warn_days:
            warnings.append(text)
    warnings += [
        "The trusted CA {} has {:.1f} days left ({}).".format(entry["issuer"], entry["days_left"], entry["not_after"])
        for entry in seen["trusted"]
        if entry["days_left"] < warn_days
    ]
    return problems, warnings
