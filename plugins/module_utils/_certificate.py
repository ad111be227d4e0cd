# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generations of a node's certificate: what is due, a key and a request for it, and its installation.

A generation is a folder with ``tls.key``, ``tls.crt`` (the leaf, then what is between it and the trusted CA) and ``ca.crt`` (whom the
node trusts). It is complete before it gets its name, never changed after, and ``current`` is a symlink that is replaced in one step::

    tls/generations/20260101T000000Z-1a2b3c4d/
    tls/generations/.pending-x7w2/              a key that waits for its certificate
    tls/current -> generations/20260101T000000Z-1a2b3c4d

The private key is made here and never leaves. Needs the library cryptography, version 38 or later.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import shutil
import stat
import tempfile
import textwrap
import traceback
import typing as t
import warnings
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

# A host may lack the library until the role installed it; whoever calls looks here first.
CRYPTOGRAPHY_ERROR: str | None = None
try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.x509.oid import NameOID
except ImportError:
    CRYPTOGRAPHY_ERROR = traceback.format_exc()

# What the library raises for input that it cannot read.
UNREADABLE: tuple[type[Exception], ...] = (ValueError, TypeError, OverflowError)
if CRYPTOGRAPHY_ERROR is None:
    UNREADABLE += (UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)

KEY, CERTIFICATE, TRUST = "tls.key", "tls.crt", "ca.crt"
FILES = (KEY, CERTIFICATE, TRUST)
PENDING = ".pending-"
GENERATION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\+*")  # its time, and the first digits of its serial number
# A key and its request that wait for another party's signature, and survive runs.
WAITING, REQUEST = ".waiting", "request.pem"
KEY_TYPES: dict[str, t.Callable[[], t.Any]] = {
    "ecdsa-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa-4096": lambda: rsa.generate_private_key(65537, 4096),
}
# Public CAs' certificates for web servers have these, and a proxy may.
PUBLIC_KEY_TYPES = (*KEY_TYPES, "rsa-2048")
# Signature algorithms that Qdrant's TLS library and its clients verify, by object identifier: kind of key, and hash function.
SIGNATURES = {
    "1.2.840.113549.1.1.11": ("rsa", "SHA256"),
    "1.2.840.113549.1.1.12": ("rsa", "SHA384"),
    "1.2.840.113549.1.1.13": ("rsa", "SHA512"),
    "1.2.840.10045.4.3.2": ("ecdsa", "SHA256"),
    "1.2.840.10045.4.3.3": ("ecdsa", "SHA384"),
    "1.2.840.10045.4.3.4": ("ecdsa", "SHA512"),
    "1.3.101.112": ("ed25519", ""),
}
PSS = "1.2.840.113549.1.1.10"
# RSASSA-PSS in DER (RFC 4055, 3.1) with one hash function throughout and a salt of its length, which is all that TLS libraries take. What to
# put in: the last octet of the hash's identifier, twice, and its length. The library tells these parameters from version 41 on.
PSS_PARAMETERS = "304106092a864886f70d01010a3034a00f300d06096086480165030402%02x0500a11c301a06092a864886f70d010108300d06096086480165030402%02x0500a2030201%02x"
PSS_HASHES = {"SHA256": (1, 32), "SHA384": (2, 48), "SHA512": (3, 64)}
# Certificates of a chain that are looked at; what a host hands out may be endless.
LONGEST_CHAIN = 20
# What Python's ssl.create_default_context() insists on since 3.13 (VERIFY_X509_STRICT), and so a client does, and the gate of a node.
STRICT = "which Python 3.13 and later refuse, and clients in it"
# Extended key usages that a node's certificate needs, by object identifier (RFC 5280, 4.2.1.12).
PURPOSES = {"1.3.6.1.5.5.7.3.1": "serverAuth", "1.3.6.1.5.5.7.3.2": "clientAuth"}
BOTH = ("serverAuth", "clientAuth")


class CertificateError(Exception):
    """Something about a certificate or its files that the user must mend; the message says what and how."""


@dataclass(frozen=True)
class Wanted:
    """The certificate that a node should have."""

    common_name: str
    dns_names: list[str]
    ip_addresses: list[str]
    key_type: str
    # PEM: the CA that signs, or nothing where another party signs; and all CAs that the node trusts.
    issuer: str
    trust: str
    # A certificate is renewed when less than this part of its life is left.
    renew_fraction: float = 1 / 3
    force: bool = False
    # Serial numbers and SHA-256 fingerprints, in hex without colons and in lower case, of certificates that are not to be used any more.
    revoked: frozenset[str] = frozenset()
    # Of the names above those that the certificate must hold where another party signs, in the form of ``sans``.
    needed: tuple[str, ...] = ()
    # A node is server to its clients and client of its peers. Who is no peer must not get what peers know each other by.
    purposes: tuple[str, ...] = BOTH

    def sans(self) -> list[str]:
        """Return subject alternative names in the form that ``describe`` gives them."""
        addresses = [str(ipaddress.ip_address(address)) for address in self.ip_addresses]
        return sorted({"DNS:" + name for name in self.dns_names} | {"IP:" + address for address in addresses})


