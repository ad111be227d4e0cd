# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host asks to have signed, and what was signed for it: compared with what is wanted, on the controller, by every provider.

A host that was broken into asks for another's names, for more purposes, or to be a CA. So a request is handed on, or signed, only where it says what
this collection's module writes into one, and nothing beside that; and what comes back goes to the host only where it names nothing that is not wanted.
Pure functions: texts in, problems out. Nothing that a host wrote is repeated as it is: control characters are replaced, and long texts are cut.
"""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # whoever signs or asks says so

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate

# A request of a module of this collection has about 1000 characters, with many names a few more.
LARGEST_REQUEST = 64 * 1024
# Public CAs sold certificates for 39 months at most, before they sold shorter ones. What is valid for longer is a mistake.
LONGEST_LIFE = timedelta(days=1187)
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"


class RequestError(Exception):
    """A request or certificate says what is not wanted. The message says what, and what to do."""


def shown(text: t.Any) -> str:
    """Return a foreign text for a message: printable, and not endless."""
    return "".join(character if character.isprintable() else "?" for character in str(text)[:200])


def _listed(entries: t.Iterable[str]) -> str:
    return ", ".join(map(shown, sorted(entries)[:10])) or "none"


def load(pem: t.Any) -> x509.CertificateSigningRequest:
    """Return a signing request of which everything can be read that is compared.

    :raises RequestError: it is none.
    """
    if not isinstance(pem, str) or len(pem) > LARGEST_REQUEST:
        raise RequestError("it is no signing request")
    try:
        found = [content for label, content in _certificate.blocks(pem, "CERTIFICATE REQUEST") if label == "CERTIFICATE REQUEST"]
        if len(found) != 1:
            raise RequestError("it holds %d signing requests in PEM form" % len(found))
        request = x509.load_der_x509_csr(found[0])
        request.public_key()
        for _part in (request.subject, request.extensions, list(request.attributes), request.is_signature_valid):
            pass
    except _certificate.CertificateError as error:
        raise RequestError(str(error)) from None
    except _certificate.UNREADABLE as error:
        raise RequestError(f"it cannot be read: {shown(error)}") from None
    return request


def pem(request: x509.CertificateSigningRequest) -> str:
    """Return a request as a PEM text, and nothing beside it."""
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _names(thing: t.Any) -> list[str]:
    """Return all subject alternative names of a certificate or request, of every type: ``DNS:``, ``IP:``, and what nobody asks for, such as ``email:``."""
    found = _certificate.extension(thing, x509.SubjectAlternativeName)
    kinds: dict[type, str] = {
        x509.DNSName: "DNS",
        x509.IPAddress: "IP",
        x509.RFC822Name: "email",
        x509.UniformResourceIdentifier: "URI",
        x509.DirectoryName: "directory",
    }
    return [f"{kinds.get(type(name), type(name).__name__)}:{_value(name)}" for name in found.value] if found is not None else []


def _value(name: t.Any) -> str:
    """Return a general name's value. Domain names are the same in upper and lower case."""
    if isinstance(name, x509.DirectoryName):
        return name.value.rfc4514_string()
    if isinstance(name, x509.OtherName):
        return name.type_id.dotted_string
    return name.value.lower() if isinstance(name, x509.DNSName) else str(getattr(name, "value", ""))


def _wanted_names(wanted: _certificate.Wanted) -> set[str]:
    return {"DNS:" + name[4:].lower() if name.startswith("DNS:") else name for name in wanted.sans()}


def owners(trust: str, certificates: t.Mapping[str, t.Any]) -> dict[bytes, str]:
    """Return the owners of keys that a host's request must not have, by public key: the trusted CAs (PEM text), and other hosts by their certificates."""
    found = {_certificate.public_bytes(ca.public_key()): f"the CA {shown(ca.subject.rfc4514_string())}" for ca in _certificate.load_certificates(trust)}
    for host, text in certificates.items():
        try:
            found.setdefault(_certificate.public_bytes(_certificate.load_certificates(str(text))[0].public_key()), host)
        except _certificate.CertificateError:
            continue  # it has none that can be read, and so none that anybody uses
    return found


