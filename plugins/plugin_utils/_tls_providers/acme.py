# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider ``acme``: an ACME server signs requests, for whoever proves that names and addresses are theirs."""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _own, _values
from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings
from ansible_collections.hardened.qdrant.plugins.plugin_utils._tls_providers import base

CHALLENGES = ("http-01", "dns-01")
# CAs that the browsers' root programs trust, by the end of their ACME servers' names. These programs want certificates for servers alone
# (Chrome Root Program Policy 1.6 ends clientAuth in 2026), and addresses in them are rare.
PUBLIC = ("letsencrypt.org", "zerossl.com", "buypass.com", "pki.goog", "ssl.com", "sectigo.com", "trust-provider.com", "harica.gr", "digicert.com")
ALTERNATIVE = (
    "Use an ACME server of your own for the nodes (step-ca, Caddy), or qdrant_tls_provider: internal; a certificate of a public CA belongs on the "
    "proxy in front of them"
)
OWN_CA = "Write the path of a file with the CA that the ACME server's own certificate comes from"


def is_public(url: str) -> bool:
    """Return whether a URL is that of a public CA."""
    host = (urlsplit(url).hostname or "").lower()
    return any(host == end or host.endswith("." + end) for end in PUBLIC)


class Acme(base.Provider):
    """An ACME server. It has to reach all that it certifies, and takes the subject for a name as well."""

    name = "acme"
    row = base.Row("on the node", "an ACME server of yours", "`qdrant_tls_csr_dir`, `qdrant_tls_ca_certificate`, `qdrant_tls_acme_*`")
    variables = (
        base.FOLDER,
        base.Variable(
            "acme_directory",
            _values.or_empty(_values.url),
            required=True,
            judge=base.not_https,
            remedy="Write the server's, such as https://ca.example.com/acme/office/directory",
        ),
        base.Variable("acme_hook", _values.FILE, judge=base.not_a_file, remedy="Write the path of a file of tasks"),
        base.Variable("acme_ca_file", _values.FILE, judge=base.not_a_file, remedy=OWN_CA),
        base.Variable("acme_account_key", secret=True, or_path=True, required=True),
        base.Variable("acme_challenge"),
        base.Variable("acme_command"),
        base.Variable("acme_contact"),
        base.Variable("acme_terms_agreed"),
    )
    asks_for_own_names = False
    names_alone = True
    # ACME servers say clientAuth, and the preflight makes sure that the nodes do not trust them for it.
    unasked = frozenset({"clientAuth"})
    needs = ("community.crypto", "cryptography")

    def check_settings(self, host: base.Host, found: Findings) -> None:
        super().check_settings(host, found)
        challenge, hook, command = (host.value("acme_" + name) for name in ("challenge", "hook", "command"))
        if challenge not in CHALLENGES:
            what = f"{str(challenge)!r} is none that the role can answer"
            found.refuse(host.variable("acme_challenge"), what, "Write {}".format(" or ".join(CHALLENGES)))
        if bool(hook) == bool(command):
            what = "both are set" if hook else "neither is set, so nobody would answer the server's challenges"
            where = "{}, {}".format(host.variable("acme_hook"), host.variable("acme_command"))
            found.refuse(where, what, "Set one: a file of tasks, or a command as a list of words")
        elif command and not (isinstance(command, list) and all(isinstance(word, str) for word in command)):
            found.refuse(host.variable("acme_command"), "it is no list of words", "Write [/usr/local/bin/answer-challenge]")
        self._check_account(host, found)

    @staticmethod
    def _check_account(host: base.Host, found: Findings) -> None:
        """Look at the account's key, and do not keep it."""
        name = host.variable("acme_account_key")
        value = host.secret(name)
        if value is None:
            return  # a problem already
        try:
            _own.private_key(_own.text(value, host.loader, name), name)
        except _own.OwnError as error:
            found.refuse("TLS", str(error).rstrip("."), "openssl ecparam -name prime256v1 -genkey -noout makes one; keep it in a vault")

    def check_node(self, host: base.Host, trusted: t.Sequence[t.Any], cluster: base.Cluster, found: Findings) -> None:
        directory = str(host.value("acme_directory"))
        if is_public(directory):
            what = (
                f"{urlsplit(directory).hostname} is a public CA, which gives nodes no certificate that they can use: it lacks "
                "the extended key usage clientAuth, without which peers refuse each other, and seldom names an address"
            )
            found.refuse(host.variable("acme_directory"), what, ALTERNATIVE)
        super().check_node(host, trusted, cluster, found)

    def check_proxy(self, host: base.Host, nodes: base.Nodes, found: Findings) -> None:
        """Judge the CAs of a certificate that will be signed for a client unasked: they must not be the nodes'."""
        if _certificate.of_authorities(host.authorities()[0], nodes.authorities()):
            what = (
                "it is the nodes' CA or comes from it. ACME servers sign for clientAuth as well, so whoever breaks into the proxy could open the cluster port"
            )
            found.refuse(host.variable("ca_certificate"), what, "Have the proxy's certificate from another CA, and write that one")


PROVIDER = Acme()