@dataclass
class Report:
    """What is due. ``reissue`` asks for a new key and certificate, ``reinstall`` for a new generation with the same."""

    reissue: list[str] = field(default_factory=list)
    reinstall: list[str] = field(default_factory=list)
    permissions: list[str] = field(default_factory=list)

    def reasons(self) -> list[str]:
        return self.reissue + self.reinstall + self.permissions


# --- certificates ------------------------------------------------------------------------------------------------------


def blocks(pem: str, ending: str) -> list[tuple[str, bytes]]:
    """Return label and content of all blocks of a PEM text whose label ends so, in their order. What stands around them may be anything.

    :raises CertificateError: one of them is broken.
    """
    found = []
    for piece in pem.split("-----BEGIN ")[1:]:
        label, _dashes, rest = piece.partition("-----")
        if not label.endswith(ending):
            continue
        body, end, _after = rest.partition(f"-----END {label}-----")
        if not end:
            raise CertificateError(f"a block that begins with -----BEGIN {ending}----- has no end")
        if label.startswith("ENCRYPTED") or "Proc-Type:" in body:  # of keys: in PKCS #8, and before it (RFC 1421)
            raise CertificateError("it is encrypted with a passphrase")
        try:
            found.append((label, base64.b64decode("".join(body.split()), validate=True)))
        except ValueError:
            raise CertificateError(f"a block that begins with -----BEGIN {ending}----- is damaged") from None
    return found


def load_certificates(pem: str) -> list[x509.Certificate]:
    """Return all certificates of a PEM text, in their order."""
    found = [content for label, content in blocks(pem, "CERTIFICATE") if label in ("CERTIFICATE", "X509 CERTIFICATE")]
    if not found:
        for label, remedy in (("PKCS7", "openssl pkcs7 -print_certs"), ("TRUSTED CERTIFICATE", "openssl x509")):
            if f"-----BEGIN {label}-----" in pem:
                raise CertificateError(f"there is no certificate in PEM form but a {label}, of which {remedy} makes one")
        raise CertificateError("there is no certificate in PEM form")
    return [_load_certificate(content) for content in found]


def _load_certificate(content: bytes) -> x509.Certificate:
    """Return a certificate in DER form, of which everything can be read that this module reads."""
    try:
        # Public CAs have serial numbers that the library warns of: what is wrong with a certificate is said by who looks for it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(content)
            # The library reads these when they are asked for, and newer versions of it refuse other ones than older do.
            certificate.public_key()
            for _part in (certificate.subject, certificate.issuer, certificate.extensions, not_before(certificate), not_after(certificate)):
                pass
            return certificate
    except UNREADABLE as error:
        raise CertificateError(f"a certificate cannot be read: {error}") from None


def load_key(pem: str) -> t.Any:
    """Return the private key of a PEM text that holds one, in PKCS #1, PKCS #8 or SEC 1 form, whatever stands around it.

    :raises CertificateError: there is none, or more than one, or it is encrypted. The message holds nothing of it.
    """
    found = blocks(pem, "PRIVATE KEY")
    if len(found) != 1:
        raise CertificateError("there are %d private keys in it" % len(found) if found else "there is no private key in PEM form")
    label, content = found[0]
    lines = "\n".join(textwrap.wrap(base64.b64encode(content).decode(), 64))
    try:
        return serialization.load_pem_private_key((f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n").encode(), None)
    except UNREADABLE:
        raise CertificateError("the private key cannot be read") from None


def pem_of(certificates: t.Iterable[x509.Certificate]) -> str:
    """Return certificates as a PEM text, and nothing beside them."""
    return "".join(certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in certificates)


def key_pem(key: t.Any) -> str:
    """Return a private key as a PEM text (PKCS #8)."""
    encoded: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return encoded.decode()


def extension(thing: t.Any, kind: t.Any) -> t.Any:
    """Return an extension of a certificate or request, with ``value`` and ``critical``; None where it has none of the kind."""
    try:
        return thing.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def not_before(certificate: x509.Certificate) -> datetime:
    """Start of validity, UTC. The attribute with a time zone came with cryptography 42."""
    value = getattr(certificate, "not_valid_before_utc", None)
    return value if value is not None else certificate.not_valid_before.replace(tzinfo=timezone.utc)


def not_after(certificate: x509.Certificate) -> datetime:
    """End of validity, UTC."""
    value = getattr(certificate, "not_valid_after_utc", None)
    return value if value is not None else certificate.not_valid_after.replace(tzinfo=timezone.utc)


def fingerprint(certificate: x509.Certificate) -> str:
    """Return SHA-256 of a certificate, in hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def plain_hex(text: str) -> str:
    """Return a serial number or fingerprint as programs print it (``AB:CD``, ``0xabcd``), as this module compares it."""
    return text.replace(":", "").replace(" ", "").lower().removeprefix("0x").lstrip("0")


def renewal_time(certificate: x509.Certificate, renew_fraction: float) -> datetime:
    """Return the time from which a certificate is due for its age."""
    return not_after(certificate) - (not_after(certificate) - not_before(certificate)) * renew_fraction


def key_type(key: t.Any) -> str:
    """Name of a public or private key's type, as in KEY_TYPES where it is one of those."""
    if isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)):
        return {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384"}.get(key.curve.name, "ecdsa-" + key.curve.name)
    if isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)):
        return "rsa-%d" % key.key_size
    return type(key).__name__.strip("_").lower()


