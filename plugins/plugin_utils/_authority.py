# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate authority that lives in the vault: made, checked and used in the controller's memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    pass  # _require says so, to whoever needs it

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _requests

# A certificate is valid from a little before it is made: a node whose clock is behind would refuse it otherwise.
BACKDATE = timedelta(minutes=5)
# The CA outlives many certificates of 90 days, and is replaced while its makers still remember how.
CA_LIFE = timedelta(days=3 * 365)
# NIST SP 800-57 part 1, table 4: 112 bits of security end with 2030, so 2048 bits of RSA are too few for a CA.
CA_RSA_BITS = 3072

CERTIFICATE_VARIABLE = "qdrant_tls_ca_certificate"
KEY_VARIABLE = "qdrant_tls_ca_private_key"


@dataclass(frozen=True)
class Variables:
    """The variables that hold a CA, for messages, and the playbook that makes one."""

    certificate: str = CERTIFICATE_VARIABLE
    key: str = KEY_VARIABLE
    maker: str = "hardened.qdrant.init"


IN_USE = Variables()
# The CA that a rollover ends with.
NEXT = Variables("qdrant_tls_next_ca_certificate", "qdrant_tls_next_ca_private_key", "hardened.qdrant.next_ca")
# The CA of clients that show certificates to a proxy: another one than the nodes', whose certificates open the cluster port.
CLIENTS = Variables("qdrant_client_ca_certificate", "qdrant_client_ca_private_key", "hardened.qdrant.client_ca")


class AuthorityError(Exception):
    """The CA cannot be used. Messages name the variable and the remedy, never a value."""


@dataclass(frozen=True)
class Authority:
    """A CA that can sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    def pem(self) -> str:
        return _certificate.pem_of([self.certificate])


def _require() -> None:
    if _certificate.CRYPTOGRAPHY_ERROR is not None:
        raise AuthorityError("The controller lacks the Python library cryptography. Install it where ansible-core is installed.")


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*allowed: str) -> x509.KeyUsage:
    """Return a key usage extension (RFC 5280, 4.2.1.3) that allows this and nothing else."""
    names = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign encipher_only decipher_only"
    return x509.KeyUsage(**{name: name in allowed for name in names.split()})


def create(common_name: str, now: datetime) -> tuple[str, str]:
    """Return a new CA: its certificate and its private key, in PEM form.

    ECDSA P-256, because every client that Qdrant's TLS library can talk to knows it. It can sign leaves only (path length 0).
    """
    _require()
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(_name(common_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _certificate.pem_of([certificate]), _certificate.key_pem(key)


def _certificate_of(certificate_pem: str, names: Variables) -> x509.Certificate:
    if not isinstance(certificate_pem, str) or "BEGIN CERTIFICATE" not in certificate_pem:
        raise AuthorityError(f"{names.certificate} is not a certificate in PEM form. The playbook {names.maker} makes one.")
    if "PRIVATE KEY" in certificate_pem:
        raise AuthorityError(f"{names.certificate} holds a private key as well. Keep that in {names.key} alone: certificates are public.")
    try:
        return _certificate.load_certificates(certificate_pem)[0]
    except _certificate.CertificateError as error:
        raise AuthorityError(f"{names.certificate} cannot be read as a certificate: {error}. Paste the whole PEM block.") from None


def public(certificate_pem: str, names: Variables) -> str:
    """Return a CA's certificate alone, in the one form that files of trust are written in."""
    _require()
    return _certificate.pem_of([_certificate_of(certificate_pem, names)])


def _load(certificate_pem: str, key_pem: str, names: Variables) -> Authority:
    certificate = _certificate_of(certificate_pem, names)
    if not isinstance(key_pem, str) or "PRIVATE KEY" not in key_pem:
        raise AuthorityError(f"{names.key} is not a private key in PEM form. The playbook {names.maker} makes one.")
    try:
        key = _certificate.load_key(key_pem)
    except _certificate.CertificateError as error:
        remedy = "Decrypt it (openssl pkey) and keep it in the vault" if "encrypted" in str(error) else "Paste the whole PEM block of one key"
        raise AuthorityError(f"{names.key} cannot be read as a private key: {error}. {remedy}.") from None
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise AuthorityError(f"{names.key} is neither ECDSA nor RSA, which Qdrant's TLS library and its clients need. Use one.")
    return Authority(certificate, key)


