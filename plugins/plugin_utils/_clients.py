# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that clients show to a proxy: made in the controller's memory, from a CA that no node trusts."""

from __future__ import annotations

import re
import typing as t
from datetime import datetime, timedelta

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _own

NAME = re.compile(r"(?=.{1,63}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
PURPOSES = ("clientAuth",)
RENEW_FRACTION = 1 / 3


class ClientError(Exception):
    """A client's certificate cannot be made; the message says what to mend, and holds no secret."""


def check(name: t.Any, days: t.Any, key_type: t.Any) -> None:
    """Refuse what no certificate can be made of."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ClientError(f"{name!r} cannot be a client's name. Use letters, digits, dots and -, up to 63.")
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= 825:
        raise ClientError(f"The certificate of {name} cannot be valid for {days!r} days. Write a number from 1 to 825.")
    if key_type not in _certificate.KEY_TYPES:
        raise ClientError("There is no key type {!r}. Write one of {}.".format(key_type, ", ".join(_certificate.KEY_TYPES)))


def nodes_trust(read: t.Callable[[str, str], t.Any], hosts: t.Iterable[str], loader: t.Any) -> list[str]:
    """Return the CAs that nodes trust by their inventory, whatever provider their certificates come from, as PEM texts.

    ``read`` gives a variable of a host, None where it is not set. A variable may be a PEM text or name a file on the controller.

    :raises ClientError: what a node trusts cannot be read, so that nothing can be compared with it.
    """
    found: dict[str, str] = {}
    for host in hosts:
        for name in (_authority.IN_USE.certificate, _authority.NEXT.certificate):
            try:
                value = read(host, name)
                if value and value not in found:
                    found[value] = _own.authorities(value, loader, name)[1]
            except Exception as error:  # also whatever keeps it from being templated
                why = str(error).rstrip(".") if isinstance(error, _own.OwnError) else f"{name} cannot be read"
                raise ClientError(
                    f"The CAs of the node {host} are not known, and a CA that nodes trust must not sign for clients: {why}. Give its secrets, such as the "
                    "vault's password."
                ) from None
    return list(found.values())


def check_apart(authority_pem: str, nodes: t.Iterable[str]) -> None:
    """Refuse to sign for clients with a CA that nodes trust, or one below it: the cluster port takes whoever shows a certificate for a client from there."""
    if _certificate.of_authorities(_certificate.load_certificates(authority_pem), [ca for pem in nodes for ca in _certificate.load_certificates(pem)]):
        raise ClientError(
            f"{_authority.CLIENTS.certificate} is the nodes' CA or comes from it, and whoever has a client's certificate from there "
            f"opens the cluster port. Make another: {_authority.CLIENTS.maker}"
        )


def due(certificate_pem: str | None, key_pem: str | None, authority_pem: str, key_type: str, now: datetime) -> list[str]:
    """Return why a client's certificate is to be made anew; empty if it need not."""
    if not certificate_pem or not key_pem:
        return ["there is none"]
    try:
        leaf = _certificate.load_certificates(certificate_pem)[0]
        key = _certificate.load_key(key_pem)
    except _certificate.CertificateError:
        return ["what is there cannot be read"]
    reasons = []
    if _certificate.public_bytes(leaf.public_key()) != _certificate.public_bytes(key):
        reasons.append("key and certificate do not match")
    if not _certificate.is_signed_by(leaf, _certificate.load_certificates(authority_pem)[0]):
        reasons.append("it is of another CA")
    if _certificate.key_type(key) != key_type:
        reasons.append(f"its key is {_certificate.key_type(key)}, wanted is {key_type}")
    if now > _certificate.renewal_time(leaf, RENEW_FRACTION):
        reasons.append(f"it expires on {_certificate.not_after(leaf).date().isoformat()}")
    return reasons


def issue(authority: _authority.Authority, name: str, key_type: str, life: timedelta, now: datetime) -> tuple[str, str]:
    """Return a new key and certificate of a client, in PEM form."""
    key = _certificate.KEY_TYPES[key_type]()
    wanted = _certificate.Wanted(name, [name], [], key_type, authority.pem(), authority.pem(), purposes=PURPOSES)
    return _certificate.key_pem(key), _authority.sign(authority, _certificate.request_for(key, wanted), wanted, now, life)
