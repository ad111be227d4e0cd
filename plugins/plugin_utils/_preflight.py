# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what a user gave, before any host is changed. Pure functions: values in, problems out. None repeats a secret."""

from __future__ import annotations

import ipaddress
import itertools
import math
import os
import re
import typing as t
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _values
from ansible_collections.hardened.qdrant.plugins.plugin_utils._settings import OTHER_RISKS, RISK_NAMES, Problem, Risk, Version

MINIMUM_KEY_LENGTH = 32
MINIMUM_ENTROPY = 90  # bits, estimated from the frequency of characters: 32 random hexadecimal digits have about 110
# Six letters or more: in a random key of 43 characters, one of these stands by chance once in three million keys.
PLACEHOLDERS = ("change", "secret", "password", "placeholder", "example", "default", "insert", "replace", "qdrant", "api-key", "apikey", "0123456", "abcdef")
MAXIMUM_CLOCK_DIFFERENCE = 300  # seconds
ARCHITECTURES = ("x86_64", "aarch64")


@dataclass
class Findings:
    """What the checks found."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def refuse(self, where: str, what: str, remedy: str) -> None:
        self.problems.append(Problem(where, what, remedy))


# --- secrets -----------------------------------------------------------------------------------------------------------


def entropy(key: str) -> float:
    """Return bits of a key, if each character were drawn by its frequency in the key itself: an estimate from below."""
    counts = Counter(key)
    return -sum(count * math.log2(count / len(key)) for count in counts.values()) if key else 0.0


def _consecutive(key: str) -> bool:
    """Return whether most characters follow the one before by a constant step: aaaa, abcd, 9876."""
    steps = Counter(ord(right) - ord(left) for left, right in itertools.pairwise(key))
    return bool(steps) and max(steps[step] for step in (-1, 0, 1)) > len(key) / 2


def check_key(where: str, key: t.Any) -> list[Problem]:
    """Return the problems of an API key. The texts are fixed: no part of the key is in them."""
    make = "Let the playbook hardened.qdrant.init make one, or take the output of: openssl rand -base64 33 | tr -d '/+='"
    if not isinstance(key, str):
        return [Problem(where, "it is not a text but {}".format(type(key).__name__.lstrip("_")), "Put it in quotes: without, YAML changes keys such as 00123")]
    if not key:
        return [Problem(where, "it is empty, and Qdrant would answer everyone", make)]
    if key != key.strip():
        return [Problem(where, "it begins or ends with white space, such as a newline", "Write it on one line, in quotes")]
    if not re.fullmatch(r"[A-Za-z0-9._~=+/-]+", key):
        return [Problem(where, "it holds characters that a header or YAML may change", "Use letters, digits and . _ ~ = + / - only")]
    if any(word in key.lower() for word in PLACEHOLDERS):
        return [Problem(where, "it looks like a placeholder", make)]
    if len(key) < MINIMUM_KEY_LENGTH:
        return [Problem(where, "it is shorter than %d characters" % MINIMUM_KEY_LENGTH, make)]
    if re.fullmatch(r"[0-9.+-]+([eE][0-9+-]+)?", key):
        return [Problem(where, "it reads as a number", make)]
    if entropy(key) < MINIMUM_ENTROPY or _consecutive(key):
        return [Problem(where, "it can be guessed: too few different characters, or a sequence", make)]
    return []


def check_keys(api_key: t.Any, read_only_api_key: t.Any, jwt_rbac: bool) -> Findings:
    found = Findings(check_key("qdrant_api_key", api_key))
    if read_only_api_key in ("", None):
        found.warnings.append("qdrant_read_only_api_key is not set, so whoever only reads needs the key with full rights.")
    else:
        found.problems += check_key("qdrant_read_only_api_key", read_only_api_key)
        if api_key == read_only_api_key and api_key:
            found.refuse("qdrant_read_only_api_key", "it equals qdrant_api_key, so it would have full rights", "Use two different keys")
    if jwt_rbac and not api_key:
        found.refuse("qdrant_jwt_rbac", "tokens are signed with qdrant_api_key, which is empty", "Set qdrant_api_key")
    return found


# --- addresses ---------------------------------------------------------------------------------------------------------


def check_address(where: str, address: t.Any, cluster: bool) -> list[Problem]:
    """Return the problems that keep an address from being a node's."""
    try:
        ip = ipaddress.ip_address(_values.address(address))
    except _values.BadValue as error:
        return [Problem(where, error.what, "Qdrant binds to it, so write the node's own, such as 192.0.2.11")]
    if ip.is_multicast or ip.is_link_local or (ip.is_reserved and not ip.is_private):
        return [Problem(where, f"{ip} cannot be a server's", "Write the node's own address")]
    if ip.is_loopback and cluster:
        return [Problem(where, f"{ip} is loopback, and peers cannot reach it", "Write the address that peers reach the node by")]
    return []


