# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proxy before Qdrant is to be, and what is wrong with what a user wants of it. Pure functions: values in, problems out."""

from __future__ import annotations

import ipaddress
import re
import typing as t
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _calls, _network, _own, _preflight, _values
from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings

PARTS = ("dashboard", "metrics", "telemetry", "cluster", "snapshots")
DASHBOARD = "/dashboard/"  # files, so no call
ERROR_LOGS = ("crit", "error")
# Numbers by variable: the lowest and the highest that make sense.
NUMBERS = {
    "qdrant_proxy_rate": (1, 1_000_000),
    "qdrant_proxy_burst": (1, 1_000_000),
    "qdrant_proxy_connections": (1, 65535),
    "qdrant_proxy_header_timeout": (1, 300),
    "qdrant_proxy_body_timeout": (1, 300),
    "qdrant_proxy_request_timeout": (1, 3600),
    "qdrant_proxy_connect_timeout": (1, 60),
    "qdrant_proxy_max_fails": (1, 100),
    "qdrant_proxy_fail_timeout": (1, 3600),
    "qdrant_proxy_snapshot_mb": (1, 1_048_576),
    "qdrant_proxy_hsts_days": (0, 3650),
    "qdrant_proxy_limit_nofile": (1024, 1_048_576),
    "qdrant_proxy_tasks_max": (8, 4096),
}
BODY, BODY_MB = "service.max_request_size_mb", 32  # and Qdrant's own default


@dataclass(frozen=True)
class Node:
    """A node as a proxy reaches it."""

    name: str
    address: str
    http_port: int
    grpc_port: int
    # What its certificate must name.
    server_name: str
    # Whether its host alone reaches it.
    local: bool = False

    def as_dict(self) -> dict[str, t.Any]:
        return {**vars(self), "bracketed": bracketed(self.address)}


def bracketed(address: str) -> str:
    """Return an address as it stands before a port."""
    return f"[{address}]" if ":" in address else address


def server_name(names: t.Sequence[str], extra: t.Sequence[str], certificate_pem: str, ours: bool) -> str:
    """Return the name by which a node's certificate is verified; empty where its certificate has none of those that the inventory knows the node by.

    nginx compares names, not addresses. A certificate of ``ours`` will name what is wanted; of another's it is looked up which of these it names. What
    else stands there is the node's word, and goes nowhere.
    """
    wanted = [name for name in (_values.written(_values.dns_name, name, "") for name in (*names, *extra)) if name]
    if not ours and certificate_pem:
        try:
            entries = _certificate.subject_alternative_names(_certificate.load_certificates(certificate_pem)[0])
        except _certificate.CertificateError:
            entries = ["DNS:" + name for name in wanted]
        wanted = [name for name in wanted if "DNS:" + name in entries]
    return wanted[0] if wanted else ""


def check_nodes(name: str, nodes: t.Sequence[Node], unseen: t.Sequence[str], group: str) -> Findings:
    """Return the nodes that the proxy of this name stands before."""
    found = Findings()
    if not nodes and not unseen:
        found.refuse("qdrant_proxy_nodes_group", f"there is no node in the group {group}", "Name the group that holds the nodes")
    if unseen:
        what = "{} were not looked at, so their addresses and CAs are unknown to the proxy".format(", ".join(unseen))
        found.refuse("qdrant_proxy_nodes_group", what, "Run hardened.qdrant.proxy or hardened.qdrant.site without --limit")
    for node in nodes:
        if not node.server_name:
            what = f"the certificate of {node.name} has none of its names in the inventory, and nginx verifies nodes by their names"
            found.refuse("qdrant_tls_extra_names", what, "Write a name there that stands in the certificate, or have one put into it")
        if node.local and node.name != name:
            what = f"{node.name} is on an internal network of its host, and the proxy {name} is on another"
            found.refuse("qdrant_docker_network", what, f"Put {node.name} into the group of the proxies, or write published")
    return found


def check_place(name: str, address: t.Any, ports: t.Mapping[str, t.Any], nodes: t.Sequence[Node], p2p: t.Any) -> Findings:
    """Return where the proxy listens. 0 stands for no gRPC."""
    found = Findings(_preflight.check_address(f"qdrant_proxy_address of {name}", address, False))
    wanted = {variable: port for variable, port in ports.items() if not (variable == "qdrant_proxy_grpc_port" and port == 0)}
    found.problems += _preflight.check_ports(wanted)
    if str(address) in ("0.0.0.0", "::"):
        found.refuse("qdrant_proxy_address", f"{address} is every address of the host", "Write the one that clients use")
    for node in nodes:
        taken = {node.http_port, node.grpc_port, p2p} & set(wanted.values())
        if taken and (node.address == str(address) or (node.local and node.name == name)):
            # On an internal network it listens elsewhere, and the host's guard keeps its ports for the node's clients all the same.
            does = "guards" if node.local else "listens on"
            what = "the node {} {} {} there already".format(node.name, does, ", ".join(map(str, sorted(taken))))
            found.refuse(f"qdrant_proxy_http_port, qdrant_proxy_grpc_port of {name}", what, "Write other ports, such as 8443 and 8444")
    return found


def check_clients(meant: _network.Meant, entries: t.Any, accepted: t.Collection[str]) -> Findings:
    """Return the clients' problems and warnings."""
    where = "qdrant_proxy_clients"
    found = Findings(list(meant.problems), list(meant.warnings))
    if not isinstance(entries, list):
        found.refuse(where, "it is not a list", "Write [192.0.2.10, 198.51.100.0/24]")
    elif not entries:
        found.refuse(where, "it is empty, so nobody could use the proxy", "Write the addresses, networks or groups of the clients")
    for entry in meant.literals:
        try:
            _values.network(entry)
        except _values.BadValue as error:
            found.refuse(where, error.what, error.remedy)
    found.problems += _preflight.check_wide(where, meant.addresses(), accepted)
    return found


