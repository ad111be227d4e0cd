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

import ipaddress
import os
import re
import shutil
import stat
import tempfile
import traceback
import typing as t
import warnings
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

# A host may lack the library until the role installed it; whoever calls looks here first.
CRYPTOGRAPHY_ERROR: str | None = None
try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.x509.oid import NameOID
except ImportError:
    CRYPTOGRAPHY_ERROR = traceback.format_exc()

KEY, CERTIFICATE, TRUST = "tls.key", "tls.crt", "ca.crt"
FILES = (KEY, CERTIFICATE, TRUST)
PENDING = ".pending-"
GENERATION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\+*")  # its time, and the first digits of its serial number
# A key and its request that wait for another party's signature, and survive runs.
WAITING, REQUEST = ".waiting", "request.pem"
# Where certificates come from if not from the node's own run: requests are kept until the certificate is there.
AWAITED = ("csr", "acme", "vault_pki")
KEY_TYPES = {
    "ecdsa-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa-4096": lambda: rsa.generate_private_key(65537, 4096),
}
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
        """Subject alternative names in the form that ``describe`` gives them."""
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


def load_certificates(pem: str) -> list[x509.Certificate]:
    """All certificates of a PEM text, in their order."""
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", pem, re.DOTALL)
    if not blocks:
        raise CertificateError("there is no certificate in PEM form")
    try:
        # Public CAs have serial numbers that the library warns of: what is wrong with a certificate is said by who looks for it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [x509.load_pem_x509_certificate(block.encode()) for block in blocks]
    except ValueError as error:
        raise CertificateError("a certificate cannot be read: %s" % error) from None


def not_before(certificate: x509.Certificate) -> datetime:
    """Start of validity, UTC. The attribute with a time zone came with cryptography 42."""
    value = getattr(certificate, "not_valid_before_utc", None)
    return value if value is not None else certificate.not_valid_before.replace(tzinfo=timezone.utc)


def not_after(certificate: x509.Certificate) -> datetime:
    """End of validity, UTC."""
    value = getattr(certificate, "not_valid_after_utc", None)
    return value if value is not None else certificate.not_valid_after.replace(tzinfo=timezone.utc)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, in hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def plain_hex(text: str) -> str:
    """A serial number or fingerprint as programs print it (``AB:CD``, ``0xabcd``), as this module compares it."""
    return text.replace(":", "").replace(" ", "").lower().removeprefix("0x").lstrip("0")


def renewal_time(certificate: x509.Certificate, renew_fraction: float) -> datetime:
    """From when on a certificate is due for its age."""
    return not_after(certificate) - (not_after(certificate) - not_before(certificate)) * renew_fraction