def _problems(authority: Authority, now: datetime, leaf_life: timedelta, names: Variables) -> list[str]:
    """What keeps a CA that was read from signing; texts that follow the variable's name."""
    certificate, key = authority.certificate, authority.key
    problems = []
    if _certificate.public_bytes(certificate.public_key()) != _certificate.public_bytes(key):
        problems.append(f"does not match {names.key}: they are of two CAs. Put the key that belongs to it into the vault")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < CA_RSA_BITS:
        problems.append("has an RSA key of %d bits, which is too weak. Use %d bits or ECDSA" % (key.key_size, CA_RSA_BITS))
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size < 256:
        problems.append("has an ECDSA key of %d bits, which is too weak. Use P-256 or P-384" % key.curve.key_size)
    extensions = certificate.extensions
    try:
        if not extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            problems.append("is the certificate of a server or client, not of a CA. Use a CA's")
    except x509.ExtensionNotFound:
        problems.append("says nothing of being a CA (basic constraints). Use a CA's certificate")
    try:
        if not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
            problems.append("may not sign certificates (key usage lacks keyCertSign). Use a CA that may")
    except x509.ExtensionNotFound:
        pass  # no key usage, no restriction: RFC 5280, 4.2.1.3
    # Nodes' clients may be Python; a proxy, which verifies what the other CA signs, is not.
    strict = _certificate.strict_authority(certificate) if names is not CLIENTS and not problems else []
    if strict:
        problems.append("{}, {}. Make a new CA".format(" and ".join(strict), _certificate.STRICT))
    if now < _certificate.not_before(certificate):
        problems.append(f"is not valid before {_certificate.not_before(certificate).isoformat()}. Check the controller's clock")
    elif now > _certificate.not_after(certificate):
        problems.append(f"expired on {_certificate.not_after(certificate).date().isoformat()}. Make a new CA")
    elif now + leaf_life > _certificate.not_after(certificate):
        end = _certificate.not_after(certificate).date().isoformat()
        problems.append("expires on %s, before a certificate of %d days would. Replace the CA, or shorten qdrant_tls_validity_days" % (end, leaf_life.days))
    return problems


def load(certificate_pem: str, key_pem: str, now: datetime, leaf_life: timedelta, names: Variables = IN_USE) -> Authority:
    """Return the CA, ready to sign certificates of a length. Raises AuthorityError, which names all that is wrong."""
    _require()
    authority = _load(certificate_pem, key_pem, names)
    problems = _problems(authority, now, leaf_life, names)
    if problems:
        raise AuthorityError("\n".join(f"{names.certificate} {problem}." for problem in problems))
    return authority


def sign(authority: Authority, request_pem: str, wanted: _certificate.Wanted, now: datetime, life: timedelta) -> str:
    """Sign a node's request; return the certificate in PEM form, valid for ``life`` or as long as the CA, whatever ends first.

    Of the request only the public key counts. Names and purposes are what the controller wants; a request for anything else is refused.
    """
    try:
        request = _requests.load(request_pem)
        problems = _requests.problems(request, wanted, _requests.owners(authority.pem(), {}))
    except _requests.RequestError as error:
        raise AuthorityError(f"the signing request cannot be used: {error}") from None
    if problems:
        raise AuthorityError("the signing request differs from the wanted one: {}".format("; ".join(problems)))
    public_key = request.public_key()
    purposes_of_key = ("digital_signature", "key_encipherment") if isinstance(public_key, rsa.RSAPublicKey) else ("digital_signature",)
    by_name = {"serverAuth": ExtendedKeyUsageOID.SERVER_AUTH, "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH}
    purposes = [by_name[name] for name in wanted.purposes]
    own = _certificate.extension(authority.certificate, x509.SubjectKeyIdentifier)
    # The CA's own, however it was computed: OpenSSL takes another one for another CA's.
    authority_id = (
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)
        if own is not None
        # A CA's key signs, which the types of keys for key exchange alone do not.
        else x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.certificate.public_key())  # type: ignore[arg-type]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_certificate.subject_of(wanted))
        .issuer_name(authority.certificate.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(min(now + life, _certificate.not_after(authority.certificate)))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(*purposes_of_key), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName(_certificate.general_names(wanted)), critical=not wanted.common_name)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(authority_id, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return _certificate.pem_of([certificate])