def check_let_in(name: str, address: str, allowed: t.Mapping[str, t.Sequence[str]], group: str) -> Findings:
    """Return whether the nodes let the proxy in. ``allowed`` are the clients of each node as its own preflight resolved them."""
    found = Findings()
    if not _values.written(_values.address, address, ""):
        return found  # refused elsewhere
    own = ipaddress.ip_address(address)
    closed = sorted(node for node, clients in allowed.items() if not any(own in ipaddress.ip_network(client) for client in clients))
    if closed:
        what = "{} do not let the proxy {} ({}) in".format(", ".join(closed), name, address)
        found.refuse("qdrant_firewall_clients", what, f"Add the group {group} to it: qdrant_firewall_clients: [{group}]")
    return found


def check_values(values: t.Mapping[str, t.Any], opened: t.Any, error_log: t.Any, dashboard: bool) -> Findings:
    """Return numbers and names, by variable."""
    found = Findings()
    for variable, (lowest, highest) in NUMBERS.items():
        value = values.get(variable)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            found.refuse(variable, f"it is {value!r}", "Write a number from %d to %d" % (lowest, highest))
    if not isinstance(opened, list) or any(part not in PARTS for part in opened):
        bad = [part for part in opened if part not in PARTS] if isinstance(opened, list) else opened
        found.refuse("qdrant_proxy_open", f"it holds {bad!r}", "Write a list of {}".format(", ".join(PARTS)))
    elif "dashboard" in opened and not dashboard:
        found.warnings.append("qdrant_proxy_open names the dashboard, which the nodes do not serve (qdrant_dashboard is false).")
    if error_log not in ERROR_LOGS:
        found.refuse("qdrant_proxy_error_log", f"it is {error_log!r}", "Write {}".format(" or ".join(ERROR_LOGS)))
    return found


def closed_paths(opened: t.Collection[str]) -> list[str]:
    """Return the paths of REST that a proxy closes, of all known versions: all but those of the API and of the parts that are ``opened``."""
    paths = {call.asked() for call in _calls.known() if call.port == "rest" and call.part not in ("api", *opened)}
    return sorted(paths | (set() if "dashboard" in opened else {DASHBOARD}))


def closed_methods(opened: t.Collection[str]) -> list[str]:
    """Return the methods of gRPC that a proxy closes, as ``closed_paths`` does. Of those the ones that change nothing, should one reach a node."""
    return sorted({call.call for call in _calls.known() if call.port != "rest" and call.reads and call.part not in ("api", *opened)})


def check_client_ca(pem: str, nodes_trust: t.Iterable[str], now: datetime) -> Findings:
    """Return the CA of clients' certificates. Never one that nodes trust: the cluster port takes whoever has a certificate from there."""
    found, where = Findings(), "qdrant_proxy_client_ca"
    try:
        authorities = _certificate.load_certificates(pem)
        nodes = [ca for trust in nodes_trust if trust for ca in _certificate.load_certificates(trust)]
    except _certificate.CertificateError as error:
        found.refuse(where, str(error), "Give a PEM text, or the path of a file on the controller. hardened.qdrant.client_ca makes one")
        return found
    theirs = _certificate.of_authorities(authorities, nodes)
    for subject in _own.no_authorities(authorities):
        found.refuse(where, f"{subject} is no CA's certificate", "Give the CA that signs the clients' certificates")
    for ca in authorities:
        subject = ca.subject.rfc4514_string()
        if ca in theirs:
            what = f"{subject} is the nodes' CA or comes from it, and whoever has a certificate from there opens the cluster port"
            found.refuse(where, what, "Use another CA. hardened.qdrant.client_ca makes one")
        if not _certificate.not_before(ca) <= now <= _certificate.not_after(ca):
            found.refuse(where, f"{subject} is not valid now", "Give a CA that is")
    return found


def serials(entries: t.Any) -> tuple[list[str], Findings]:
    """Return serial numbers as nginx writes them: hex in upper case, in whole bytes."""
    found, numbers = Findings(), []
    for entry in entries if isinstance(entries, list) else [entries]:
        digits = _certificate.plain_hex(str(entry))
        if not re.fullmatch(r"[0-9a-f]{1,40}", digits):
            found.refuse("qdrant_proxy_client_revoked", f"{str(entry)!r} is no serial number", "Write it in hex, in quotes, as openssl x509 -serial does")
            continue
        numbers.append(digits.upper() if len(digits) % 2 == 0 else "0" + digits.upper())
    return numbers, found


def check_addresses(where: str, entries: t.Any) -> Findings:
    """Return a list of addresses."""
    return Findings(_network.check_addresses(where, entries, "Write addresses, such as [192.0.2.53]"))


def needed(names_alone: bool, address: str, names: t.Sequence[str], addresses: t.Sequence[str]) -> list[str]:
    """Return the names that the certificate must have, such as ``DNS:qdrant.example.com``: those that clients use.

    Where who signs may know ``names_alone``, and clients have names to use, the proxy's address need not be among them.
    """
    return [f"DNS:{name}" for name in names] + [f"IP:{entry}" for entry in ([] if names_alone and names else [address]) + list(addresses)]


def verified_name(names_alone: bool, names: t.Sequence[str]) -> str:
    """Return the name that the certificate is verified by; empty for the proxy's address."""
    return str(names[0]) if names_alone and names else ""
