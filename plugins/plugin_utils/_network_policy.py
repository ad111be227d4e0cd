# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Qdrant in Kubernetes: NetworkPolicies that let in and out what the guard lets in and out on hosts, and the security context of its pods.

Pure functions: what a user gave in, objects and problems out.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import json
import re
import typing as t
from dataclasses import dataclass

import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _network, _preflight, _values, _variables
from ansible_collections.hardened.qdrant.plugins.plugin_utils._preflight import Findings

Object = dict[str, t.Any]

PREFIX = "qdrant_network_policy_"
PORT_NAMES = ("http", "grpc", "p2p")
SELECTORS = ("namespace", "namespaces", "pods", "cidr")
# What Kubernetes takes as the name of a namespace or of a container, of an object, and as a label.
LABEL_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
OBJECT_NAME = re.compile(r"(?=.{1,230}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
KEY = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
# Qdrant's image has this user, and the official chart these groups: volumes that are there keep fitting.
USER, GROUP, VOLUME_GROUP = 1000, 2000, 3000
HEADER = "# Made by hardened.qdrant.qdrant_network_policy: changes are overwritten by its next run.\n"
EXAMPLE = "Write {namespace: shop, pods: {app: shop}} or {cidr: 192.0.2.0/24}"


@dataclass(frozen=True)
class Rule:
    """Who, as a peer of a NetworkPolicy, and at which ports, as pairs of protocol and number. Neither is ever empty: Kubernetes takes that for all."""

    peer: Object
    ports: tuple[tuple[str, int], ...]

    def render(self, direction: str) -> Object:
        return {direction: [self.peer], "ports": [{"protocol": protocol, "port": port} for protocol, port in self.ports]}


@dataclass(frozen=True)
class Wanted:
    """What was asked for, checked. ``ports`` are numbers by name; ``labels`` select Qdrant's own pods."""

    namespace: str
    name: str
    labels: dict[str, str]
    statefulset: str
    container: str
    ports: dict[str, int]
    clients: tuple[Rule, ...]
    targets: tuple[Rule, ...]
    dns: tuple[Rule, ...]


# --- what the user gave ------------------------------------------------------------------------------------------------


def _unknown(found: Findings, where: str, entry: t.Mapping[str, t.Any], known: t.Sequence[str]) -> None:
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            found.refuse(where, f"there is no key {str(key)!r}", "Write %s" % (near[0] if near else "one of {}".format(", ".join(known))))


def _port(found: Findings, where: str, value: t.Any) -> int:
    """Return a port's number; refused and 0 where it is none."""
    try:
        return _values.port(value)
    except _values.BadValue as error:
        found.refuse(where, error.what, error.remedy)
        return 0


def _labels(found: Findings, where: str, value: t.Any) -> dict[str, str]:
    """Return labels that select; refused where they are none. Empty ones are for the caller to judge."""
    if not isinstance(value, dict):
        found.refuse(where, f"{value!r} is no mapping of labels", "Write {app: shop}")
        return {}
    for key, text in value.items():
        if not isinstance(key, str) or not KEY.fullmatch(key):
            found.refuse(where, f"{key!r} is no name of a label", "Write a name such as app or app.kubernetes.io/name")
        elif not isinstance(text, str) or not VALUE.fullmatch(text):
            remedy = "Write a text of up to 63 letters, digits, -, _ and ., in quotes if YAML takes it otherwise"
            found.refuse(where, f"{text!r} is no value of a label", remedy)
    return {str(key): str(text) for key, text in value.items()}


def parse_peer(found: Findings, where: str, entry: t.Mapping[str, t.Any], risk: str = "") -> Object:
    """Return one entry's selectors as a peer of a NetworkPolicy. Whoever selects everything is refused, and with ``risk`` told how to accept that."""

    def everyone(key: str, what: str) -> None:
        if risk:
            found.problems.append(_preflight.risk_problem(f"{where}.{key}", what, risk))
        else:
            found.refuse(f"{where}.{key}", what, "Name what is needed")

    given = [key for key in SELECTORS if key in entry]
    peer: Object = {}
    if not given or ("cidr" in given and len(given) > 1) or {"namespace", "namespaces"} <= set(given):
        found.refuse(where, "it has %s" % (" and ".join(given) or "neither namespace, namespaces, pods nor cidr"), EXAMPLE)
        return peer
    if "cidr" in given:
        try:
            network = _values.network(entry["cidr"])
        except _values.BadValue:
            remedy = "Write one such as 192.0.2.0/24 or 2001:db8::/64, with no bit set beyond its length"
            found.refuse(f"{where}.cidr", "{} is no network".format(_values.shown(entry["cidr"])), remedy)
            return peer
        for what in _values.wide([network]):
            everyone("cidr", what)
        return {"ipBlock": {"cidr": str(network)}}
    if "namespace" in given:
        name = entry["namespace"]
        if not isinstance(name, str) or not LABEL_NAME.fullmatch(name):
            found.refuse(f"{where}.namespace", f"{name!r} is no name of a namespace", "Write a name such as shop")
        # Kubernetes itself sets this label, so nobody can take another namespace's name by it.
        peer["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": str(name)}}
    for key, selector in (("namespaces", "namespaceSelector"), ("pods", "podSelector")):
        if key in given:
            labels = _labels(found, f"{where}.{key}", entry[key])
            if not labels and entry[key] == {}:
                everyone(key, f"empty labels select all {key}")
            peer[selector] = {"matchLabels": labels} if labels else {}
    return peer