def check_addresses(addresses: t.Mapping[str, t.Any], name: str, cluster: bool) -> Findings:
    """Return a node's address against those of its whole group. ``addresses`` is by host name."""
    found = Findings(check_address(f"qdrant_address of {name}", addresses.get(name), cluster))
    same = sorted(host for host, address in addresses.items() if address and address == addresses.get(name))
    if len(same) > 1 and name == same[0]:
        found.refuse("qdrant_address", "{} have the same, {}".format(" and ".join(same), addresses[name]), "Give each node its own")
    for host, address in sorted(addresses.items()):
        if host != name and not address:
            found.refuse(
                f"qdrant_address of {host}",
                "it is not known, so neither firewall nor cluster can name that peer",
                "Set it in the inventory, as an address, or have its name resolve on the controller, to one address",
            )
    families = {ipaddress.ip_address(address).version for address in addresses.values() if _is_ip(address)}
    if len(families) > 1:
        found.refuse("qdrant_address", "some nodes have IPv4, some IPv6 addresses", "Use one family for all nodes of a cluster")
    return found


def _is_ip(address: t.Any) -> bool:
    try:
        ipaddress.ip_address(str(address))
    except ValueError:
        return False
    return True


def check_clients(clients: t.Any) -> Findings:
    """Return the addresses and networks that may use the API."""
    found = Findings()
    networks: list[t.Any] = []
    where = "qdrant_firewall_clients"
    if not isinstance(clients, list):
        found.refuse(where, "it is not a list", "Write [192.0.2.10, 198.51.100.0/24]")
        return found
    if not clients:
        found.warnings.append("qdrant_firewall_clients is empty, so no client will reach the API.")
    for client in clients:
        try:
            network = _values.network(client)
        except _values.BadValue as error:
            found.refuse(where, error.what, error.remedy)
            continue
        overlapping = [other for other in networks if other.version == network.version and other.overlaps(network)]
        if overlapping:
            found.refuse(where, f"{overlapping[0]} and {network} overlap", "Keep the one that you mean")
        networks.append(network)
    return found


def check_wide(where: str, networks: t.Iterable[str], accepted: t.Collection[str]) -> list[Problem]:
    """Return whether networks, all that a list came to, groups and names included, let in everyone or nearly everyone."""
    if "clients-everyone" in accepted:
        return []
    return [risk_problem(where, what, "clients-everyone") for what in _values.wide(_values.network(network) for network in networks)]


# --- cluster -----------------------------------------------------------------------------------------------------------


def check_ports(ports: t.Mapping[str, t.Any]) -> list[Problem]:
    """Return ports by the variable that sets them."""
    problems = []
    for name, port in ports.items():
        try:
            _values.port(port)
        except _values.BadValue as error:
            problems.append(Problem(name, error.what, error.remedy))
    same = [name for name, port in ports.items() if list(ports.values()).count(port) > 1]
    if same:
        problems.append(Problem(", ".join(same), "they are the same", "Give each its own port"))
    return problems


