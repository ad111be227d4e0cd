# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider ``vault_pki``: HashiCorp Vault or OpenBao signs requests."""

from __future__ import annotations

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _values
from ansible_collections.hardened.qdrant.plugins.plugin_utils._tls_providers import base

OWN_CA = "Write the path of a file with the CA that the server's own certificate comes from"


class VaultPki(base.Provider):
    """A role of Vault's PKI engine."""

    name = "vault_pki"
    row = base.Row("on the node", "HashiCorp Vault or OpenBao", "`qdrant_tls_csr_dir`, `qdrant_tls_ca_certificate`, `qdrant_tls_vault_*`")
    variables = (
        base.FOLDER,
        base.Variable(
            "vault_url",
            _values.or_empty(_values.url),
            required=True,
            judge=base.not_https,
            remedy="Write the server's, such as https://vault.example.com:8200",
        ),
        base.Variable(
            "vault_role",
            _values.or_empty(_values.segments),
            required=True,
            remedy="Write the name of the role of the PKI engine that signs for the nodes",
        ),
        base.Variable("vault_token", secret=True, required=True, remedy="Set it from a vault, or by a lookup such as community.hashi_vault.vault_login"),
        base.Variable("vault_ca_file", _values.FILE, judge=base.not_a_file, remedy=OWN_CA),
        base.Variable("vault_namespace", _values.or_empty(_values.segments)),
        base.Variable("vault_mount", _values.segments),
    )
    for_proxies = False
    needs = ("community.hashi_vault", "hvac")


PROVIDER = VaultPki()
