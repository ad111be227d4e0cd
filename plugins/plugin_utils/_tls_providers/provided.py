# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider ``provided``: keys and certificates that the user has."""

from __future__ import annotations

import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _own
from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings
from ansible_collections.hardened.qdrant.plugins.plugin_utils._tls_providers import base


class Provided(base.Provider):
    """Certificates that are there already, so that all of them is checked before any host is changed."""

    name = "provided"
    row = base.Row("by you", "your CA", "`qdrant_tls_provided_certificate` and `qdrant_tls_provided_private_key` per host, `qdrant_tls_ca_certificate`")
    variables = (
        base.Variable("provided_certificate", required=True),
        base.Variable("provided_private_key", secret=True, or_path=True, required=True),
    )
    source = base.PROVIDED
    names_alone = True

    @staticmethod
    def _pair(host: base.Host) -> tuple[list[t.Any], t.Any]:
        """Return the chain and the private key.

        :raises OwnError: they cannot be read.
        """
        chain, key = host.text("provided_certificate"), host.text("provided_private_key")
        return _own.certificates(chain, host.variable("provided_certificate")), _own.private_key(key, host.variable("provided_private_key"))

    def check_node(self, host: base.Host, trusted: t.Sequence[t.Any], cluster: base.Cluster, found: Findings) -> None:
        chain, key = self._pair(host)
        for text in _own.problems(chain, key, trusted, host.needed, host.now):
            variable, _space, what = text.partition(" ")
            found.refuse(variable, "it " + what, base.WHAT_NODES_NEED)
        base.check_splits(host, chain, trusted, cluster, found)

    def check_proxy(self, host: base.Host, nodes: base.Nodes, found: Findings) -> None:
        """Judge a proxy's certificate. It need not be a client's; and from the nodes' CA it must not be one."""
        chain, key = self._pair(host)
        trusted = _own.authorities(host.value("ca_certificate") or nodes.trust, host.loader, host.variable("ca_certificate"))[0]
        where = host.variable("provided_certificate")
        for problem in _certificate.unusable(chain, key, trusted, host.needed, host.now, ("serverAuth",)):
            found.refuse(where, "it " + problem, base.WHAT_PROXIES_NEED)
        if "clientAuth" in _certificate.purposes(chain[0]) and _certificate.path(chain, nodes.authorities()):
            what = "it says clientAuth and comes from the nodes' CA, so whoever breaks into the proxy could open the cluster port"
            found.refuse(where, what, "Have it signed for serverAuth alone, or by another CA")


PROVIDER = Provided()