def public_bytes(key: t.Any) -> bytes:
    """Return the public key of a private or public key, for comparing."""
    public = key.public_key() if hasattr(key, "public_key") else key
    encoded: bytes = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether issuer's key signed the certificate, which says so too."""
    return not _unsigned(certificate, issuer)


def _unsigned(certificate: x509.Certificate, issuer: x509.Certificate) -> str:
    """Return why a certificate is not signed by another one's key; empty if it is. By the same code with all versions of the library."""
    if certificate.issuer != issuer.subject:
        return "it names another issuer"
    identifier = certificate.signature_algorithm_oid.dotted_string
    kind, name = _pss_parameters(certificate) if identifier == PSS else SIGNATURES.get(identifier, ("", ""))
    key = issuer.public_key()
    if not kind:
        return f"its signature is of a kind that Qdrant or its clients do not take (object identifier {identifier})"
    # The key's own form counts as well: TLS libraries take RSA keys as such alone, also for RSASSA-PSS, and curves by their names.
    if public_bytes(key) not in issuer.public_bytes(serialization.Encoding.DER):
        return "the key of that CA is in a form that Qdrant or its clients do not take"
    try:
        if kind == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(getattr(hashes, name)()))
        elif kind == "ed25519" and isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(certificate.signature, certificate.tbs_certificate_bytes)
        elif kind in ("rsa", "pss") and isinstance(key, rsa.RSAPublicKey):
            algorithm = getattr(hashes, name)()
            pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, pss if kind == "pss" else padding.PKCS1v15(), algorithm)
        else:
            return "another key signed it"
    except (InvalidSignature, ValueError):
        return "another key signed it"
    return ""


def _pss_parameters(certificate: x509.Certificate) -> tuple[str, str]:
    """Return kind and hash function of a signature by RSASSA-PSS, as SIGNATURES has them; empty for other parameters than TLS libraries take."""
    content, signed = certificate.public_bytes(serialization.Encoding.DER), certificate.tbs_certificate_bytes
    algorithm = content[content.index(signed) + len(signed) :]
    for name, (octet, length) in PSS_HASHES.items():
        if algorithm.startswith(bytes.fromhex(PSS_PARAMETERS % (octet, octet, length))):
            return "pss", name
    return "", ""