def key_type(key: t.Any) -> str:
    """Name of a public or private key's type, as in KEY_TYPES where it is one of those."""
    if isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)):
        return {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384"}.get(key.curve.name, "ecdsa-" + key.curve.name)
    if isinstance(key, (rsa.RSAPublicKey, rsa.RSAPrivateKey)):
        return "rsa-%d" % key.key_size
    return type(key).__name__.strip("_").lower()


def public_bytes(key: t.Any) -> bytes:
    """The public key of a private or public key, for comparing."""
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether issuer's key signed the certificate, which says so too."""
    if certificate.issuer != issuer.subject or certificate.signature_hash_algorithm is None:
        return False
    key = issuer.public_key()
    signed, signature, algorithm = certificate.tbs_certificate_bytes, certificate.signature, certificate.signature_hash_algorithm
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def subject_alternative_names(certificate: x509.Certificate | x509.CertificateSigningRequest) -> list[str]:
    """Names and addresses of a certificate or of a request for one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    return sorted(["DNS:" + name for name in names.get_values_for_type(x509.DNSName)] + ["IP:%s" % address for address in addresses])


def purposes(certificate: x509.Certificate | x509.CertificateSigningRequest) -> set[str]:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return set()
    return {PURPOSES.get(purpose.dotted_string, purpose.dotted_string) for purpose in usage}


def describe(certificate: x509.Certificate, now: datetime) -> dict[str, t.Any]:
    """A certificate in plain data, with the days that it has left."""
    return {
        "serial": "%x" % certificate.serial_number,
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
    """The URLs of the OCSP responders that a certificate names (RFC 5280, 4.2.2.1)."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    return [entry.access_location.value for entry in access if entry.access_method == x509.oid.AuthorityInformationAccessOID.OCSP]


def self_signed(common_name: str) -> bytes:
    """A key and a certificate for a client, valid for an hour and signed by nobody but itself, as one PEM text.

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
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + certificate.public_bytes(serialization.Encoding.PEM)


# --- what is due -------------------------------------------------------------------------------------------------------


def due_for_reissue(chain: t.Sequence[x509.Certificate], key: t.Any, wanted: Wanted, now: datetime) -> list[str]:
    """Why a certificate, the first of its chain, must be issued anew; empty if it need not."""
    leaf = chain[0]
    if not wanted.issuer:
        reasons = ["it " + text for text in unusable(chain, key, load_certificates(wanted.trust), wanted.needed, now, wanted.purposes)]
        return reasons + _due_for_any(leaf, wanted, now)
    reasons = []
    if public_bytes(leaf.public_key()) != public_bytes(key):
        reasons.append("key and certificate do not match")
    if subject_alternative_names(leaf) != wanted.sans():
        reasons.append("names are %s, wanted are %s" % (", ".join(subject_alternative_names(leaf)) or "none", ", ".join(wanted.sans())))
    missing, surplus = set(wanted.purposes) - purposes(leaf), purposes(leaf) - set(wanted.purposes)
    if missing:
        reasons.append("it lacks the extended key usage %s" % ", ".join(sorted(missing)))
    if surplus:
        reasons.append("it has the extended key usage %s" % ", ".join(sorted(surplus)))
    if not is_signed_by(leaf, load_certificates(wanted.issuer)[0]):
        reasons.append("it is not signed by the CA that signs now")
    if key_type(key) != wanted.key_type:
        reasons.append("its key is %s, wanted is %s" % (key_type(key), wanted.key_type))
    return reasons + _due_for_any(leaf, wanted, now)


def _due_for_any(leaf: x509.Certificate, wanted: Wanted, now: datetime) -> list[str]:
    """What makes a certificate due, whoever signed it: its age, and the user."""
    reasons = []
    if wanted.revoked & {plain_hex("%x" % leaf.serial_number), plain_hex(fingerprint(leaf))}:
        reasons.append("it was revoked")
    if now > renewal_time(leaf, wanted.renew_fraction):
        reasons.append("it expires on %s" % not_after(leaf).date().isoformat())
    elif now < not_before(leaf):
        reasons.append("it is not valid before %s" % not_before(leaf).isoformat())
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
    """What keeps a certificate that another party signed from being a node's; texts that follow a name. The leaf comes first in a chain.

    ``key`` is the private or public key that it should belong to.
    """
    leaf, problems = chain[0], []
    if public_bytes(leaf.public_key()) != public_bytes(key):
        problems.append("and its private key do not match")
    if key_type(leaf.public_key()) not in KEY_TYPES:
        problems.append("has a key of type %s; use one of %s" % (key_type(leaf.public_key()), ", ".join(KEY_TYPES)))
    absent = sorted(set(needed) - set(subject_alternative_names(leaf)))
    if absent:
        names = ", ".join(subject_alternative_names(leaf)) or "nothing"
        problems.append("does not name %s (it names %s), so peers or clients would refuse it" % (", ".join(absent), names))
    lacking = sorted(set(wanted_purposes) - purposes(leaf))
    if lacking:
        why = "; a node is server to its clients and client of its peers" if set(wanted_purposes) == set(BOTH) else ""
        problems.append("lacks the extended key usage %s%s" % (", ".join(lacking), why))
    problems += _chain_problems(chain, trusted, now)
    return problems


def leads(chain: t.Sequence[x509.Certificate], trusted: t.Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether a chain, leaf first, leads to one of the trusted CAs, all of it valid now."""
    return not _chain_problems(chain, trusted, now)


def path(chain: t.Sequence[x509.Certificate], trusted: t.Sequence[x509.Certificate]) -> list[x509.Certificate] | None:
    """The certificates from the leaf, the first of its chain, to a trusted CA, whatever their dates; None if there is no way."""
    found, left = [chain[0]], list(chain[1:])
    while True:
        anchor = next((ca for ca in trusted if is_signed_by(found[-1], ca)), None)
        if anchor is not None:
            return [*found, anchor]
        following = next((certificate for certificate in left if is_signed_by(found[-1], certificate)), None)
        if following is None:
            return None
        left.remove(following)
        found.append(following)


def _chain_problems(chain: t.Sequence[x509.Certificate], trusted: t.Sequence[x509.Certificate], now: datetime) -> list[str]:
    """Whether a chain leads from its leaf to a trusted CA, all of it valid now."""
    found = path(chain, trusted)
    if found is None:
        # The last one that anything is known of: where the user has to look.
        end = (path(chain, chain[1:]) or [chain[0]])[-1]
        return ["leads to no trusted CA: %s is signed by %s" % (end.subject.rfc4514_string(), end.issuer.rfc4514_string())]
    problems = []
    for certificate in found:
        name = "expired" if now > not_after(certificate) else "is not valid yet" if now < not_before(certificate) else ""
        if name and certificate is chain[0]:
            problems.append("%s (it is valid from %s to %s)" % (name, not_before(certificate).isoformat(), not_after(certificate).isoformat()))
        elif name:
            problems.append("comes from %s, which %s" % (certificate.subject.rfc4514_string(), name))
    return problems


def same_certificates(left: str, right: str) -> bool:
    """Whether two PEM texts hold the same certificates, whatever else the texts say."""

    def fingerprints(pem: str) -> list[str]:
        return [fingerprint(certificate) for certificate in load_certificates(pem)]

    try:
        return fingerprints(left) == fingerprints(right)
    except CertificateError:
        return False


# --- the folder --------------------------------------------------------------------------------------------------------


class Store:
    """The folder of a node's generations. Everything in it is root's alone."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.generations = os.path.join(folder, "generations")
        self.current = os.path.join(folder, "current")

    # Reading

    def generation(self) -> str | None:
        """Name of the generation in use."""
        try:
            return os.path.basename(os.readlink(self.current))
        except OSError:
            return None

    def read(self, name: str) -> str:
        with open(os.path.join(self.current, name), encoding="ascii") as file:
            return file.read()

    def leaf(self) -> x509.Certificate:
        return load_certificates(self.read(CERTIFICATE))[0]

    def report(self, wanted: Wanted, now: datetime) -> Report:
        """What is due of the generation in use."""
        if self.generation() is None:
            return Report(reissue=["there is no certificate"])
        try:
            chain = load_certificates(self.read(CERTIFICATE))
            key = serialization.load_pem_private_key(self.read(KEY).encode(), None)
            trust = self.read(TRUST)
        except (OSError, ValueError, TypeError, CertificateError) as error:
            return Report(reissue=["what is there cannot be read: %s" % error])
        report = Report(reissue=due_for_reissue(chain, key, wanted, now), permissions=self.wrong_permissions())
        if not same_certificates(trust, wanted.trust):
            report.reinstall.append("the trusted CAs change")
        return report

    def _modes(self) -> t.Iterator[tuple[str, int]]:
        """Each path of the generation in use and above it, with the mode that it should have."""
        current = os.path.realpath(self.current)
        yield from ((path, 0o700) for path in (self.folder, self.generations, current))
        yield from ((os.path.join(current, name), 0o600) for name in FILES)

    def wrong_permissions(self) -> list[str]:
        wrong = []
        for path, mode in self._modes():
            status = os.stat(path)
            if stat.S_IMODE(status.st_mode) != mode or (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                wrong.append("%s is not root's alone" % path)
        return wrong

    # Writing. A run may be killed between any two lines: then the next one finds the generation in use as it was, or the new
    # one complete.

    def mend_permissions(self) -> None:
        for path, mode in self._modes():
            os.chown(path, os.geteuid(), os.getegid())
            os.chmod(path, mode)

    def make_request(self, wanted: Wanted) -> tuple[str, str]:
        """Make a key; return the name of the folder that it waits in, and its certificate signing request."""
        pending = self._make_pending()
        key = KEY_TYPES[wanted.key_type]()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        _write(os.path.join(pending, KEY), pem.decode())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.common_name)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        return os.path.basename(pending), request.public_bytes(serialization.Encoding.PEM).decode()

    def install(self, pending: str, chain: str, trust: str, wanted: Wanted, now: datetime) -> None:
        """Complete a pending folder with its certificate and put it in use, if certificate, key and names go together."""
        folder = os.path.join(self.generations, os.path.basename(pending))
        try:
            with open(os.path.join(folder, KEY), "rb") as file:
                key = serialization.load_pem_private_key(file.read(), None)
        except OSError:
            raise CertificateError("the key that waited for this certificate is gone; run again") from None
        certificates = load_certificates(chain)
        reasons = due_for_reissue(certificates, key, _without_force(wanted), now)
        if reasons:
            raise CertificateError("the new certificate is not what was asked for: " + "; ".join(reasons))
        for name, content in ((CERTIFICATE, chain), (TRUST, trust)):
            _remove(os.path.join(folder, name))  # of a run that was killed here, in a folder that waited since before
            _write(os.path.join(folder, name), content)
        _remove(os.path.join(folder, REQUEST))
        self._put_in_use(folder, certificates[0], now)

    def provided(self, chain: str, key: str, trust: str) -> list[str]:
        """Why a generation with these, as the user keeps them, is due; empty if it is in use."""
        if self.generation() is None:
            return ["there is no certificate"]
        try:
            mine = public_bytes(serialization.load_pem_private_key(self.read(KEY).encode(), None))
            same = same_certificates(self.read(CERTIFICATE), chain)
            reasons = [] if same and mine == public_bytes(serialization.load_pem_private_key(key.encode(), None)) else ["another certificate is provided"]
            return reasons if same_certificates(self.read(TRUST), trust) else reasons + ["the trusted CAs change"]
        except (OSError, ValueError, TypeError) as error:
            return ["what is there cannot be read: %s" % error]

    def place(self, chain: str, key: str, trust: str, needed: t.Iterable[str], now: datetime, wanted_purposes: t.Iterable[str] = BOTH) -> None:
        """Put a key and a certificate of the user's in use, if they go together."""
        certificates = load_certificates(chain)
        problems = unusable(certificates, serialization.load_pem_private_key(key.encode(), None), load_certificates(trust), needed, now, wanted_purposes)
        if problems:
            raise CertificateError("the certificate that is provided " + "; it ".join(problems))
        folder = self._make_pending()
        for name, content in ((KEY, key), (CERTIFICATE, chain), (TRUST, trust)):
            _write(os.path.join(folder, name), content)
        self._put_in_use(folder, certificates[0], now)

    def key_for(self, chain: str) -> str:
        """The node's own private key in PEM form, if it is the one of a chain's first certificate; empty if it is not, or cannot be read."""
        try:
            text = self.read(KEY)
            own = public_bytes(serialization.load_pem_private_key(text.encode(), None))
            return text if own == public_bytes(load_certificates(chain)[0].public_key()) else ""
        except (OSError, ValueError, TypeError, CertificateError):
            return ""

    def waiting(self) -> str | None:
        """The request whose certificate another party has yet to sign, in PEM form, if there is one."""
        try:
            with open(os.path.join(self.generations, WAITING, REQUEST), encoding="ascii") as file:
                return file.read()
        except OSError:
            return None

    def keep_request(self, wanted: Wanted) -> tuple[str, str]:
        """A request that waits on the node for as long as it takes, with its key: the one that is there, or a new one if names or type changed."""
        text = self.waiting()
        if text is not None and _asks_for(text, wanted):
            return WAITING, text
        pending = self._make_pending()
        key = KEY_TYPES[wanted.key_type]()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        _write(os.path.join(pending, KEY), pem.decode())
        text = _full_request(key, wanted)
        _write(os.path.join(pending, REQUEST), text)
        _sync(pending)
        folder = os.path.join(self.generations, WAITING)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(pending, folder)
        return WAITING, text

    def reinstall(self, trust: str, now: datetime) -> None:
        """A new generation with the same key and certificate, and other trusted CAs."""
        chain, key = self.read(CERTIFICATE), self.read(KEY)
        folder = self._make_pending()
        for name, content in ((KEY, key), (CERTIFICATE, chain), (TRUST, trust)):
            _write(os.path.join(folder, name), content)
        self._put_in_use(folder, load_certificates(chain)[0], now)

    def prune(self, keep: int) -> None:
        """Remove all but the newest ``keep`` generations, and never the one in use, nor what bears no generation's name."""
        names = sorted(filter(GENERATION.fullmatch, os.listdir(self.generations)))
        for name in names[: max(0, len(names) - keep)]:
            if name != self.generation():
                shutil.rmtree(os.path.join(self.generations, name))

    def _make_pending(self) -> str:
        for path in (self.folder, self.generations):
            os.makedirs(path, mode=0o700, exist_ok=True)
        for name in os.listdir(self.generations):
            if name.startswith(PENDING):  # of a run that was killed
                shutil.rmtree(os.path.join(self.generations, name))
        return tempfile.mkdtemp(prefix=PENDING, dir=self.generations)  # 0700

    def _put_in_use(self, folder: str, leaf: x509.Certificate, now: datetime) -> None:
        name = "%s-%s" % (now.strftime("%Y%m%dT%H%M%SZ"), ("%08x" % leaf.serial_number)[:8])
        while os.path.exists(os.path.join(self.generations, name)):
            name += "+"
        _sync(folder)
        os.rename(folder, os.path.join(self.generations, name))
        _sync(self.generations)
        temporary = self.current + ".new"
        if os.path.lexists(temporary):
            os.unlink(temporary)
        os.symlink(os.path.join("generations", name), temporary)
        os.replace(temporary, self.current)
        _sync(self.folder)


def _full_request(key: t.Any, wanted: Wanted) -> str:
    """A signing request that says all that the certificate must hold, for a party that sees nothing else."""
    names = [x509.DNSName(name) for name in wanted.dns_names]
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in wanted.ip_addresses]
    purposes_wanted = [x509.ObjectIdentifier(identifier) for identifier, name in PURPOSES.items() if name in wanted.purposes]
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.common_name)] if wanted.common_name else []))
        .add_extension(x509.SubjectAlternativeName(names + addresses), critical=False)
        .add_extension(x509.ExtendedKeyUsage(purposes_wanted), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _asks_for(request_pem: str, wanted: Wanted) -> bool:
    """Whether a request is for this type of key and these names."""
    try:
        request = x509.load_pem_x509_csr(request_pem.encode())
    except ValueError:
        return False
    same = subject_alternative_names(request) == wanted.sans() and key_type(request.public_key()) == wanted.key_type
    return same and purposes(request) == set(wanted.purposes)


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
