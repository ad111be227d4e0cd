# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is meant: clients and targets as a user names them, turned into addresses; and which of a host's firewalls is to be told.

Names are resolved here, on the controller. So nodes need no resolver, and an address that changed shows as a difference.
"""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass, field

from ansible_collections.hardened.qdrant.plugins.module_utils import _backends
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _values
from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import Problem
from ansible_collections.hardened.qdrant.plugins.plugin_utils._variables import VariableError, resolve

Network = _values.Network
# A name in, its addresses out; empty where it has none.
Resolver = t.Callable[[str], list[str]]
BACKENDS = ("auto", "nftables", *(backend.name for backend in _backends.BACKENDS))
# Names that a host, or a container of the deployment, has for itself.
OWN_NAMES = ("localhost", "qdrant")


@dataclass
class Meant:
    """What a list of a user's came to: networks that stand in it as such, and by name those that a name stands for."""

    literals: list[t.Any] = field(default_factory=list)
    named: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def addresses(self) -> list[str]:
        """Return all of it, each once, in one order and notation. What is no address is left out: it was refused."""
        found = {network for value in [*self.literals, *(one for several in self.named.values() for one in several)] for network in _networks(value)}
        return [text(network) for network in sorted(found, key=lambda network: (network.version, network))]


def _networks(value: t.Any) -> list[Network]:
    try:
        return [_values.network(value)]
    except _values.BadValue:
        return []


def text(network: Network) -> str:
    """Return a network as people and firewalls write it: one address without its length."""
    return _values.network_text(str(network))


def _name(value: t.Any) -> str:
    """Return a name of DNS, or an empty text for what is none."""
    return _values.written(_values.dns_name, value, "")


def is_address(value: t.Any) -> bool:
    """Return whether something is an address or a network, rightly written or not."""
    try:
        ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        return False
    return True


def host_addresses(host: str, variables: t.Mapping[str, t.Any], resolver: Resolver) -> list[str]:
    """Return the addresses that a host of the inventory comes from: those that it names, its own, or those that the controller reaches it by."""
    given = variables.get("qdrant_firewall_addresses")
    if given:
        return [str(address) for address in (given if isinstance(given, (list, tuple)) else [given])]
    for candidate in (variables.get("qdrant_address"), variables.get("ansible_host"), host):
        if candidate and is_address(candidate):
            return [str(candidate)]
        found = resolver(_name(candidate)) if _name(candidate) else []
        if found:
            return found
    return []


def clients(
    entries: t.Any,
    groups: t.Mapping[str, t.Sequence[str]],
    hosts: t.Mapping[str, t.Mapping[str, t.Any]],
    resolver: Resolver = resolve,
    where: str = "qdrant_firewall_clients",
) -> Meant:
    """Return the clients that a list names: addresses, networks, groups and hosts of the inventory, names of DNS; the inventory comes first."""
    meant = Meant()
    for entry in entries if isinstance(entries, list) else []:
        name = entry if isinstance(entry, str) else ""
        if not name or is_address(name):
            meant.literals.append(entry)
        elif name in groups or name in hosts:
            members = list(groups[name]) if name in groups else [name]
            meant.named[name] = []
            if not members:
                meant.warnings.append(f"{where} names the group {name}, which is empty.")
            for member in members:
                stated = host_addresses(member, hosts.get(member, {}), resolver)
                found = [one for one in stated if _networks(one)]
                if len(found) < len(stated):
                    bad = ", ".join(_values.shown(one) for one in stated if one not in found)
                    meant.problems.append(Problem(where, f"{member} comes from {bad}, which is no address", "Mend its qdrant_firewall_addresses"))
                elif not found:
                    remedy = "Set its qdrant_firewall_addresses or ansible_host to addresses, or to a name that the controller can resolve"
                    meant.problems.append(Problem(where, f"the address of {member} is not known", remedy))
                meant.named[name] += found
        else:
            found = resolver(_name(name)) if _name(name) else []
            meant.named[name] = found
            if not found:
                what = "%s is neither an address nor a network, no group or host of the inventory, and no name that the controller can resolve"
                what %= _values.shown(name)
                meant.problems.append(Problem(where, what, "Write 192.0.2.10, 198.51.100.0/24, 2001:db8::/64, a group's name, or app.example.com"))
    return meant