def check_cluster(names: t.Sequence[str], unreachable: t.Collection[str], cluster: bool, scheme: str | None, name: str) -> Findings:
    """Return the group as a cluster. ``scheme`` is that of the peers' addresses in the node's existing Raft state."""
    found = Findings()
    if name not in names:
        found.refuse("qdrant_nodes_group", f"{name} is not in that inventory group", "Set it to the group that holds the nodes")
    if len(names) > 1 and not cluster:
        found.refuse("qdrant_cluster_enabled", "the group has %d nodes, which would not know each other" % len(names), "Enable it, or use one node")
    if cluster and len(names) % 2 == 0 and name == names[0]:
        found.warnings.append("The cluster has %d nodes. An even number survives the loss of no more nodes than one fewer would; use an odd one." % len(names))
    for host in sorted(set(names) & set(unreachable)):
        found.refuse(f"host {host}", "it cannot be reached, and a change without it would split the cluster", "Mend it or take it out of the group")
    if cluster and scheme == "http":
        found.refuse(
            f"host {name}",
            "it belongs to a cluster whose nodes talk in plaintext, which cannot be changed in place",
            "Take snapshots, remove the data folder on every node, run this again, and restore",
        )
    return found


def check_clock(node_time: float | None, now: float, name: str) -> list[Problem]:
    if node_time is None or abs(node_time - now) <= MAXIMUM_CLOCK_DIFFERENCE:
        return []
    what = "its clock is %d s away from the controller's, and certificates would not be valid yet" % abs(node_time - now)
    return [Problem(f"host {name}", what, "Synchronise both clocks, as by systemctl enable --now systemd-timesyncd")]


def check_own_address(address: str, there: t.Any, name: str) -> list[Problem]:
    """Return whether the node has the address that it is to be reached by. ``there`` is the node's answer by address, or nothing."""
    if not isinstance(there, t.Mapping) or there.get(address, True):
        return []
    what = f"no interface of {name} has it, {address}, so the server cannot bind to it"
    return [Problem(f"qdrant_address of {name}", what, "Set it in the inventory to the address by which the other nodes reach the node (ip -brief address)")]


def check_expiry(warn_days: t.Any, fail_days: t.Any, validity_days: t.Any, renewed: bool) -> list[Problem]:
    """Return when to warn of the end of a certificate, and when to fail. ``renewed``: whether the roles renew it by themselves, at a third of its life."""
    limits = {"qdrant_tls_warn_days": warn_days, "qdrant_tls_fail_days": fail_days}
    problems = []
    for name, days in limits.items():
        if not str(days).isdigit() or isinstance(days, bool):
            problems.append(Problem(name, f"{days!r} is no number of days", "Write a whole number, 0 or more"))
    if problems:
        return problems
    if int(fail_days) > int(warn_days):
        remedy = "Write fewer days to qdrant_tls_fail_days than to qdrant_tls_warn_days"
        problems.append(Problem("qdrant_tls_fail_days", f"{fail_days} days are more than those of the warning, {warn_days}", remedy))
    if renewed and str(validity_days).isdigit() and int(fail_days) * 3 >= int(validity_days):
        what = f"a certificate of {validity_days} days is renewed when {int(validity_days) / 3:.1f} are left, and would fail before"
        problems.append(Problem("qdrant_tls_fail_days", what, "Write less than %.1f, or a longer qdrant_tls_validity_days" % (int(validity_days) / 3)))
    return problems


# --- the release -------------------------------------------------------------------------------------------------------


def parse_version(text: t.Any) -> Version | None:
    parts = [int(part) for part in _values.written(_values.version, text, "").split(".") if part]
    return (parts[0], parts[1], parts[2]) if parts else None


