# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that the user has, or gets signed elsewhere: read from variables or files, and checked on the controller."""

from __future__ import annotations

import os
import typing as t
from datetime import datetime

try:
    from cryptography import x509
except ImportError:
    pass  # the preflight says so

from ansible.errors import AnsibleError
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _files, _requests

CERTIFICATE, KEY, TRUST = "qdrant_tls_provided_certificate", "qdrant_tls_provided_private_key", "qdrant_tls_ca_certificate"


class OwnError(Exception):
    """A file or text of the user's cannot be used; the message names the variable and the remedy, never a value."""


def text(value: t.Any, loader: t.Any, name: str) -> str:
    """Return a PEM text: the value itself, or what is in the file on the controller that it names. A file may be encrypted by ansible-vault.

    What stands around PEM blocks may be in any encoding: whoever writes it anew writes the blocks alone.
    """
    if not isinstance(value, str) or not value.strip():
        raise OwnError(f"{name} is empty. Write a PEM text, or the path of a file on the controller.")
    if "-----BEGIN" in value:
        return value.strip() + "\n"
    if "\n" in value.strip():
        raise OwnError(f"{name} is neither a PEM text nor the path of a file.")
    try:
        # Decrypted in memory: the loader's public way would put the clear text on the controller's disk.
        content = loader._get_file_contents(os.path.expanduser(value.strip()))[0]
    except (OSError, AnsibleError):
        raise OwnError(f"{name} names a file that cannot be read on the controller. Check its path and the vault's password.") from None
    return _decoded(content, name)


def _decoded(content: bytes, name: str) -> str:
    """Return a file's content as text, in the encodings that programs write PEM files in."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace").strip() + "\n"
    if content[:1] == b"\x30" and b"-----BEGIN" not in content:
        raise OwnError(f"{name} is a file in DER form. Convert it to PEM: openssl x509 -inform der, or of PKCS #12: openssl pkcs12 -nodes.")
    return content.decode("utf-8-sig", "replace").strip() + "\n"


def private_key(pem: str, name: str = KEY) -> t.Any:
    """Return a private key from its PEM text; the name of its variable is for messages."""
    try:
        key = _certificate.load_key(pem)
    except _certificate.CertificateError as error:
        remedy = "Nobody is there to type that. Decrypt it (openssl pkey) and keep it in a vault" if "encrypted" in str(error) else "Give one whole PEM block"
        raise OwnError(f"{name} cannot be read as a private key: {error}. {remedy}.") from None
    return key


def certificates(pem: str, name: str) -> list[x509.Certificate]:
    try:
        return _certificate.load_certificates(pem)
    except _certificate.CertificateError as error:
        raise OwnError(f"{name}: {error}. Give the whole PEM blocks, the node's own first.") from None


def authorities(value: t.Any, loader: t.Any, name: str) -> tuple[list[x509.Certificate], str]:
    """Return the CAs of a PEM text or file, and their PEM text written anew: comments, which bundles of distributions hold in any encoding, stay behind.

    :raises OwnError: it cannot be read, or holds a private key, which would go wherever the CAs go.
    """
    pem = text(value, loader, name)
    if "PRIVATE KEY" in pem:
        raise OwnError(f"{name} holds a private key. CAs are copied to every host that trusts them: give the certificates alone.")
    try:
        found = _certificate.load_certificates(pem)
    except _certificate.CertificateError as error:
        raise OwnError(f"{name} cannot be used: {error}. Give the CAs' certificates, as -----BEGIN CERTIFICATE----- blocks.") from None
    return found, _certificate.pem_of(found)


def no_authorities(trusted: t.Iterable[x509.Certificate]) -> list[str]:
    """Return the subjects of those certificates that are no CA's."""
    found = []
    for certificate in trusted:
        try:
            is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            is_ca = False
        if not is_ca:
            found.append(certificate.subject.rfc4514_string())
    return found


def problems(chain: t.Sequence[x509.Certificate], key: t.Any, trusted: t.Sequence[x509.Certificate], needed: t.Iterable[str], now: datetime) -> list[str]:
    """Return the problems of a certificate that is provided, and with the CAs that are to be trusted; each text names its variable."""
    found = [f"{CERTIFICATE} {problem}" for problem in _certificate.unusable(chain, key, trusted, needed, now)]
    found += [f"{TRUST} holds {subject}, which is no CA's certificate" for subject in no_authorities(trusted)]
    return found


def splits(
    name: str, chain: t.Sequence[x509.Certificate], trusted: t.Sequence[x509.Certificate], tls: t.Mapping[str, t.Mapping[str, str]], now: datetime
) -> list[str]:
    """Return which other nodes would not talk to a node with this certificate and this trust, going by what they have now."""
    apart = []
    for other, seen in sorted(tls.items()):
        if other == name or not seen.get("certificate") or not seen.get("trust"):
            continue
        try:
            theirs, trust = _certificate.load_certificates(seen["certificate"]), _certificate.load_certificates(seen["trust"])
        except _certificate.CertificateError:
            continue
        if _certificate.leads(chain, trust, now) and _certificate.leads(theirs, trusted, now):
            continue
        apart.append(other)
    return apart


class Folder:
    """The folder on the controller where requests wait to be signed, and signed certificates to be taken."""

    def __init__(self, path: str, host: str) -> None:
        if not path:
            raise OwnError("qdrant_tls_csr_dir is empty. Name a folder on the controller for the signing requests.")
        try:
            self.request, self.certificate = (_files.inside(os.path.abspath(os.path.expanduser(path)), host + ending) for ending in (".csr", ".crt"))
        except _files.FileError as error:
            raise OwnError(str(error)) from None

    def ask(self, request: str) -> bool:
        """Write the request, which was checked, unless it is there; return whether it was written."""
        try:
            found = _files.look(self.request)
            if found and found.data == request.encode() and not found.problem:
                return False
            _files.write(self.request, request, 0o644)
        except _files.FileError as error:
            raise OwnError(str(error)) from None
        return True

    def signed(self, request: str) -> list[x509.Certificate] | None:
        """Return the chain that was signed for this request, leaf first; None where there is none, or one for an earlier request."""
        what = "%s is no certificate in PEM form (%s). Put the signed certificate there, the node's own first."
        try:
            content = _files.read(self.certificate)
            if content is None:
                return None
            pem = _decoded(content, self.certificate)
            if "PRIVATE KEY-----" in pem:
                raise OwnError(f"{self.certificate} holds a private key. The host has its own: put there the certificates alone.")
            found = _certificate.load_certificates(pem)
        except _files.FileError as error:
            raise OwnError(str(error)) from None
        except _certificate.CertificateError as error:
            raise OwnError(what % (self.certificate, error)) from None
        key = _certificate.public_bytes(_requests.load(request).public_key())
        return found if _certificate.public_bytes(found[0].public_key()) == key else None