def problems(request: x509.CertificateSigningRequest, wanted: _certificate.Wanted, foreign: t.Mapping[bytes, str]) -> list[str]:
    """Return the differences between a request and the wanted one, surplus included.

    ``foreign`` are the keys that it must not have, as ``owners`` gives them.
    """
    found, key = [], request.public_key()
    if not request.is_signature_valid:
        found.append("it is not signed with its own key")
    if _certificate.key_type(key) != wanted.key_type:
        found.append(f"its key is {_certificate.key_type(key)}, wanted is {wanted.key_type}")
    if isinstance(key, rsa.RSAPublicKey) and key.public_numbers().e != 65537:
        found.append("its key has another public exponent than 65537")
    if _certificate.public_bytes(key) in foreign:
        found.append(f"its key is that of {foreign[_certificate.public_bytes(key)]}")
    if request.subject != _certificate.subject_of(wanted):
        subject = _certificate.subject_of(wanted).rfc4514_string()
        found.append("its subject is {}, wanted is {}".format(shown(request.subject.rfc4514_string()) or "empty", subject or "none"))
    names, expected = _names(request), _wanted_names(wanted)
    if set(names) - expected:
        found.append(f"it names {_listed(set(names) - expected)}")
    if expected - set(names):
        found.append(f"it does not name {_listed(expected - set(names))}")
    purposes = _certificate.purposes(request)
    if purposes != set(wanted.purposes):
        found.append(f"its purposes are {_listed(purposes)}, wanted are {_listed(wanted.purposes)}")
    return found + _further_extensions(request) + _attributes(request)


def _further_extensions(request: x509.CertificateSigningRequest) -> list[str]:
    """What extensions a request has beside names and purposes."""
    found = []
    for extension in request.extensions:
        if isinstance(extension.value, x509.BasicConstraints) and extension.value.ca:
            found.append("it asks to be a CA (basic constraints)")
        elif not isinstance(extension.value, (x509.SubjectAlternativeName, x509.ExtendedKeyUsage)):
            found.append(f"it asks for the extension {_extension_name(extension)} ({extension.oid.dotted_string})")
        elif extension.critical:
            found.append(f"it asks for the extension {_extension_name(extension)} to be critical")
    return found


def _extension_name(extension: t.Any) -> str:
    return "unknown" if isinstance(extension.value, x509.UnrecognizedExtension) else type(extension.value).__name__


def _attributes(request: x509.CertificateSigningRequest) -> list[str]:
    """What attributes a request has beside the one with its extensions (RFC 2986, 4.1), which must be there once: who signs may read another one."""
    found = [attribute.oid.dotted_string for attribute in request.attributes]
    surplus = sorted(set(found) - {EXTENSION_REQUEST}) + ([EXTENSION_REQUEST] if found.count(EXTENSION_REQUEST) > 1 else [])
    names = {"1.2.840.113549.1.9.7": "a challenge password", EXTENSION_REQUEST: "extensions more than once"}
    return ["it has the attribute {}{}".format(oid, f" ({names[oid]})" if oid in names else "") for oid in surplus]


def check(host: str, text: t.Any, wanted: _certificate.Wanted, foreign: t.Mapping[bytes, str]) -> str:
    """Return a host's request, written anew, if it asks for what is wanted.

    :raises RequestError: it does not; it was handed on to nobody.
    """
    try:
        request = load(text)
        found = problems(request, wanted, foreign)
    except RequestError as error:
        request, found = None, [str(error)]
    if request is None or found:
        raise RequestError(
            "{} asks for a certificate that it should not have: {}. Nothing was signed, and the request was handed on to nobody. This collection's module "
            "asks for the inventory's names and purposes, and no more, so a host that asks for others may be in another's hands: look into that before "
            "you run this again.".format(host, "; ".join(found))
        )
    return pem(request)