def check_checksums(pinned: t.Any, known: t.Mapping[str, t.Mapping[str, str]]) -> list[Problem]:
    """Return the digests that an inventory pins, by version and architecture. ``known`` are the collection's, which they must not contradict."""
    where, remedy = "qdrant_checksums", "Let hardened.qdrant.releases write it, or write {VERSION: {ARCHITECTURE: SHA-256}}, in small letters and quotes"
    if not isinstance(pinned, t.Mapping):
        return [Problem(where, "it is no mapping", remedy)]
    problems = []
    for version, digests in pinned.items():
        if parse_version(version) is None or not isinstance(digests, t.Mapping):
            problems.append(Problem(f"{where}.{_values.shown(version)}", "it is no version with a digest for each architecture", remedy))
            continue
        for architecture, digest in digests.items():
            place = f"{where}.{version}.{_values.shown(architecture)}"
            if architecture not in ARCHITECTURES or not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
                problems.append(Problem(place, "it is no SHA-256 of a release for {}".format(" or ".join(ARCHITECTURES)), remedy))
            elif known.get(version, {}).get(architecture, digest) != digest:
                what = "the collection knows another digest of upstream's file"
                problems.append(Problem(place, what, "Find out which of the two is upstream's; for a file of your own set qdrant_checksum"))
    return problems


def known_checksums(pinned: t.Any, known: t.Mapping[str, t.Mapping[str, str]]) -> dict[str, t.Mapping[str, str]]:
    """Return the digests by version and architecture that a node is checked against: the collection's, and the inventory's as far as they are any."""
    added = {version: digests for version, digests in pinned.items() if isinstance(digests, t.Mapping)} if isinstance(pinned, t.Mapping) else {}
    return {version: {**known.get(version, {}), **added.get(version, {})} for version in {**known, **added}}


def check_release(
    *, version: t.Any, checksum: t.Any, known: t.Mapping[str, t.Mapping[str, str]], architecture: str | None, file: str, url: str
) -> list[Problem]:
    """Return the server that is to be installed. ``known`` are pinned checksums by version and architecture."""
    problems = []
    if parse_version(version) is None:
        problems.append(Problem("qdrant_version", f"{_values.shown(version)} is no version", "Write it in quotes and in full, such as '1.19.0'"))
    if architecture and architecture not in ARCHITECTURES and not file:
        problems.append(Problem("qdrant_version", f"there is no release for {architecture}", "Give a build of your own in qdrant_binary_file"))
    digest = str(checksum or "").removeprefix("sha256:")
    if digest and not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        problems.append(Problem("qdrant_checksum", "it is no SHA-256", "Write the 64 hexadecimal digits that sha256sum prints"))
    if not digest and (file or architecture not in known.get(str(version), {})):
        what = "nothing is known of the file" if file else f"the checksum of version {version} for {architecture or 'this host'} is not known"
        remedy = f"Nothing unverified is installed: set it to the output of sha256sum {file or 'FILE, after downloading and checking the release'}"
        named = version if parse_version(version) else "VERSION"
        pin = f", or pin upstream's: ansible-playbook -i INVENTORY hardened.qdrant.releases -e qdrant_release={named}"
        problems.append(Problem("qdrant_checksum", what, remedy + ("" if file else pin)))
    if file and not os.path.isfile(file):
        problems.append(Problem("qdrant_binary_file", f"{file} is no file on the controller", "Write the path of the release's .tar.gz or binary"))
    if not file and not re.match(r"https://", url):
        problems.append(Problem("qdrant_download_url", "it is not an https URL", "Write one: a release without TLS can be exchanged on its way"))
    return problems


