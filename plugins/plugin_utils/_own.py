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
    from cryptography.hazmat.primitives import serialization
except ImportError:
    pass  # the preflight says so

from ansible.errors import AnsibleError

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _files

CERTIFICATE, KEY, TRUST = "qdrant_tls_provided_certificate", "qdrant_tls_provided_private_key", "qdrant_tls_ca_certificate"


class OwnError(Exception):
    """A file or text of the user's cannot be used; the message names the variable and the remedy, never a value."""


def text(value: t.Any, loader: t.Any, name: str, lenient: bool = False) -> str:
    """A PEM text: the value itself, or what is in the file on the controller that it names. A file may be encrypted by ansible-vault.

    ``lenient``: what stands between PEM blocks may be in any encoding, for a caller that writes the blocks alone.
    """
    if not isinstance(value, str) or not value.strip():
        raise OwnError("%s is empty. Write a PEM text, or the path of a file on the controller." % name)
    if "-----BEGIN" in value:
        return value.strip() + "\n"
    if "\n" in value.strip():
        raise OwnError("%s is neither a PEM text nor the path of a file." % name)
    try:
        # Decrypted in memory: the loader's public way would put the clear text on the controller's disk.
        content = loader._get_file_contents(os.path.expanduser(value.strip()))[0]
        return (content.decode("utf-8-sig", "replace") if lenient else content.decode("ascii")).strip() + "\n"
    except (OSError, AnsibleError, UnicodeDecodeError):
        raise OwnError("%s names a file that cannot be read on the controller. Check its path and the vault's password." % name) from None


def private_key(pem: str, name: str = KEY) -> t.Any:
    """A private key from its PEM text; the name of its variable is for messages."""
    if "PRIVATE KEY" not in pem:
        raise OwnError("%s is not a private key in PEM form." % name)
    if "ENCRYPTED" in pem:
        raise OwnError("%s is encrypted with a passphrase, which Qdrant cannot ask for. Decrypt it (openssl pkey) and keep it in a vault." % name)
    try:
        return serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        raise OwnError("%s cannot be read as a private key. Give the whole PEM block." % name) from None


def certificates(pem: str, name: str) -> list[x509.Certificate]:
    try:
        return _certificate.load_certificates(pem)
    except _certificate.CertificateError as error:
        raise OwnError("%s: %s. Give the whole PEM blocks, the node's own first." % (name, error)) from None


def authorities(value: t.Any, loader: t.Any, name: str) -> tuple[list[x509.Certificate], str]:
    """The CAs of a PEM text or file, and their PEM text written anew: comments, which bundles of distributions hold in any encoding, stay behind.

    :raises OwnError: it cannot be read, or holds a private key, which would go wherever the CAs go.
    """
    pem = text(value, loader, name, lenient=True)
    if "PRIVATE KEY" in pem:
        raise OwnError("%s holds a private key. CAs are copied to every host that trusts them: give the certificates alone." % name)
    try:
        found = _certificate.load_certificates(pem)
    except _certificate.CertificateError as error:
        raise OwnError("%s cannot be used: %s. Give the CAs' certificates, as -----BEGIN CERTIFICATE----- blocks." % (name, error)) from None
    return found, "".join(ca.public_bytes(serialization.Encoding.PEM).decode() for ca in found)


def no_authorities(trusted: t.Iterable[x509.Certificate]) -> list[str]:
    """The subjects of those certificates that are no CA's."""
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
    """What is wrong with a certificate that is provided, and with the CAs that are to be trusted; each text names its variable."""
    found = ["%s %s" % (CERTIFICATE, problem) for problem in _certificate.unusable(chain, key, trusted, needed, now)]
    found += ["%s holds %s, which is no CA's certificate" % (TRUST, subject) for subject in no_authorities(trusted)]
    return found


def splits(
    name: str, chain: t.Sequence[x509.Certificate], trusted: t.Sequence[x509.Certificate], tls: t.Mapping[str, t.Mapping[str, str]], now: datetime
) -> list[str]:
    """Which other nodes would not talk to a node with this certificate and this trust, going by what they have now."""
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
        """Write the request, unless it is there; return whether it was written."""
        try:
            found = _files.look(self.request)
            if found and found.data == request.encode() and not found.problem:
                return False
            _files.write(self.request, request, 0o644)
        except _files.FileError as error:
            raise OwnError(str(error)) from None
        return True

    def signed(self, request: str) -> str | None:
        """The chain that was signed for this request; None where there is none, or one for an earlier request."""
        try:
            content = _files.read(self.certificate)
            if content is None:
                return None
            pem = content.decode("ascii")
            key = x509.load_pem_x509_csr(request.encode()).public_key()
            leaf = _certificate.load_certificates(pem)[0]
        except _files.FileError as error:
            raise OwnError(str(error)) from None
        except (ValueError, _certificate.CertificateError) as error:
            what = "%s is no certificate in PEM form (%s). Put there what was signed, the node's own certificate first."
            raise OwnError(what % (self.certificate, error)) from None
        return pem if _certificate.public_bytes(leaf.public_key()) == _certificate.public_bytes(key) else None
