# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a provider of certificates is: a class in a file of its own, of the name that ``qdrant_tls_provider`` has then, and ``PROVIDER``, one of the class.

A provider says its variables, what is wrong with them before any host is changed, how its certificates reach a host, and its row of the README of the role
qdrant_tls. One that has requests signed has a task file of its name there, ``tasks/providers/NAME.yml``; it runs on the controller for a host whose request
waits. ``tasks/providers/NAME_left.yml`` undoes what a run that was killed left behind, if it can leave something.

Pure functions, but for looking whether files and libraries are on the controller. They say nothing of a secret but whether it is there.
"""

from __future__ import annotations

import importlib.util
import os
import typing as t
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _own, _rollover, _values
from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings

# How a certificate comes about, as the host's half is told: the controller signs in this run; the user has key and certificate; or another party signs, perhaps
# in a later run, until when the host keeps key and request.
CONTROLLER, PROVIDED, AWAITED = "controller", "provided", "awaited"
# How the names of variables begin: those of nodes, and those of proxies.
NODES, PROXIES = "qdrant_tls", "qdrant_proxy_tls"
READ_MORE = "The README of the role qdrant_tls lists a CA's requirements"
WHAT_NODES_NEED = "The README of the role qdrant_tls lists a node's requirements"
WHAT_PROXIES_NEED = "The README of the role qdrant_proxy lists a proxy's requirements"

Kind = t.Callable[[t.Any], t.Any]


def nothing_wrong(_value: str) -> str:
    return ""


def not_https(url: str) -> str:
    """Return what is wrong with a URL that has to be https; empty if nothing is."""
    parts = urlsplit(url)
    return "" if parts.scheme == "https" and parts.hostname else f"{url!r} is no https URL"


def not_a_file(path: str) -> str:
    """Return what is wrong with the path of a file on the controller; empty if nothing is."""
    return "" if os.path.isabs(path) and os.path.isfile(path) else f"{path} is no file on the controller, named by its whole path"


@dataclass(frozen=True)
class Variable:
    """A variable of a provider. Its name is the prefix of nodes or proxies, and ``end``."""

    end: str
    # Its parser, for what is no secret and is not judged by the provider itself.
    kind: Kind | None = None
    secret: bool = False
    # Whether it may also be the path of a file, which is no secret.
    or_path: bool = False
    required: bool = False
    # What is wrong with a value that is there, in words; and what to write instead, or in place of nothing. Without a remedy the provider itself judges.
    judge: t.Callable[[str], str] = nothing_wrong
    remedy: str = ""
    of_nodes_alone: bool = False


FOLDER = Variable("csr_dir", _values.FILE, required=True, remedy="Name a folder on the controller for signing requests and certificates")


@dataclass(frozen=True)
class Row:
    """A provider's row in the table of the README: where the key is made, who signs, and what the user sets, in Markdown."""

    key: str
    signer: str
    variables: str

    def markdown(self, name: str) -> str:
        return f"| `{name}` | {self.key} | {self.signer} | {self.variables} |"


@dataclass(frozen=True)
class Host:
    """Whom a certificate is for, and how its variables are read.

    ``read`` gives a variable's value, or its role's default. ``secret`` gives None for one that could not be read, which is a problem already.
    ``needed`` is what the certificate must name, such as ``IP:192.0.2.11``.
    """

    name: str
    read: t.Callable[[str], t.Any]
    secret: t.Callable[[str], t.Any]
    loader: t.Any
    needed: t.Sequence[str]
    now: datetime
    prefix: str = NODES

    def variable(self, end: str) -> str:
        """Return a variable's full name."""
        return f"{self.prefix}_{end}"

    def value(self, end: str) -> t.Any:
        return self.read(self.variable(end))

    def text(self, end: str) -> str:
        """Return a PEM text that a variable holds, or names the file of.

        :raises OwnError: there is none.
        """
        value = self.secret(self.variable(end))
        return _own.text("" if value is None else value, self.loader, self.variable(end))

    def authorities(self) -> tuple[list[t.Any], str]:
        """Return the CAs that are to be trusted, and their PEM text.

        :raises OwnError: there are none.
        """
        return _own.authorities(self.secret(self.variable("ca_certificate")) or "", self.loader, self.variable("ca_certificate"))


@dataclass(frozen=True)
class Cluster:
    """The nodes as this run sees them."""

    names: t.Sequence[str]
    # Of every node that was looked at: {certificate, trust}, PEM texts, empty where there is none.
    tls: t.Mapping[str, t.Mapping[str, str]]
    # Whether nodes are restarted one at a time: then they must go on trusting each other while they differ.
    rolling: bool = True

    def unseen(self) -> list[str]:
        return [name for name in self.names if name not in self.tls]


@dataclass(frozen=True)
class Nodes:
    """The nodes as a proxy's provider sees them: their own provider, whom they trust now, and all CAs that any of them trusts in any phase (PEM)."""

    provider: str
    trust: str
    trusts: t.Sequence[str]

    def authorities(self) -> list[t.Any]:
        return [ca for trust in self.trusts if trust for ca in _certificate.load_certificates(trust)]


@dataclass
class Plan:
    """The phase that the cluster is in, the phases that this run goes through, and by phase whom clients should trust, in PEM form."""

    phase: str = _rollover.CURRENT
    steps: list[str] = field(default_factory=list)
    bundles: dict[str, str] = field(default_factory=dict)