def versions_run(states: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[tuple[Version, str]]:
    """Return the versions that the nodes run, or ran last, each with whose it is, in ascending order. ``states`` are by host what qdrant_node_info said.

    What a cluster says of its peers counts as well, for it knows those that this run does not see. The release that is installed counts only where
    nothing else is known: after a failed upgrade it is one that never ran.
    """
    found: dict[Version, str] = {}
    for host, state in sorted(states.items()):
        version = parse_version(state.get("running_version"))
        if version:
            found.setdefault(version, f"{host} runs")
    for host, state in sorted(states.items()):
        listed = state.get("cluster_versions")
        for text in listed if isinstance(listed, list) else []:
            version = parse_version(text)
            if version:
                found.setdefault(version, f"a peer of {host} runs")
    if not found:
        for host, state in sorted(states.items()):
            version = parse_version(state.get("installed_version"))
            if version:
                found.setdefault(version, f"is installed on {host}")
    return sorted(found.items())


def check_upgrade(states: t.Mapping[str, t.Mapping[str, t.Any]], version: t.Any, accepted: t.Collection[str]) -> list[Problem]:
    """Return the problems of an upgrade, judged against the lowest and the highest version of the cluster (``versions_run``).

    Qdrant reads data of the minor version before, and of no later one.
    """
    new, there = parse_version(version), versions_run(states)
    if new is None or not there or "version-jump" in accepted:
        return []
    (lowest, low), (highest, high) = there[0], there[-1]
    if new < highest:
        return [_way_back(str(version), _version_text(highest), high)]
    if new[0] != lowest[0] or new[1] > lowest[1] + 1:
        step = "%d.%d" % (lowest[0], lowest[1] + 1)
        what = f"{version} skips minor versions after {_version_text(lowest)}, which {low}. The next step is {step}"
        return [risk_problem("qdrant_version", what, "version-jump")]
    return []


def _version_text(version: Version) -> str:
    return "%d.%d.%d" % version


def _way_back(version: str, highest: str, whose: str) -> Problem:
    """Return the refusal of an older version, with the one way there is: the data of then."""
    return Problem(
        "qdrant_version",
        f"{version} is older than {highest}, which {whose}. Qdrant has no way back: a newer server may have changed the data for good, and an older one then "
        "fails to load it, or loses a part",
        f"Keep {highest} or a later one. If it must be {version}, take the data from a backup: start nodes with an empty qdrant_data_dir and {version}, and "
        "restore snapshots that a server of that version, or of an earlier one, made (docs/troubleshooting.md, A way back). If no server of the newer version "
        "ever wrote to the data, accept the risk: qdrant_accepted_risks: [{risk: version-jump, reason: why}]",
    )


# --- paths and risks ---------------------------------------------------------------------------------------------------


def check_paths(folders: t.Mapping[str, t.Any]) -> list[Problem]:
    """Return folders by the variable that sets them: absolute, and none within another."""
    problems = []
    for name, folder in folders.items():
        try:
            good = _values.path(folder).count("/") > 1
        except _values.BadValue:
            good = False
        if not good:
            remedy = "Write an absolute path of two parts or more, of letters, digits and . _ - + @, without .. or a slash at its end"
            problems.append(Problem(name, f"{_values.shown(folder)} cannot be used as a folder", remedy))
    items = [(name, folder) for name, folder in folders.items() if isinstance(folder, str)]
    for position, (name, folder) in enumerate(items):
        for other_name, other in items[position + 1 :]:
            if (folder + "/").startswith(other + "/") or (other + "/").startswith(folder + "/"):
                problems.append(Problem(f"{name}, {other_name}", "one lies within the other", "Keep them apart"))
    return problems


def risk_problem(where: str, what: str, risk: str) -> Problem:
    """Return a refusal that can be overruled."""
    remedy = f"Change it, or accept the risk: qdrant_accepted_risks: [{{risk: {risk}, reason: why}}]"
    return Problem(where, what, remedy)


def accepted_risks(entries: t.Any) -> tuple[dict[str, str], list[Problem]]:
    """Return reasons by risk, and what is wrong with the list."""
    accepted: dict[str, str] = {}
    problems = []
    for entry in entries if isinstance(entries, list) else [entries]:
        if not isinstance(entry, dict) or not isinstance(entry.get("risk"), str):
            problems.append(Problem("qdrant_accepted_risks", "an entry is not {risk: NAME, reason: TEXT}", "Write both"))
        elif entry["risk"] not in RISK_NAMES:
            problems.append(Problem("qdrant_accepted_risks", "there is no risk {!r}".format(entry["risk"]), "Risks are: {}".format(", ".join(RISK_NAMES))))
        elif not str(entry.get("reason") or "").strip():
            problems.append(Problem("qdrant_accepted_risks", "{} is accepted without a reason".format(entry["risk"]), "Write one: you will be asked"))
        else:
            accepted[entry["risk"]] = str(entry["reason"])
    return accepted, problems


def check_risks(weakened: t.Sequence[Risk], bind_all: bool, accepted: t.Mapping[str, str]) -> Findings:
    """Return risks that the settings run, against those that were accepted."""
    found = Findings()
    for risk in weakened:
        if risk.name not in accepted:
            found.problems.append(risk_problem(f"qdrant_config.{risk.path}", f"{risk.why}", risk.name))
    if bind_all and "bind-all-addresses" not in accepted:
        found.problems.append(risk_problem("qdrant_address", OTHER_RISKS["bind-all-addresses"], "bind-all-addresses"))
    running = {risk.name for risk in weakened} | ({"bind-all-addresses"} if bind_all else set()) | set(OTHER_RISKS)
    for name in accepted:
        if name not in running:
            found.warnings.append(f"qdrant_accepted_risks names {name}, which no setting runs. Remove it.")
    return found


def check_inference(address: t.Any, targets: t.Sequence[t.Mapping[str, t.Any]], accepted: t.Collection[str]) -> list[Problem]:
    """Return whether a service for inference is asked in clear, or is none of the places that the server may connect to.

    :param targets: as of ``_network.targets``. The message does not hold the address, which may have a password in it.
    """
    if not isinstance(address, str) or "inference-address" in accepted:
        return []
    where = "qdrant_config.inference.address"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or 443
    except ValueError:
        return [Problem(where, "it is no URL", "Write https://HOST:PORT/PATH")]
    if parts.scheme != "https":
        return [risk_problem(where, f"it is not an https URL, and {OTHER_RISKS['inference-address']} in clear", "inference-address")]
    if any(target["port"] == port and (host == target.get("name") or _lies_in(host, target["address"])) for target in targets):
        return []
    what = f"qdrant_firewall_targets does not name it, and {OTHER_RISKS['inference-address']}"
    remedy = f"Add its {{host: NAME, port: {port}}} to qdrant_firewall_targets, or accept the risk: qdrant_accepted_risks: "
    return [Problem(where, what, remedy + "[{risk: inference-address, reason: why}]")]


def _lies_in(host: str, network: str) -> bool:
    """Return whether a host is an address of a network."""
    return _is_ip(host) and ipaddress.ip_address(host) in ipaddress.ip_network(network)


def bootstrap(name: str, names: t.Sequence[str], states: t.Mapping[str, t.Mapping[str, t.Any]], uris: t.Mapping[str, str], cluster: bool) -> str:
    """Return the URI of the node that a node joins the cluster through; empty for none.

    An initialised node keeps what its unit says, for Qdrant looks at it once. A fresh one joins through an initialised node if there
    is any, and else through the group's first, which joins nobody.
    """
    if not cluster:
        return ""
    state = states.get(name, {})
    if state.get("initialised") and state.get("bootstrap") is not None:
        return _observed_uri(state["bootstrap"])
    members = [host for host in names if host != name and states.get(host, {}).get("initialised")]
    target = members[0] if members else names[0]
    return "" if target == name else uris[target]


def _observed_uri(value: t.Any) -> str:
    """What a node's unit says of whom it joined through, written anew; empty where that is no peer's URI, for Qdrant looks at it once."""
    return _values.written(_values.uri, value, "")