def targets(entries: t.Any, resolver: Resolver = resolve) -> tuple[list[dict[str, t.Any]], list[Problem]]:
    """Return where the server may connect to beside its peers, as [{address, port}], with the ``name`` that an address was resolved from.

    An entry is {host: NAME or network, port: NUMBER}, and may have the address of its name.
    """
    found: list[dict[str, t.Any]] = []
    problems = []
    where = "qdrant_firewall_targets"
    for entry in entries if isinstance(entries, list) else [entries]:
        if not isinstance(entry, dict) or not {"host", "port"} <= set(entry) <= {"host", "port", "address"}:
            problems.append(Problem(where, "an entry is not {host: NAME, port: NUMBER}", "Write [{host: s3.example.com, port: 443}]"))
            continue
        try:
            port = _values.port(entry["port"])
        except _values.BadValue as error:
            problems.append(Problem(where, error.what, error.remedy))
            continue
        host = str(entry["host"])
        if "address" in entry:
            problem = _check_named(host, str(entry["address"]))
            problems += problem
            if not problem:
                found.append({"address": text(_networks(str(entry["address"]))[0]), "port": port, "name": _name(host)})
            continue
        networks = _networks(host)
        if not networks and is_address(host):
            try:
                _values.network(host)
            except _values.BadValue as error:
                problems.append(Problem(where, error.what, error.remedy))
            continue
        named = {} if networks else {"name": _name(host)}
        networks = networks or [network for address in (resolver(named["name"]) if named["name"] else []) for network in _networks(address)]
        if not networks:
            what = f"{_values.shown(host)} is no address, and no name that the controller can resolve"
            problems.append(Problem(where, what, "Write s3.example.com or its network"))
        for network in networks:
            found.append({"address": text(network), "port": port, **named})
    everywhere = _values.wide(network for target in found for network in _networks(target["address"]))
    problems += [Problem(where, what.replace("everyone", "everywhere"), "Name the networks that are needed") for what in everywhere]
    return found, problems


def _check_named(name: str, address: str) -> list[Problem]:
    """Return the problems of a target whose address is given beside its name."""
    where = "qdrant_firewall_targets"
    if _name(name) != name or name in OWN_NAMES:
        what = f"{_values.shown(name)} is no name that could have the address {_values.shown(address)}"
        return [Problem(where, what, "Write {host: s3.example.com, address: 192.0.2.9, port: 443}")]
    networks = _networks(address) if "/" not in address else []
    if not networks or networks[0].is_multicast or networks[0].is_unspecified or networks[0].is_loopback:
        what = f"{_values.shown(address)} is no address that {name} could have"
        return [Problem(where, what, "Write one, such as 192.0.2.9, or leave it out: the controller resolves the name")]
    return []


def names_of(found: t.Iterable[t.Mapping[str, t.Any]]) -> dict[str, list[str]]:
    """Return the addresses by name, of targets that ``targets`` found: what the server needs to find them, for it asks no name server."""
    names: dict[str, set[str]] = {}
    for target in found:
        if "name" in target:
            names.setdefault(target["name"], set()).add(target["address"])
    return {name: sorted(addresses) for name, addresses in sorted(names.items())}


def check_addresses(where: str, entries: t.Any, remedy: str) -> list[Problem]:
    """Return the problems of a list of addresses."""
    problems = []
    for entry in entries if isinstance(entries, list) else [entries]:
        try:
            _values.address(entry)
        except _values.BadValue:
            problems.append(Problem(where, f"{_values.shown(entry)} is no address", remedy))
    return problems


def resolvers(entries: t.Any) -> list[Problem]:
    """Return the problems of the addresses of name servers."""
    return check_addresses("qdrant_firewall_resolvers", entries, "Write the name servers' addresses, such as 192.0.2.53")