class Provider:
    """A provider of certificates. This one's requests are signed by somebody else, sooner or later; what differs is said or overridden."""

    name: str
    row: Row
    variables: tuple[Variable, ...] = (FOLDER,)
    source: str = AWAITED
    # Whether proxies may have it.
    for_proxies = True
    # Whether a certificate may be asked for the host's own names, as subject and beside those that clients use. Who has to reach all that it certifies cannot.
    asks_for_own_names = True
    # Whether who signs may know clients' names alone, as public CAs do, and not a proxy's address.
    names_alone = False
    # Extended key usages that who signs adds unasked.
    unasked: frozenset[str] = frozenset()
    # A collection, and a Python library that it needs, on the controller.
    needs: tuple[str, str] | None = None

    # What others ask

    def serves(self, prefix: str) -> bool:
        """Return whether it is a provider for nodes, or for proxies."""
        return prefix == NODES or self.for_proxies

    def variables_of(self, prefix: str) -> list[Variable]:
        """Return its variables, for nodes or for proxies."""
        return [entry for entry in self.variables if prefix == NODES or (self.for_proxies and not entry.of_nodes_alone)]

    def asked(self, common_name: str, dns_names: t.Sequence[str], needed: t.Collection[str]) -> tuple[str, list[str]]:
        """Return the common name and the names that a request is to have."""
        if self.asks_for_own_names:
            return common_name, list(dns_names)
        return "", [name for name in dict.fromkeys(dns_names) if "DNS:" + name in needed]

    def node(self, host: Host, cluster: Cluster) -> tuple[Findings, Plan]:
        """Return what is wrong with a node's input, and what the nodes shall trust."""
        found = Findings()
        if boolean(host.value("rollover"), strict=False):
            what = "only the provider internal knows how to sign with another CA"
            found.refuse(host.variable("rollover"), what, "The README of the role qdrant_tls says how to change your own CA in three runs")
        try:
            trusted, trust = host.authorities()
            self.check_settings(host, found)
            self.check_node(host, trusted, cluster, found)
        except _own.OwnError as error:
            found.refuse("TLS", str(error).rstrip("."), WHAT_NODES_NEED)
            return found, Plan()
        return found, Plan(bundles={_rollover.CURRENT: trust})

    def proxy(self, host: Host, nodes: Nodes) -> Findings:
        """Return what is wrong with a proxy's input."""
        found = Findings()
        try:
            self.check_settings(host, found)
            self.check_proxy(host, nodes, found)
        except _own.OwnError as error:
            found.refuse(f"proxy {host.name}", str(error).rstrip("."), WHAT_PROXIES_NEED)
        return found

    # What a provider has to say of its own

    def check_settings(self, host: Host, found: Findings) -> None:
        """Judge the provider's variables, each by itself, and what has to be on the controller."""
        for entry in self.variables_of(host.prefix):
            if not entry.remedy:
                continue
            name = host.variable(entry.end)
            value = host.secret(name) if entry.secret else host.read(name)
            if value is None:
                continue  # a problem already
            what = entry.judge(str(value)) if str(value).strip() else "it is empty" if entry.required else ""
            if what:
                found.refuse(name, what, entry.remedy)
        if self.needs:
            self._check_needs(host, *self.needs, found)

    def check_node(self, host: Host, trusted: t.Sequence[t.Any], cluster: Cluster, found: Findings) -> None:
        """Judge what only a node needs. Certificates are not there yet: new trusted CAs must not cut off those that there are."""
        refused = {ca.subject.rfc4514_string(): _certificate.strict_authority(ca) for ca in trusted}
        # Others may be on their way out, and what was signed is looked at when it is there.
        if trusted and all(refused.values()):
            for subject, what in refused.items():
                found.refuse(_own.TRUST, "it holds {}, which {}, {}".format(subject, " and ".join(what), _certificate.STRICT), READ_MORE)
        seen = cluster.tls.get(host.name, {})
        if seen.get("certificate") and seen.get("trust"):
            try:
                check_splits(host, _certificate.load_certificates(seen["certificate"]), trusted, cluster, found)
            except _certificate.CertificateError:
                pass  # what cannot be read is replaced

    def check_proxy(self, host: Host, nodes: Nodes, found: Findings) -> None:
        """Judge what only a proxy needs."""

    def _check_needs(self, host: Host, collection: str, library: str, found: Findings) -> None:
        missing = [name for name in (f"ansible_collections.{collection}", library) if not is_there(name)]
        if missing:
            names = ", ".join(name.removeprefix("ansible_collections.") for name in missing)
            remedy = f"ansible-galaxy collection install {collection}; and install the Python library {library} where ansible-core is installed"
            found.refuse(host.variable("provider"), f"{self.name} lacks on the controller: {names}", remedy)


def is_there(name: str) -> bool:
    """Return whether a collection or library can be imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def check_splits(host: Host, chain: t.Sequence[t.Any], trusted: t.Sequence[t.Any], cluster: Cluster, found: Findings) -> None:
    """Judge whether a node with this chain and this trust would be cut off from its peers while they restart in turn."""
    apart = _own.splits(host.name, chain, trusted, cluster.tls, host.now) if cluster.rolling else []
    if apart:
        found.refuse(
            _own.TRUST,
            "with their new certificates, {} and {} would refuse each other while nodes restart one by one".format(host.name, ", ".join(apart)),
            "Change in three runs: first write the old and the new CA here, then the new certificates, then the new CA alone. "
            "Or restart all nodes at once: -e qdrant_restart_strategy=parallel",
        )