def identifies(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether the key identifiers of a certificate and its issuer, if both have one, are the same: OpenSSL takes others for other CAs'."""
    theirs, own = extension(certificate, x509.AuthorityKeyIdentifier), extension(issuer, x509.SubjectKeyIdentifier)
    return theirs is None or own is None or theirs.value.key_identifier in (None, own.value.digest)


def may_issue(certificate: x509.Certificate) -> bool:
    """Return whether a certificate is a CA's, which may sign certificates."""
    constraints, usage = extension(certificate, x509.BasicConstraints), extension(certificate, x509.KeyUsage)
    return constraints is not None and constraints.value.ca and (usage is None or usage.value.key_cert_sign)


def subject_alternative_names(certificate: x509.Certificate | x509.CertificateSigningRequest) -> list[str]:
    """Return names and addresses of a certificate or of a request for one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    return sorted(["DNS:" + name for name in names.get_values_for_type(x509.DNSName)] + [f"IP:{address}" for address in addresses])


def purposes(certificate: x509.Certificate | x509.CertificateSigningRequest) -> set[str]:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return set()
    return {PURPOSES.get(purpose.dotted_string, purpose.dotted_string) for purpose in usage}


def describe(certificate: x509.Certificate, now: datetime) -> dict[str, t.Any]:
    """Return a certificate in plain data, with the days that it has left."""
    return {
        "serial": f"{certificate.serial_number:x}",
        "sha256": fingerprint(certificate),
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "not_before": not_before(certificate).isoformat(),
        "not_after": not_after(certificate).isoformat(),
        "days_left": round((not_after(certificate) - now) / timedelta(days=1), 1),
        "sans": subject_alternative_names(certificate),
        "key_type": key_type(certificate.public_key()),
        "ocsp": ocsp_responders(certificate),
    }


def ocsp_responders(certificate: x509.Certificate) -> list[str]:
    """Return the URLs of the OCSP responders that a certificate names (RFC 5280, 4.2.2.1)."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    return [entry.access_location.value for entry in access if entry.access_method == x509.oid.AuthorityInformationAccessOID.OCSP]


def self_signed(common_name: str) -> bytes:
    """Return a key and a certificate for a client, valid for an hour and signed by nobody but itself, as one PEM text.

    For asking a server what it makes of a stranger's certificate.
    """
    key = KEY_TYPES["ecdsa-p256"]()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (key_pem(key) + pem_of([certificate])).encode()


# --- what is due -------------------------------------------------------------------------------------------------------


def due_for_reissue(chain: t.Sequence[x509.Certificate], key: t.Any, wanted: Wanted, now: datetime) -> list[str]:
    """Return why a certificate, the first of its chain, must be issued anew; empty if it need not."""
    leaf = chain[0]
    if not wanted.issuer:
        reasons = ["it " + text for text in unusable(chain, key, load_certificates(wanted.trust), wanted.needed, now, wanted.purposes)]
        return reasons + _due_for_any(leaf, wanted, now)
    reasons = []
    if public_bytes(leaf.public_key()) != public_bytes(key):
        reasons.append("key and certificate do not match")
    if subject_alternative_names(leaf) != wanted.sans():
        reasons.append("names are {}, wanted are {}".format(", ".join(subject_alternative_names(leaf)) or "none", ", ".join(wanted.sans())))
    missing, surplus = set(wanted.purposes) - purposes(leaf), purposes(leaf) - set(wanted.purposes)
    if missing:
        reasons.append("it lacks the extended key usage {}".format(", ".join(sorted(missing))))
    if surplus:
        reasons.append("it has the extended key usage {}".format(", ".join(sorted(surplus))))
    issuer = load_certificates(wanted.issuer)[0]
    if not is_signed_by(leaf, issuer):
        reasons.append("it is not signed by the CA that signs now")
    elif not identifies(leaf, issuer):
        reasons.append("it gives another key identifier for its CA than the CA itself")
    if key_type(key) != wanted.key_type:
        reasons.append(f"its key is {key_type(key)}, wanted is {wanted.key_type}")
    return reasons + _due_for_any(leaf, wanted, now)


def _due_for_any(leaf: x509.Certificate, wanted: Wanted, now: datetime) -> list[str]:
    """What makes a certificate due, whoever signed it: its age, and the user."""
    reasons = []
    if wanted.revoked & {plain_hex(f"{leaf.serial_number:x}"), plain_hex(fingerprint(leaf))}:
        reasons.append("it was revoked")
    if now > renewal_time(leaf, wanted.renew_fraction):
        reasons.append(f"it expires on {not_after(leaf).date().isoformat()}")
    elif now < not_before(leaf):
        reasons.append(f"it is not valid before {not_before(leaf).isoformat()}")
    if wanted.force:
        reasons.append("asked for")
    return reasons


def unusable(
    chain: t.Sequence[x509.Certificate],
    key: t.Any,
    trusted: t.Sequence[x509.Certificate],
    needed: t.Iterable[str],
    now: datetime,
    wanted_purposes: t.Iterable[str] = BOTH,
) -> list[str]:
    """Return the problems that keep a certificate that another party signed from being a node's; texts that follow a name. The leaf comes first in a chain.

    ``key`` is the private or public key that it should belong to. What is no client is no node but a proxy, whose certificate may be what
    public CAs sell: with a key of 2048 bits, and for all names of a domain.
    """
    leaf, problems, wanted_purposes = chain[0], [], tuple(wanted_purposes)
    of_proxy = "clientAuth" not in wanted_purposes
    key_types = PUBLIC_KEY_TYPES if of_proxy else tuple(KEY_TYPES)
    if public_bytes(leaf.public_key()) != public_bytes(key):
        problems.append("and its private key do not match")
    if key_type(leaf.public_key()) not in key_types:
        problems.append("has a key of type {}; use one of {}".format(key_type(leaf.public_key()), ", ".join(key_types)))
    named = subject_alternative_names(leaf)
    absent = sorted(name for name in set(needed) if name not in named and not (of_proxy and _wildcard(name) in named))
    if absent:
        names = ", ".join(named) or "nothing"
        problems.append("does not name {} (it names {}), so peers or clients would refuse it".format(", ".join(absent), names))
    lacking = sorted(set(wanted_purposes) - purposes(leaf))
    if lacking:
        why = "; a node is server to its clients and client of its peers" if set(wanted_purposes) == set(BOTH) else ""
        problems.append("lacks the extended key usage {}{}".format(", ".join(lacking), why))
    problems += _chain_problems(chain, trusted, now)
    found = path(chain, trusted, now)
    return problems + (_path_problems(found, wanted_purposes) if found else [])


def _wildcard(name: str) -> str:
    """Return the name for all hosts of a domain that covers a name, both as in ``sans``: the first label, and no more, is any (RFC 9525, 6.3)."""
    return "DNS:*." + name.partition(".")[2]


def leads(chain: t.Sequence[x509.Certificate], trusted: t.Sequence[x509.Certificate], now: datetime) -> bool:
    """Return whether a chain, leaf first, leads to one of the trusted CAs, all of it valid now."""
    return not _chain_problems(chain, trusted, now)


def path(chain: t.Sequence[x509.Certificate], trusted: t.Sequence[x509.Certificate], now: datetime | None = None) -> list[x509.Certificate] | None:
    """Return the certificates from the leaf, the first of its chain, to a trusted CA, whatever their dates; None if there is no way.

    Of several ways it is one that is valid ``now``, if there is one, and whose key identifiers fit.
    """

    def fits(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        return is_signed_by(certificate, issuer) and identifies(certificate, issuer)

    def valid(certificate: x509.Certificate) -> bool:
        return now is None or not_before(certificate) <= now <= not_after(certificate)

    ways = ((fits, valid), (fits, lambda _any: True), (is_signed_by, lambda _any: True))
    return next((found for found in (_way(chain[:LONGEST_CHAIN], trusted, *way) for way in ways) if found), None)


def _way(
    chain: t.Sequence[x509.Certificate],
    trusted: t.Sequence[x509.Certificate],
    signed: t.Callable[[x509.Certificate, x509.Certificate], bool],
    good: t.Callable[[x509.Certificate], bool],
) -> list[x509.Certificate] | None:
    """Return the shortest way from a chain's leaf to a trusted CA; each certificate is tried once."""
    ways, queue = {0: [chain[0]]}, [0]
    while queue:
        position = queue.pop(0)
        last = chain[position]
        anchor = next((ca for ca in trusted if good(ca) and signed(last, ca)), None)
        if anchor is not None:
            return [*ways[position], anchor]
        for following, certificate in enumerate(chain):
            if following not in ways and may_issue(certificate) and good(certificate) and signed(last, certificate):
                ways[following] = [*ways[position], certificate]
                queue.append(following)
    return None


def of_authorities(cas: t.Sequence[x509.Certificate], others: t.Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the CAs whose key is one of the others', or that come from one of the others by way of each other."""
    keys = {public_bytes(ca.public_key()) for ca in others}
    return [ca for ca in cas if public_bytes(ca.public_key()) in keys or path([ca, *cas], others)]


def presented(chain: t.Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the part of a chain for handshakes: the leaf, then each CA's that signed the one before, without self-signed ones."""
    found, queue = [chain[0]], [chain[0]]
    while queue:
        last = queue.pop(0)
        # Two of one CA, of two others: both are shown, for clients that trust one of them.
        for ca in chain[1:LONGEST_CHAIN]:
            if ca not in found and ca.subject != ca.issuer and is_signed_by(last, ca):
                found.append(ca)
                queue.append(ca)
    return found


def _chain_problems(chain: t.Sequence[x509.Certificate], trusted: t.Sequence[x509.Certificate], now: datetime) -> list[str]:
    """Return whether a chain leads from its leaf to a trusted CA, all of it valid now."""
    found = path(chain, trusted, now)
    if found is None:
        # The last one that anything is known of: where the user has to look.
        end = presented([chain[0], *filter(may_issue, chain[1:])])[-1]
        issuer = next((ca for ca in (*trusted, *chain[1:]) if ca.subject == end.issuer), None)
        why = "" if issuer is None or issuer == end else ", but %s" % (_unsigned(end, issuer) or "that is no CA's certificate")
        return [f"leads to no trusted CA: {end.subject.rfc4514_string()} is signed by {end.issuer.rfc4514_string()}{why}"]
    problems = []
    for certificate in found:
        name = "expired" if now > not_after(certificate) else "is not valid yet" if now < not_before(certificate) else ""
        if name and certificate is chain[0]:
            problems.append(f"{name} (it is valid from {not_before(certificate).isoformat()} to {not_after(certificate).isoformat()})")
        elif name:
            problems.append(f"comes from {certificate.subject.rfc4514_string()}, which {name}")
    return problems


def _path_problems(found: t.Sequence[x509.Certificate], wanted_purposes: t.Iterable[str]) -> list[str]:
    """What clients or peers refuse on the way from a leaf to a trusted CA, whatever the dates; texts that follow a name."""
    strict = _strict_leaf(found[0])
    problems = ["{}, {}".format(" and ".join(strict), STRICT)] if strict else []
    for position, ca in enumerate(found[1:], 1):
        name, constraints, usage = ca.subject.rfc4514_string(), extension(ca, x509.BasicConstraints), extension(ca, x509.ExtendedKeyUsage)
        strict = strict_authority(ca)
        if position < len(found) - 1 and not _names_issuers_key(ca):
            strict.append("has no authority key identifier")
        if strict:
            problems.append("comes from {}, which {}, {}".format(name, " and ".join(strict), STRICT))
        if not identifies(found[position - 1], ca):
            what = "%s gives another key identifier for it than it has itself" % ("it" if position == 1 else found[position - 1].subject.rfc4514_string())
            problems.append(f"comes from {name}, but {what}, so OpenSSL takes it for another CA's")
        if constraints is not None and constraints.value.path_length is not None and constraints.value.path_length < position - 1:
            problems.append("comes from %s, which may not sign for %d CAs below it (path length)" % (name, position - 1))
        lacking = sorted(set(wanted_purposes) - purposes(ca)) if usage is not None else []
        if lacking:
            problems.append("comes from {}, which may not sign for {}".format(name, ", ".join(lacking)))
    return problems


def strict_authority(ca: x509.Certificate) -> list[str]:
    """Return the problems for which Python refuses a CA's certificate since 3.13 (RFC 5280, 4.2.1); texts that follow ``which``."""
    constraints, usage = extension(ca, x509.BasicConstraints), extension(ca, x509.KeyUsage)
    problems = []
    if constraints is None or not constraints.value.ca:
        problems.append("does not say that it is a CA (basic constraints)")
    elif not constraints.critical:
        problems.append("has basic constraints that are not critical")
    if usage is None:
        problems.append("has no key usage")
    if extension(ca, x509.SubjectKeyIdentifier) is None:
        problems.append("has no subject key identifier")
    if not list(ca.subject):
        problems.append("has no subject")
    return problems + _critical_identifiers(ca)


def _strict_leaf(leaf: x509.Certificate) -> list[str]:
    """Return the same of a server's or client's certificate."""
    names, usage = extension(leaf, x509.SubjectAlternativeName), extension(leaf, x509.KeyUsage)
    problems = [] if _names_issuers_key(leaf) else ["has no authority key identifier"]
    if not list(leaf.subject) and not (names is not None and names.critical):
        problems.append("has no subject, and names that are not critical")
    if usage is not None and usage.value.key_cert_sign:
        problems.append("is no CA's, and may sign certificates (key usage)")
    return problems + _critical_identifiers(leaf)


def _names_issuers_key(certificate: x509.Certificate) -> bool:
    identifier = extension(certificate, x509.AuthorityKeyIdentifier)
    return identifier is not None and identifier.value.key_identifier is not None


def _critical_identifiers(certificate: x509.Certificate) -> list[str]:
    found = [extension(certificate, kind) for kind in (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier)]
    return ["has a key identifier that is critical"] if any(entry is not None and entry.critical for entry in found) else []


def same_certificates(left: str, right: str) -> bool:
    """Return whether two PEM texts hold the same certificates, whatever else the texts say."""

    def fingerprints(pem: str) -> list[str]:
        return [fingerprint(certificate) for certificate in load_certificates(pem)]

    try:
        return fingerprints(left) == fingerprints(right)
    except CertificateError:
        return False


# --- the folder --------------------------------------------------------------------------------------------------------


class Store:
    """The folder of a node's generations. Everything in it is root's alone.

    ``current`` leads to the generation in use. One that is staged waits for the node's restart: ``next`` leads to it, and takes the place of ``current``
    then. What is read is the one in use, and after ``look`` or a writing the one that counts for the next start.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.generations = os.path.join(folder, "generations")
        self.current = os.path.join(folder, "current")
        self.next = os.path.join(folder, "next")
        self._newest = self.current

    # Reading

    def generation(self) -> str | None:
        """Return the name of the generation."""
        return _led_to(self._newest)

    def read(self, name: str) -> str:
        with open(os.path.join(self._newest, name), encoding="ascii") as file:
            return file.read()

    def leaf(self) -> x509.Certificate:
        return load_certificates(self.read(CERTIFICATE))[0]

    def look(self, report: t.Callable[[], Report]) -> Report:
        """Return what is due: of the staged generation, if it is nothing, so that a renewal that was killed is completed; otherwise of the one in use.

        From then on the generation that was judged is read. Where something is due of both, it is the staged one if its key and certificate stay.
        """
        staged = None
        if os.path.islink(self.next):
            self._newest = self.next
            staged = report()
            if not (staged.reissue or staged.reinstall):
                return staged
        self._newest = self.current
        found = report()
        if staged and not staged.reissue and (found.reissue or found.reinstall):
            self._newest = self.next
            return staged
        return found

    def report(self, wanted: Wanted, now: datetime) -> Report:
        """Return what is due of the generation."""
        if self.generation() is None:
            return Report(reissue=["there is no certificate"])
        try:
            chain = load_certificates(self.read(CERTIFICATE))
            key = load_key(self.read(KEY))
            trust = self.read(TRUST)
        except (OSError, ValueError, CertificateError) as error:
            return Report(reissue=[f"what is there cannot be read: {error}"])
        report = Report(reissue=due_for_reissue(chain, key, wanted, now), permissions=self.wrong_permissions())
        if not same_certificates(trust, wanted.trust):
            report.reinstall.append("the trusted CAs change")
        return report

    def _modes(self) -> t.Iterator[tuple[str, int]]:
        """Yield each path of the generation and above it, with the mode that it should have."""
        newest = os.path.realpath(self._newest)
        yield from ((path, 0o700) for path in (self.folder, self.generations, newest))
        yield from ((os.path.join(newest, name), 0o600) for name in FILES)

    def wrong_permissions(self) -> list[str]:
        wrong = []
        for path, mode in self._modes():
            status = os.stat(path)
            if stat.S_IMODE(status.st_mode) != mode or (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                wrong.append(f"{path} is not root's alone")
        return wrong

    # Writing. A run may be killed between any two lines: then the next one finds the generation in use as it was, or the new
    # one complete.

    def forget_staged(self) -> None:
        """Have no generation wait where the one in use counts."""
        if self._newest == self.current and os.path.islink(self.next):
            os.unlink(self.next)

    def mend_permissions(self) -> None:
        for path, mode in self._modes():
            os.chown(path, os.geteuid(), os.getegid())
            os.chmod(path, mode)

    def make_request(self, wanted: Wanted) -> tuple[str, str]:
        """Make a key; return the name of the folder that it waits in, and its certificate signing request."""
        pending = self._make_pending()
        key = KEY_TYPES[wanted.key_type]()
        _write(os.path.join(pending, KEY), key_pem(key))
        return os.path.basename(pending), request_for(key, wanted)

    def install(self, pending: str, chain: str, trust: str, wanted: Wanted, now: datetime, staged: bool = False) -> None:
        """Complete a pending folder with its certificate and put it in use, or stage it, if certificate, key and names go together."""
        folder = os.path.join(self.generations, os.path.basename(pending))
        try:
            with open(os.path.join(folder, KEY), encoding="ascii") as file:
                key = load_key(file.read())
        except OSError:
            raise CertificateError("the key that waited for this certificate is gone; run again") from None
        certificates = load_certificates(chain)
        reasons = due_for_reissue(certificates, key, _without_force(wanted), now)
        if reasons:
            raise CertificateError("the new certificate differs from the request: " + "; ".join(reasons))
        for name, content in ((CERTIFICATE, pem_of(certificates)), (TRUST, pem_of(load_certificates(trust)))):
            _remove(os.path.join(folder, name))  # of a run that was killed here, in a folder that waited since before
            _write(os.path.join(folder, name), content)
        _remove(os.path.join(folder, REQUEST))
        self._put_in_use(folder, certificates[0], now, staged)

    def provided(self, chain: str, key: str, trust: str) -> list[str]:
        """Return why a generation with these, as the user keeps them, is due; empty if it is in use."""
        if self.generation() is None:
            return ["there is no certificate"]
        try:
            mine = public_bytes(load_key(self.read(KEY)))
            same = same_certificates(self.read(CERTIFICATE), chain)
            reasons = [] if same and mine == public_bytes(load_key(key)) else ["another certificate is provided"]
            return reasons if same_certificates(self.read(TRUST), trust) else [*reasons, "the trusted CAs change"]
        except (OSError, ValueError, CertificateError) as error:
            return [f"what is there cannot be read: {error}"]

    def place(
        self, chain: str, key: str, trust: str, needed: t.Iterable[str], now: datetime, wanted_purposes: t.Iterable[str] = BOTH, staged: bool = False
    ) -> None:
        """Put a key and a certificate of the user's in use, or stage them, if they go together."""
        certificates = load_certificates(chain)
        problems = unusable(certificates, load_key(key), load_certificates(trust), needed, now, wanted_purposes)
        if problems:
            raise CertificateError("the certificate that is provided " + "; it ".join(problems))
        folder = self._make_pending()
        for name, content in ((KEY, key_pem(load_key(key))), (CERTIFICATE, pem_of(certificates)), (TRUST, pem_of(load_certificates(trust)))):
            _write(os.path.join(folder, name), content)
        self._put_in_use(folder, certificates[0], now, staged)

    def key_for(self, chain: str) -> str:
        """Return the node's own private key in PEM form, in use or staged, if it is the one of a chain's first certificate; empty if none is."""
        for link in (self.current, self.next):
            try:
                with open(os.path.join(link, KEY), encoding="ascii") as file:
                    text = file.read()
                own = public_bytes(serialization.load_pem_private_key(text.encode(), None))
                if own == public_bytes(load_certificates(chain)[0].public_key()):
                    return text
            except (OSError, ValueError, TypeError, CertificateError):
                continue
        return ""

    def waiting(self) -> str | None:
        """Return the request whose certificate another party has yet to sign, in PEM form, if there is one."""
        try:
            with open(os.path.join(self.generations, WAITING, REQUEST), encoding="ascii") as file:
                return file.read()
        except OSError:
            return None

    def keep_request(self, wanted: Wanted) -> tuple[str, str]:
        """Return a request that waits on the node for as long as it takes, with its key: the one that is there, or a new one if names or type changed."""
        text = self.waiting()
        if text is not None and _asks_for(text, wanted):
            return WAITING, text
        pending = self._make_pending()
        key = KEY_TYPES[wanted.key_type]()
        _write(os.path.join(pending, KEY), key_pem(key))
        text = request_for(key, wanted)
        _write(os.path.join(pending, REQUEST), text)
        _sync(pending)
        folder = os.path.join(self.generations, WAITING)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(pending, folder)
        return WAITING, text

    def reinstall(self, trust: str, now: datetime, staged: bool = False) -> None:
        """Make a new generation with the same key and certificate, and other trusted CAs."""
        chain, key = self.read(CERTIFICATE), self.read(KEY)
        folder = self._make_pending()
        for name, content in ((KEY, key), (CERTIFICATE, chain), (TRUST, pem_of(load_certificates(trust)))):
            _write(os.path.join(folder, name), content)
        self._put_in_use(folder, load_certificates(chain)[0], now, staged)

    def prune(self, keep: int) -> None:
        """Remove all but the newest ``keep`` generations, and never the one in use or the staged one, nor what bears no generation's name."""
        names = sorted(filter(GENERATION.fullmatch, os.listdir(self.generations)))
        for name in names[: max(0, len(names) - keep)]:
            if name not in (_led_to(self.current), _led_to(self.next)):
                shutil.rmtree(os.path.join(self.generations, name))

    def _make_pending(self) -> str:
        for path in (self.folder, self.generations):
            os.makedirs(path, mode=0o700, exist_ok=True)
        for name in os.listdir(self.generations):
            if name.startswith(PENDING):  # of a run that was killed
                shutil.rmtree(os.path.join(self.generations, name))
        return tempfile.mkdtemp(prefix=PENDING, dir=self.generations)  # 0700

    def _put_in_use(self, folder: str, leaf: x509.Certificate, now: datetime, staged: bool) -> None:
        name = "{}-{}".format(now.strftime("%Y%m%dT%H%M%SZ"), (f"{leaf.serial_number:08x}")[:8])
        while os.path.exists(os.path.join(self.generations, name)):
            name += "+"
        _sync(folder)
        os.rename(folder, os.path.join(self.generations, name))
        _sync(self.generations)
        self._newest = self.next if staged else self.current
        temporary = self.current + ".new"
        _remove(temporary)
        os.symlink(os.path.join("generations", name), temporary)
        os.replace(temporary, self._newest)
        if not staged:
            _remove(self.next)  # of a run before
        _sync(self.folder)


def _led_to(link: str) -> str | None:
    """Return the name of the generation that a link leads to; None without one."""
    try:
        return os.path.basename(os.readlink(link))
    except OSError:
        return None


def general_names(wanted: Wanted) -> list[x509.GeneralName]:
    """Return subject alternative names, each once."""
    names = [x509.DNSName(name) for name in dict.fromkeys(wanted.dns_names)]
    return names + [x509.IPAddress(address) for address in dict.fromkeys(map(ipaddress.ip_address, wanted.ip_addresses))]


def subject_of(wanted: Wanted) -> x509.Name:
    """Return the subject of a request; it may be empty."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.common_name)] if wanted.common_name else [])


def request_for(key: t.Any, wanted: Wanted) -> str:
    """Return a signing request that says all that the certificate must hold, and nothing else: the controller refuses what says more."""
    purposes_wanted = [x509.ObjectIdentifier(identifier) for identifier, name in PURPOSES.items() if name in wanted.purposes]
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject_of(wanted))
        .add_extension(x509.SubjectAlternativeName(general_names(wanted)), critical=False)
        .add_extension(x509.ExtendedKeyUsage(purposes_wanted), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _asks_for(request_pem: str, wanted: Wanted) -> bool:
    """Return whether a request is for this type of key, this subject and these names."""
    try:
        request = x509.load_pem_x509_csr(request_pem.encode())
    except ValueError:
        return False
    same = subject_alternative_names(request) == wanted.sans() and key_type(request.public_key()) == wanted.key_type
    return same and purposes(request) == set(wanted.purposes) and request.subject == subject_of(wanted)


def _remove(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)


def _without_force(wanted: Wanted) -> Wanted:
    # What another party signed is taken for as long as it is valid: its length is not ours to decide.
    return Wanted(**{**vars(wanted), "force": False, **({} if wanted.issuer else {"renew_fraction": 0.0})})


def _write(path: str, content: str) -> None:
    """A new file that its owner alone can read, on disk when this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
