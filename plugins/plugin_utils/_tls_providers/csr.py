# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider ``csr``: the user has requests signed, offline, and puts the certificates beside them."""

from __future__ import annotations

from ansible_collections.hardened.qdrant.plugins.plugin_utils._tls_providers import base


class Csr(base.Provider):
    """Requests that somebody gets signed between two runs. What is signed is checked when it is there."""

    name = "csr"
    row = base.Row("on the node", "your CA, offline", "`qdrant_tls_csr_dir`, `qdrant_tls_ca_certificate`")


PROVIDER = Csr()