def signed_problems(
    chain: t.Sequence[x509.Certificate],
    key: t.Any,
    wanted: _certificate.Wanted,
    trusted: t.Sequence[x509.Certificate],
    unasked: t.Collection[str],
    now: datetime,
) -> list[str]:
    """Return the problems of a certificate that another party signed for a request's public key, the first of its chain; texts that follow ``it``.

    Who signs may leave out names that nobody needs, may leave the subject empty or make one of the names its common name, and adds extensions of its own,
    such as where to find its revocation lists. Names and purposes it does not add, but for those that are known to come ``unasked``.
    """
    leaf = chain[0]
    found = _certificate.unusable(chain, key, trusted, wanted.needed, now, wanted.purposes)
    surplus = set(_names(leaf)) - _wanted_names(wanted)
    if surplus:
        found.append(f"names {_listed(surplus)}, which nobody asked for")
    if not _names(leaf):
        found.append("has no names (subject alternative names)")
    known = {wanted.common_name.lower()} | {name.partition(":")[2] for name in _wanted_names(wanted)}
    strange = {str(entry.value) for entry in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME) if str(entry.value).lower() not in known}
    if strange:
        found.append(f"has the common name {_listed(strange)}, which nobody asked for")
    purposes = _certificate.purposes(leaf) - set(wanted.purposes) - set(unasked)
    if purposes:
        found.append(f"has the extended key usage {_listed(purposes)}, which nobody asked for")
    return found + _of_authorities(leaf) + _unknown_critical(leaf) + _life(leaf)


def _of_authorities(leaf: x509.Certificate) -> list[str]:
    """What only a CA's certificate has."""
    constraints, usage = _certificate.extension(leaf, x509.BasicConstraints), _certificate.extension(leaf, x509.KeyUsage)
    found = ["is a CA's, which could sign for every name"] if constraints is not None and constraints.value.ca else []
    if usage is not None and (usage.value.key_cert_sign or usage.value.crl_sign):
        found.append("may sign certificates or revocation lists (key usage)")
    if usage is not None and not usage.value.digital_signature:
        found.append("may not sign handshakes (key usage lacks digitalSignature)")
    return found


def _unknown_critical(leaf: x509.Certificate) -> list[str]:
    """Return critical extensions that Qdrant's TLS library does not know, so that it refuses the certificate (RFC 5280, 4.2)."""
    known = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName)
    unknown = [entry.oid.dotted_string for entry in leaf.extensions if entry.critical and not isinstance(entry.value, known)]
    return [f"has the critical extension {oid}, which TLS libraries refuse" for oid in unknown]


def _life(leaf: x509.Certificate) -> list[str]:
    life = _certificate.not_after(leaf) - _certificate.not_before(leaf)
    return ["is valid for %d days; %d are the most" % (life.days, LONGEST_LIFE.days)] if life > LONGEST_LIFE else []


def check_signed(
    where: str,
    chain: t.Sequence[x509.Certificate],
    request: str,
    wanted: _certificate.Wanted,
    trusted: t.Sequence[x509.Certificate],
    unasked: t.Collection[str],
    now: datetime,
) -> str:
    """Return the certificate that was signed for a request, with what of its chain is shown to peers and clients, written anew, if it is what is wanted.

    ``where`` is the file that it was found in, for the message.

    :raises RequestError: it is not; the host did not get it.
    """
    found = signed_problems(chain, load(request).public_key(), wanted, trusted, unasked, now)
    if found:
        raise RequestError(
            "{} holds a certificate that differs from the request: it {}. It was not given to the host. Have the request beside it signed as it is: for the "
            "names and purposes in it, and no others.".format(where, "; it ".join(found))
        )
    return _certificate.pem_of(_certificate.presented(chain))