def _entries(found: Findings, where: str, value: t.Any, known: t.Sequence[str]) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    if not isinstance(value, list):
        found.refuse(where, "it is no list", f"{EXAMPLE}, each in a list")
        return
    for position, entry in enumerate(value):
        place = "%s[%d]" % (where, position)
        if not isinstance(entry, dict):
            found.refuse(place, f"{entry!r} is no mapping", EXAMPLE)
            continue
        _unknown(found, place, entry, known)
        yield place, entry


def _whole(rules: t.Iterable[Rule]) -> list[str]:
    """Return the problems of the networks of rules together, none of which is too wide alone."""
    networks = [_values.network(rule.peer["ipBlock"]["cidr"]) for rule in rules if "ipBlock" in rule.peer]
    return [] if any(_values.wide([network]) for network in networks) else _values.wide(networks)


def parse_clients(found: Findings, value: t.Any, ports: t.Mapping[str, int], accepted: t.Container[str]) -> tuple[Rule, ...]:
    """Return the rules for clients of the API: entries of selectors and, optionally, of ``ports``, http and grpc."""
    where = PREFIX + "clients"
    rules = []
    judged = Findings()
    for place, entry in _entries(judged, where, value, (*SELECTORS, "ports")):
        peer = parse_peer(judged, place, entry, "clients-everyone")
        names = entry.get("ports", ["http", "grpc"])
        if not isinstance(names, list) or not names or not set(map(str, names)) <= {"http", "grpc"}:
            remedy = "Write [http], [grpc] or [http, grpc]; the cluster's port is for peers alone"
            judged.refuse(f"{place}.ports", f"{names!r} are no ports of the API", remedy)
            continue
        if peer:
            rules.append(Rule(peer, tuple(("TCP", ports[name]) for name in ("http", "grpc") if name in names)))
    judged.problems += [_preflight.risk_problem(where, what, "clients-everyone") for what in _whole(rules)]
    overruled = "risk: clients-everyone"
    found.problems += [problem for problem in judged.problems if "clients-everyone" not in accepted or overruled not in problem.remedy]
    if not value:
        found.warnings.append(f"{where} names nobody, so only Qdrant's own pods reach its API.")
    return tuple(rules)


def parse_targets(found: Findings, value: t.Any, resolver: _network.Resolver) -> tuple[Rule, ...]:
    """Return where Qdrant may connect to: {host, port}, as the role qdrant_firewall has them, or {namespace, pods, port}."""
    where = PREFIX + "targets"
    rules = []
    for place, entry in _entries(found, where, value, ("host", "namespace", "namespaces", "pods", "port")):
        if "host" in entry:
            outside, problems = _network.targets([dict(entry)], resolver)
            found.problems += [dataclasses.replace(problem, where=place) for problem in problems]
            rules += [Rule({"ipBlock": {"cidr": str(ipaddress.ip_network(one["address"]))}}, (("TCP", int(one["port"])),)) for one in outside]
        else:
            peer = parse_peer(found, place, entry)
            rules.append(Rule(peer, (("TCP", _port(found, f"{place}.port", entry.get("port"))),)))
    for what in _whole(rules):
        found.refuse(where, what, "Name the networks that are needed")
    return tuple(rules)


def parse_dns(found: Findings, value: t.Any) -> tuple[Rule, ...]:
    """Return the name servers that Qdrant may ask, over UDP and TCP. Without any, peers are not found by name."""
    where = PREFIX + "dns"
    if value == []:
        found.warnings.append(f"{where} is empty, so Qdrant cannot resolve its peers' names.")
    return tuple(Rule(parse_peer(found, place, entry), (("UDP", 53), ("TCP", 53))) for place, entry in _entries(found, where, value, SELECTORS))


