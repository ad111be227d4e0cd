# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a new deployment starts from: inventory, settings, secrets."""

from __future__ import annotations

import secrets
import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _preflight

KEY_BYTES = 32  # 256 bits


@dataclass(frozen=True)
class File:
    """A file to be made: its path below the folder, its mode, and its text."""

    path: str
    mode: int
    text: str


HOSTS = """\
---
# The nodes of the cluster. Three or five: an even number survives no more losses than one fewer would.
all:
  children:
    {group}:
      hosts:
        node1:
          ansible_host: 192.0.2.11
        node2:
          ansible_host: 192.0.2.12
        node3:
          ansible_host: 192.0.2.13
"""

SETTINGS = """\
---
# Settings of all nodes. Secrets are in vault.yml beside this file, the release is in release.yml. The roles' READMEs list what else there is.

# Who may use the API: addresses and networks. Nobody else reaches it.
qdrant_firewall_clients: []

# A node's own address, if it is not the one of its default route. Set it per host, in the inventory.
# qdrant_address: 192.0.2.11

# Names that clients reach the nodes by, for the certificates.
# qdrant_tls_extra_names: [qdrant.example.com]
"""


def api_key() -> str:
    """Return a key of 256 bits that neither YAML nor a header changes, and that the preflight takes."""
    while True:
        key = secrets.token_urlsafe(KEY_BYTES)
        if not _preflight.check_key("", key) and key[0].isalnum():
            return key


def keys(names: t.Sequence[str]) -> str:
    """Return new keys as YAML, to be encrypted."""
    return "---\n" + "".join(f'{name}: "{api_key()}"\n' for name in names)


def _block(name: str, pem: str) -> str:
    return "{}: |\n{}".format(name, "".join(f"  {line}\n" for line in pem.strip().splitlines()))


def vault(common_name: str, now: datetime) -> tuple[str, str]:
    """Return new secrets as YAML, to be encrypted, and the CA's certificate, which is public."""
    certificate, key = _authority.create(common_name, now)
    text = (
        "---\n# Secrets of the deployment. ansible-vault edit opens this file.\n"
        f'qdrant_api_key: "{api_key()}"\nqdrant_read_only_api_key: "{api_key()}"\n'
        + "\n# The CA that signs the nodes' certificates.\n"
        + _block(_authority.CERTIFICATE_VARIABLE, certificate)
        + _block(_authority.KEY_VARIABLE, key)
    )
    return text, certificate


def client_vault(common_name: str, now: datetime) -> str:
    """Return the CA of clients' certificates as YAML, to be encrypted."""
    certificate, key = _authority.create(common_name, now)
    return (
        "---\n# The CA of the certificates that clients show to the proxies. It is not the nodes' CA, and must never be.\n"
        + _block(_authority.CLIENTS.certificate, certificate)
        + _block(_authority.CLIENTS.key, key)
    )


def next_vault(common_name: str, now: datetime) -> str:
    """Return the next CA as YAML, to be encrypted."""
    certificate, key = _authority.create(common_name, now)
    return (
        "---\n# The CA that replaces the one in use: hardened.qdrant.rotate_certificates -e qdrant_tls_rollover=true\n"
        + _block(_authority.NEXT.certificate, certificate)
        + _block(_authority.NEXT.key, key)
    )
