# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that sign the nodes' requests, by ACME or with HashiCorp Vault: checks of their settings, before any host is changed.

Pure functions, but for looking whether files and libraries are on the controller. They say nothing of a secret but whether it is there.
"""

from __future__ import annotations

import importlib.util
import os
import typing as t
from urllib.parse import urlsplit

from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings

CHALLENGES = ("http-01", "dns-01")
# CAs that the browsers' root programs trust, by the end of their ACME servers' names. These programs want certificates for servers alone
# (Chrome Root Program Policy 1.6 ends clientAuth in 2026), and addresses in them are rare.
PUBLIC = ("letsencrypt.org", "zerossl.com", "buypass.com", "pki.goog", "ssl.com", "sectigo.com", "trust-provider.com", "harica.gr", "digicert.com")
ALTERNATIVE = (
    "Use an ACME server of your own for the nodes (step-ca, Caddy), or qdrant_tls_provider: internal; a certificate of a public CA belongs on the "
    "proxy in front of them"
)


def is_public(url: str) -> bool:
    """Return whether a URL is that of a public CA."""
    host = (urlsplit(url).hostname or "").lower()
    return any(host == end or host.endswith("." + end) for end in PUBLIC)


def _need_https(found: Findings, name: str, url: str, example: str) -> None:
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        found.refuse(name, "%r is no https URL" % url if url else "it is empty", "Write the server's, such as %s" % example)


def _need_file(found: Findings, name: str, path: str, what: str) -> None:
    if path and not (os.path.isabs(path) and os.path.isfile(path)):
        found.refuse(name, "%s is no file on the controller, named by its whole path" % path, what)


def _need_collection(found: Findings, collection: str, library: str, provider: str, where: str = "qdrant_tls_provider") -> None:
    missing = [name for name in ("ansible_collections.%s" % collection, library) if not _is_there(name)]
    if missing:
        names = ", ".join(name.removeprefix("ansible_collections.") for name in missing)
        remedy = "ansible-galaxy collection install %s; and install the Python library %s where ansible-core is installed" % (collection, library)
        found.refuse(where, "%s lacks on the controller: %s" % (provider, names), remedy)


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _need_folder(found: Findings, folder: str, where: str = "qdrant_tls_csr_dir") -> None:
    if not folder:
        found.refuse(where, "it is empty", "Name a folder on the controller for signing requests and certificates")


def acme(
    folder: str, *, directory: str, challenge: str, hook: str, command: t.Any, ca_file: str, peers: bool = True, variables: str = "qdrant_tls"
) -> Findings:
    """Return the provider ``acme``, of nodes or, without ``peers``, of a proxy. ``variables`` is how the names of its variables begin."""
    found = Findings()
    _need_folder(found, folder, variables + "_csr_dir")
    _need_https(found, variables + "_acme_directory", directory, "https://ca.example.com/acme/office/directory")
    if peers and is_public(directory):
        what = (
            "%s is a public CA, which gives nodes no certificate that they can use: it lacks the extended key usage clientAuth, without which peers "
            "refuse each other, and seldom names an address" % urlsplit(directory).hostname
        )
        found.refuse(variables + "_acme_directory", what, ALTERNATIVE)
    if challenge not in CHALLENGES:
        found.refuse(variables + "_acme_challenge", "%r is none that the role can answer" % challenge, "Write %s" % " or ".join(CHALLENGES))
    if bool(hook) == bool(command):
        what = "both are set" if hook else "neither is set, so nobody would answer the server's challenges"
        found.refuse("%s_acme_hook, %s_acme_command" % (variables, variables), what, "Set one: a file of tasks, or a command as a list of words")
    elif command and not (isinstance(command, list) and all(isinstance(word, str) for word in command)):
        found.refuse(variables + "_acme_command", "it is no list of words", "Write [/usr/local/bin/answer-challenge]")
    _need_file(found, variables + "_acme_hook", hook, "Write the path of a file of tasks")
    _need_file(found, variables + "_acme_ca_file", ca_file, "Write the path of a file with the CA that the ACME server's own certificate comes from")
    _need_collection(found, "community.crypto", "cryptography", "acme", variables + "_provider")
    return found


def vault(folder: str, *, url: str, token: t.Any, role: str, ca_file: str) -> Findings:
    """Return the provider ``vault_pki``. ``token`` is None where it could not be read, which is a problem already."""
    found = Findings()
    _need_folder(found, folder)
    _need_https(found, "qdrant_tls_vault_url", url, "https://vault.example.com:8200")
    if not role:
        found.refuse("qdrant_tls_vault_role", "it is empty", "Write the name of the role of the PKI engine that signs for the nodes")
    if token is not None and not str(token).strip():
        remedy = "Set it from a vault, or by a lookup such as community.hashi_vault.vault_login"
        found.refuse("qdrant_tls_vault_token", "it is empty", remedy)
    _need_file(found, "qdrant_tls_vault_ca_file", ca_file, "Write the path of a file with the CA that the server's own certificate comes from")
    _need_collection(found, "community.hashi_vault", "hvac", "vault_pki")
    return found