def passes(peers: t.Iterable[str], allowed: t.Iterable[str], http: int, grpc: int, p2p: int) -> list[dict[str, t.Any]]:
    """Return the addresses that must pass the host's own firewall, with their ports: [{address, ports}], an address once."""
    found: dict[str, set[int]] = {}
    for addresses, ports in ((peers, (http, p2p)), (allowed, (http, grpc))):
        for address in addresses:
            for network in _networks(address):
                found.setdefault(text(network), set()).update(ports)
    return [{"address": address, "ports": sorted(ports)} for address, ports in sorted(found.items())]


# --- which firewall ----------------------------------------------------------------------------------------------------


def choose(backend: t.Any, there: t.Mapping[str, t.Any]) -> tuple[str, str, Findings]:
    """Return the firewall that is told beside the guard (``nftables``: none), why, and what is wrong. ``there`` is ``firewalls`` of qdrant_node_info."""
    found = Findings()
    where = "qdrant_firewall_backend"
    state = {name: there.get(name) or {} for name in (entry.name for entry in _backends.BACKENDS)}
    active = [name for name in state if state[name].get("active")]
    if backend not in BACKENDS:
        found.refuse(where, f"there is no backend {str(backend)!r}", "Write {}".format(", ".join(BACKENDS)))
        return "nftables", "", found
    if backend == "auto":
        if len(active) > 1:
            found.refuse(
                where,
                "{} are both active, and each may drop packets that the other admits".format(" and ".join(active)),
                "Switch one off, or name the one to tell",
            )
        chosen = active[0] if active else "nftables"
        idle = " and ".join(name for name in state if there.get(name) and name not in active)
        why = f"{chosen} is active" if active else "neither {} is active".format(" nor ".join(state))
        why += ", though {} {} installed".format(idle, "are" if " " in idle else "is") if idle else ""
    else:
        chosen, why = str(backend), "it was asked for"
        if backend != "nftables" and backend not in active:
            lack = "installed but not active" if there.get(chosen) else "not installed"
            remedy = "Switch it on yourself, SSH allowed first, since that may lock you out; or write auto"
            found.refuse(where, f"{backend} is {lack} on the host, so it filters nothing", remedy)
        for other in active:
            if other != backend:
                found.warnings.append(
                    f"{other} is active and gets no rules for peers and clients, because {where} is {backend}. "
                    "It will drop peers and clients unless you let them in."
                )
    for name in active:
        found.warnings += [f"{name} has a rule of its own for Qdrant's ports. The guard decides before it: {rule}" for rule in state[name]["foreign"]]
    found.warnings += [f"A foreign rule names Qdrant's ports, and may drop or redirect admitted packets: {rule}" for rule in there.get("foreign", [])]
    return chosen, why, found


# --- all of it ---------------------------------------------------------------------------------------------------------

# Reads a variable of the task's host by name, with a default.
Reader = t.Callable[[str, t.Any], t.Any]