def parse(given: t.Mapping[str, t.Any], risks: t.Any = (), resolver: _network.Resolver = _variables.resolve) -> tuple[Wanted, Findings]:
    """Return the rules that the options of the module ask for, and their problems; without use where there are problems."""
    found = Findings()
    accepted, problems = _preflight.accepted_risks(list(risks) if isinstance(risks, tuple) else risks)
    found.problems += problems
    for key, pattern in (("namespace", LABEL_NAME), ("name", OBJECT_NAME), ("statefulset", OBJECT_NAME), ("container", LABEL_NAME)):
        if not isinstance(given[key], str) or not pattern.fullmatch(given[key]):
            found.refuse(PREFIX + key, f"{given[key]!r} is no name that Kubernetes takes", "Write small letters, digits and -, such as qdrant")
    labels = _labels(found, PREFIX + "labels", given["labels"])
    if given["labels"] == {}:
        found.refuse(PREFIX + "labels", "empty labels select every pod of the namespace", "Write the labels that Qdrant's pods have, and no others")
    ports = {name: _port(found, f"{PREFIX}{name}_port", given[f"{name}_port"]) for name in PORT_NAMES}
    if len(set(ports.values())) < len(ports) and all(ports.values()):
        found.refuse(", ".join(f"{PREFIX}{name}_port" for name in PORT_NAMES), "two ports are the same", "Write those that Qdrant listens on")
    wanted = Wanted(
        namespace=str(given["namespace"]),
        name=str(given["name"]),
        labels=labels,
        statefulset=str(given["statefulset"]),
        container=str(given["container"]),
        ports=ports,
        clients=parse_clients(found, given["clients"], ports, accepted),
        targets=parse_targets(found, given["targets"], resolver),
        dns=parse_dns(found, given["dns"]),
    )
    return wanted, found


# --- what comes of it --------------------------------------------------------------------------------------------------


def policies(wanted: Wanted) -> list[Object]:
    """Return the NetworkPolicies. Always the same four, each with all its fields: so applying them again takes back what is no longer wanted."""
    # Peers fetch snapshots from each other by REST.
    peers = Rule({"podSelector": {"matchLabels": wanted.labels}}, (("TCP", wanted.ports["p2p"]), ("TCP", wanted.ports["http"])))

    def policy(suffix: str, types: dict[str, list[Object]]) -> Object:
        spec: Object = {"podSelector": {"matchLabels": wanted.labels}, "policyTypes": [kind.capitalize() for kind in types], **types}
        metadata = {"name": f"{wanted.name}-{suffix}", "namespace": wanted.namespace, "labels": {"app.kubernetes.io/managed-by": "hardened.qdrant"}}
        return _plain({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})

    return [
        policy("default-deny", {"ingress": [], "egress": []}),
        policy("peers", {"ingress": [peers.render("from")], "egress": [peers.render("to")]}),
        policy("clients", {"ingress": [rule.render("from") for rule in wanted.clients]}),
        policy("targets", {"egress": [rule.render("to") for rule in (*wanted.dns, *wanted.targets)]}),
    ]


def pod_context() -> Object:
    """Return the security context of a pod: not root, by system calls that the container runtime lets by, volumes of a group of their own."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": GROUP,
        "fsGroup": VOLUME_GROUP,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_context() -> Object:
    """Return the security context of Qdrant's container: no right, no way to one, and nothing to write on but its volumes."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": GROUP,
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def values() -> Object:
    """Return values for the official Helm chart. Its container that chowns volumes needs root; fsGroup does the same without."""
    return {
        "image": {"useUnprivilegedImage": True},
        "updateVolumeFsOwnership": False,
        "podSecurityContext": pod_context(),
        "containerSecurityContext": container_context(),
    }


def patch(wanted: Wanted) -> Object:
    """Return a strategic merge patch of the StatefulSet: the same contexts, and no token of a service account, for which the chart has no value."""
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": pod_context(),
        "containers": [{"name": wanted.container, "securityContext": container_context()}],
    }
    metadata = {"name": wanted.statefulset, "namespace": wanted.namespace}
    return _plain({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": {"template": {"spec": pod}}})


def files(wanted: Wanted) -> dict[str, str]:
    """Return texts by the name of their file."""
    return {
        "network-policies.yaml": HEADER + yaml.dump_all(policies(wanted), Dumper=_Dumper, sort_keys=False, explicit_start=True),
        "values.yaml": HEADER + yaml.dump(values(), Dumper=_Dumper, sort_keys=False, explicit_start=True),
        "statefulset-patch.yaml": HEADER + yaml.dump(patch(wanted), Dumper=_Dumper, sort_keys=False, explicit_start=True),
    }


class _Dumper(yaml.SafeDumper):
    """Says everything where it stands: without anchors, which many a reader of YAML does not follow."""

    def ignore_aliases(self, data: t.Any) -> bool:
        return True


def _plain(value: Object) -> Object:
    """Return the same in Python's own types: what Ansible templated is marked with its origin, and no YAML dumper takes that."""
    return t.cast(Object, json.loads(json.dumps(value)))