def host_variables(hostvars: t.Mapping[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    """Return the variables with the addresses of every host of the inventory. One that cannot be templated counts as not set."""
    found: dict[str, dict[str, t.Any]] = {}
    for host in hostvars:
        found[str(host)] = {}
        for name in ("qdrant_firewall_addresses", "qdrant_address", "ansible_host"):
            try:
                value = hostvars[host].get(name)
            except Exception:  # whatever keeps it from being templated, it is not known here
                continue
            if value:
                found[str(host)][name] = value
    return found


def peers(read: Reader, addresses: list[str]) -> list[str]:
    """Return the peers that a user names in place of the inventory's; theirs where there are none, or where the role's own default stands there."""
    try:
        given = read("qdrant_firewall_peers", None)
    except VariableError:
        return addresses
    return [text(network) for address in given for network in _networks(address)] if isinstance(given, list) else addresses


def check_peers(given: t.Any, nodes: t.Sequence[str]) -> list[Problem]:
    """Return the problems of peers that a user names in place of the inventory's, whose addresses are ``nodes``."""
    where = "qdrant_firewall_peers"
    if not isinstance(given, list):
        return [Problem(where, "it is not a list", "Write the other nodes' addresses, or leave it out: the inventory has them")]
    problems = []
    for entry in given:
        try:
            _values.network(entry)
        except _values.BadValue as error:
            problems.append(Problem(where, error.what, "Write the other nodes' addresses, or a network without a bit beyond its length"))
    named = [network for entry in given for network in _networks(entry)]
    problems += [Problem(where, what, "Name the other nodes") for what in _values.wide(named)]
    for address in nodes:
        of_node: list[t.Any] = list(_networks(address))
        if of_node and not any(network.version == of_node[0].version and of_node[0].subnet_of(network) for network in named):
            problems.append(Problem(where, f"{address}, a node of the inventory, is not among them", "Add it: the node would be locked out"))
    return problems


def check_told(chosen: str, there: t.Mapping[str, t.Any], wanted: t.Sequence[dict[str, t.Any]]) -> list[Problem]:
    """Return why the host's firewall cannot be told to let somebody pass who should. ``wanted`` is what ``passes`` gives."""
    refusals = [backend.cannot_tell(wanted, there.get(backend.name) or {}) for backend in _backends.BACKENDS if backend.name == chosen]
    return [Problem("qdrant_firewall_backend", *refusal) for refusal in refusals if refusal]


def plan(
    read: Reader,
    *,
    groups: t.Mapping[str, t.Sequence[str]],
    hosts: t.Mapping[str, t.Any],
    there: t.Mapping[str, t.Any],
    peers: list[str],
    nodes: t.Sequence[str] = (),
    resolver: Resolver = resolve,
) -> tuple[dict[str, t.Any], Findings, Meant]:
    """Return the plan of a node's firewall, its problems, and the clients as named.

    The first is {backend, why, peers, clients, names, targets, target_names, passes}.
    """
    meant = clients(read("qdrant_firewall_clients", []), groups, hosts, resolver)
    found = Findings(list(meant.problems), list(meant.warnings))
    wanted_targets, problems = targets(read("qdrant_firewall_targets", []), resolver)
    found.problems += problems
    found.problems += resolvers(read("qdrant_firewall_resolvers", []))
    try:
        _values.rate(read("qdrant_firewall_log_rate", "10/minute"))
    except _values.BadValue as error:
        found.refuse("qdrant_firewall_log_rate", error.what, error.remedy)
    seconds = read("qdrant_firewall_rollback", 60)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not (seconds == 0 or 10 <= seconds <= 3600):
        found.refuse("qdrant_firewall_rollback", f"{seconds!r} is no time to reconnect in", "Write seconds, from 10 to 3600, or 0 for no rollback")
    ports = [read(f"qdrant_{name}_port", None) for name in ("http", "grpc", "p2p")]
    ssh = read("ansible_port", None) or 22
    for name, port in zip(("http", "grpc", "p2p"), ports):
        if port == ssh and read("ansible_connection", "ssh") != "local":
            what = f"{port} is the port of SSH, and a guard on it would lock you out"
            found.refuse(f"qdrant_{name}_port", what, "Use another one, such as Qdrant's own")
    backend, why, chosen = choose(read("qdrant_firewall_backend", "auto"), there)
    found.problems += chosen.problems
    found.warnings += chosen.warnings
    try:
        given = read("qdrant_firewall_peers", None)
    except VariableError:
        given = None  # the role's own default, which is the inventory's
    if given is not None:
        found.problems += check_peers(given, nodes)
    allowed = meant.addresses()
    numbers = [port if isinstance(port, int) else 0 for port in ports]
    wanted: dict[str, t.Any] = {
        "backend": backend,
        "why": why,
        "peers": peers,
        "clients": allowed,
        "names": meant.named,
        "targets": wanted_targets,
        "target_names": names_of(wanted_targets),
        "passes": passes(peers, allowed, *numbers),
    }
    found.problems += check_told(backend, there, wanted["passes"])
    return wanted, found, meant
