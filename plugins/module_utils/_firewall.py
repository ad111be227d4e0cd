# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One table of nftables: whether the kernel has it as its file says, and how both are replaced."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import shlex
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.hardened.qdrant.plugins.module_utils import _files, _read
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run


class FirewallError(Exception):
    """nft refused something; the message is its own, and says where."""


class ForeignError(Exception):
    """A table or a file of the same name is somebody else's; the message says which, and what to do."""


def listing(table: str, run: Run) -> str:
    """Return the table in the kernel, without counters' values; empty if there is none. ``table`` is "FAMILY NAME"."""
    code, output, _error = run(["nft", "--stateless", "list", "table", *table.split()])
    return output if code == 0 else ""


def rehearse(table: str, path: str, run: Run) -> str:
    """Return the ``listing`` to come once the file is loaded: it is loaded for real, into a network namespace that ends at once.

    That is a stricter check than ``nft --check``, and the only way to compare a file with the kernel word by word.
    """
    script = f'nft --file "$0" && exec nft --stateless list table {table}'
    for _attempt in range(3):
        code, output, error = run(["unshare", "--net", "sh", "-c", script, path])
        if not error.startswith("unshare:"):
            break
        # No namespace was to be had just now: the kernel frees those that ended a little later.
        time.sleep(0.5)
    else:
        raise OSError(f"no network namespace to rehearse in: {error.strip()}")
    if code != 0:
        raise FirewallError(error.strip() or output.strip() or "nft failed")
    return output


def differences(table: str, path: str, run: Run) -> list[str]:
    """Return the lines that the kernel has more (+) or less (-) than the file, without the lines around; empty if they agree.

    Raises OSError where that cannot be told.
    """
    try:
        wanted = rehearse(table, path, run)
    except FirewallError as error:
        return [f"nft refuses the file: {str(error).splitlines()[0]}"]
    live = listing(table, run)
    if not live:
        raise OSError("the table could not be listed")
    lines = difflib.unified_diff(wanted.splitlines(), live.splitlines(), lineterm="", n=0)
    return [re.sub(r"\s+", " ", line) for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]


def load(path: str, run: Run) -> None:
    """Load the file. nft applies a file as one transaction: the kernel has the old rules or the new ones, nothing between."""
    code, output, error = run(["nft", "--file", path])
    if code != 0:
        raise FirewallError(error.strip() or output.strip())


def read(path: str) -> str:
    """Return the file's text; empty where there is none."""
    try:
        return _read.text(path)
    except OSError:
        return ""


# --- whose they are ----------------------------------------------------------------------------------------------------

UNIT_FILE = "/etc/systemd/system/qdrant-firewall.service"
# The chain that every release of the role has had.
CHAIN = "guard"


def chains(text: str) -> set[str]:
    """Return the names of the chains that a table's text defines."""
    return set(re.findall(r"^\s*chain (\S+) \{", text, re.MULTILINE))


def is_own_table(live: str, *texts: str) -> bool:
    """Return whether a table in the kernel is the role's: empty, or with a chain of the role's or of one of the texts that it is made from.

    A run that was killed leaves a table before its file. So the table is known by itself.
    """
    found = chains(live)
    return not found or bool(found & chains("\n".join((*texts, f"chain {CHAIN} {{"))))


def is_own_file(table: str, path: str, text: str, unit_file: str = UNIT_FILE) -> bool:
    """Return whether a file is the table's: empty, or it speaks of the table, or the guard's unit loads it."""
    if not text.strip() and os.path.isfile(path):
        return True
    named = r"table\s+{}\b".format(re.escape(table).replace(r"\ ", r"\s+"))
    loaded = re.search(rf"--file {re.escape(path)}$", read(unit_file), re.MULTILINE)
    return re.search(named, text) is not None or loaded is not None


def refuse_foreign(table: str, path: str, live: str, *texts: str) -> None:
    """Make sure that neither table nor file is somebody else's.

    :raises ForeignError: one is.
    """
    before = read(path)
    if live and not is_own_table(live, before, *texts):
        what = "the table %s was not made by this collection, and stays as it is. See it with nft list table %s; if nobody needs it, nft delete table %s"
        raise ForeignError(what % (table, table, table))
    if os.path.lexists(path) and not is_own_file(table, path, before):
        raise ForeignError(f"{path} was not made by this collection, and stays as it is. Name another file, or move it away")


# --- the way back ------------------------------------------------------------------------------------------------------

ROLLBACK_UNIT = "qdrant-firewall-rollback"
ROLLBACK_FOLDER = "/run/hardened-qdrant-firewall"


def rollback_script(table: str, path: str, folder: str, had_table: bool, had_file: bool) -> str:
    """Return a shell script that undoes a load: the kernel's rules and the file as they were before.

    Where there was no guard before, there must be no Qdrant after either: stopping the guard's unit stops what requires it.
    """
    lines = [] if had_table else ["systemctl stop qdrant-firewall.service || true"]
    lines.append("nft --file {}".format(shlex.quote(os.path.join(folder, "table.nft"))))
    lines.append(("mv -f {} {}".format(shlex.quote(os.path.join(folder, "file")), shlex.quote(path))) if had_file else f"rm -f {shlex.quote(path)}")
    return "\n".join(["set -e", *lines, ""])


def armed(run: Run) -> bool:
    """Return whether a rollback is on its way."""
    code, _output, _error = run(["systemctl", "is-active", "--quiet", ROLLBACK_UNIT + ".timer"])
    return code == 0


def arm(table: str, path: str, seconds: int, run: Run, folder: str = ROLLBACK_FOLDER) -> None:
    """Have systemd put back table and file after some seconds, unless ``disarm`` comes first.

    Where a rollback is on its way already, by a run that was killed, it goes back to what that one kept: the last state that was confirmed.
    """
    if armed(run):
        run(["systemctl", "stop", ROLLBACK_UNIT + ".timer"])
    else:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        live, before = listing(table, run), read(path)
        contents = {"table.nft": f"table {table}\ndelete table {table}\n{live}"}
        if before:
            contents["file"] = before
        contents["undo.sh"] = rollback_script(table, path, folder, bool(live), bool(before))
        for name, content in contents.items():
            _files.atomic_write(os.path.join(folder, name), content.encode("utf-8"))
    run(["systemctl", "reset-failed", ROLLBACK_UNIT + ".service"])
    timer = ["systemd-run", "--quiet", "--collect", "--unit=" + ROLLBACK_UNIT, "--on-active=%ds" % seconds, "--timer-property=AccuracySec=1s"]
    code, output, error = run([*timer, "/bin/sh", os.path.join(folder, "undo.sh")])
    if code != 0:
        raise FirewallError("the way back cannot be prepared: %s" % (error.strip() or output.strip()))


def disarm(run: Run, folder: str = ROLLBACK_FOLDER) -> bool:
    """Keep what was loaded. Returns whether a rollback was still on its way; if not, it has happened."""
    if not armed(run):
        return False
    code, output, error = run(["systemctl", "stop", ROLLBACK_UNIT + ".timer"])
    if code != 0:
        raise FirewallError(error.strip() or output.strip())
    for name in ("table.nft", "file", "undo.sh"):
        if os.path.exists(os.path.join(folder, name)):
            os.unlink(os.path.join(folder, name))
    return True


def counters(objects: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, dict[str, int]]:
    """Return the table's named counters: {name: {packets, bytes}}."""
    found = [entry["counter"] for entry in objects if "counter" in entry]
    return {counter["name"]: {"packets": counter["packets"], "bytes": counter["bytes"]} for counter in found}


# --- what a table does to a packet -------------------------------------------------------------------------------------

Objects = t.Sequence[t.Mapping[str, t.Any]]  # "nftables" of nft --json: libnftables-json(5)
INCOMING = ("prerouting", "ingress", "input")
EVERYONE = {"ipv4": ("0.0.0.0/0", "0.0.0.0-255.255.255.255"), "ipv6": ("::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}
ADDRESS = {"ip": "ipv4", "ip6": "ipv6"}


def element_text(element: t.Any) -> str:
    """Return an element of a set, as nft's JSON has it, in its usual notation."""
    if isinstance(element, dict) and "prefix" in element:
        return "%s/%d" % (element["prefix"]["addr"], element["prefix"]["len"])
    if isinstance(element, dict) and "range" in element:
        return "-".join(map(str, element["range"]))
    if isinstance(element, dict) and "elem" in element:
        return element_text(element["elem"]["val"])
    return str(element)


def named_sets(objects: Objects) -> dict[str, list[str]]:
    """Return the table's sets by name, their elements in the usual notation."""
    return {entry["set"]["name"]: [element_text(element) for element in entry["set"].get("elem", [])] for entry in objects if "set" in entry}


def _elements(right: t.Any, sets: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    """Return the right side of a match as a list: a named set's elements, an anonymous set's, or the one value."""
    if isinstance(right, str) and right.startswith("@"):
        return list(sets.get(right[1:], ()))
    if isinstance(right, dict) and "set" in right:
        return [element_text(element) for element in right["set"]]
    if isinstance(right, list):
        return [element_text(element) for element in right]
    return [element_text(right)]


def _holds_port(elements: t.Iterable[str], port: int) -> bool:
    for element in elements:
        first, _dash, last = element.partition("-")
        if first.isdigit() and int(first) <= port <= int(last or first):
            return True
    return False


@dataclass(frozen=True)
class Packet:
    """The first packet of a TCP connection over a family (``ipv4``, ``ipv6``) to a port.

    It is a stranger's, or, where ``users`` are named, the server's to a stranger. A stranger has an address that no set and no rule names,
    unless they name everyone.

    Where the server is in a container, its network has an interface on the host, ``bridge``; what comes from there is ``inside``, and goes to a
    stranger or, ``to_host``, to a port of the host.
    """

    family: str
    port: int
    users: tuple[str, ...] = ()
    bridge: str = ""
    inside: bool = False
    to_host: bool = False

    @property
    def hooks(self) -> tuple[str, ...]:
        if self.inside:
            return ("prerouting", "input") if self.to_host else ("prerouting", "forward", "postrouting")
        return ("output", "postrouting") if self.users else INCOMING

    @property
    def strangers_field(self) -> str:
        return "daddr" if self.users or self.inside else "saddr"


# A port that programs get for connections of their own.
OWN_PORT = 50000


def _matches(match: t.Mapping[str, t.Any], packet: Packet, sets: t.Mapping[str, t.Sequence[str]]) -> bool | None:
    """Return whether a packet fits a match; None where that cannot be told."""
    left, elements = match["left"], _elements(match["right"], sets)
    outcome: bool | None = None
    if isinstance(left, dict) and "payload" in left:
        protocol, field = left["payload"].get("protocol"), left["payload"].get("field")
        if protocol in ("tcp", "th") and field in ("dport", "sport"):
            outcome = _holds_port(elements, packet.port if field == "dport" else OWN_PORT)
        elif protocol in ("udp", "icmp", "icmpv6", "sctp") or (protocol in ADDRESS and ADDRESS[protocol] != packet.family):
            return False
        elif protocol in ADDRESS and field == packet.strangers_field:
            outcome = any(element in EVERYONE[packet.family] for element in elements)
    elif isinstance(left, dict) and "meta" in left:
        key = left["meta"].get("key")
        if key == "nfproto":
            outcome = packet.family in elements
        elif key == "l4proto":
            outcome = "tcp" in elements or "6" in elements
        elif key in ("iif", "iifname", "oif", "oifname") and elements == ["lo"]:
            outcome = False
        elif key in ("iif", "iifname", "oif", "oifname") and packet.bridge and elements == [packet.bridge]:
            outcome = packet.inside and key.startswith("iif")
        elif key == "skuid" and packet.users:
            outcome = any(element in packet.users for element in elements)
    elif isinstance(left, dict) and left.get("ct", {}).get("key") == "state":
        outcome = "new" in elements
    if outcome is None:
        return None
    return not outcome if match.get("op") == "!=" else outcome


def _walk(chain: str, rules: t.Mapping[str, list[t.Any]], packet: Packet, sets: t.Mapping[str, t.Sequence[str]], depth: int = 0) -> str:
    """Return ``drop``, ``accept`` or ``continue``: what a chain does for certain; where a rule only may accept, it counts as accepting."""
    if depth > 16:  # as deep as the kernel goes
        return "accept"
    for rule in rules.get(chain, ()):
        matches = [_matches(entry["match"], packet, sets) for entry in rule if "match" in entry]
        if False in matches:
            continue
        # A rule with a limit holds for some packets only.
        certain = None not in matches and not any("limit" in entry for entry in rule)
        for entry in rule:
            verdict = next((name for name in ("accept", "drop", "reject", "return", "jump", "goto", "queue") if name in entry), "")
            if verdict in ("drop", "reject") and certain:
                return "drop"
            if verdict in ("accept", "queue"):
                return "accept"
            if verdict == "return" and certain:
                return "continue"
            if verdict in ("jump", "goto"):
                inner = _walk(entry[verdict]["target"], rules, packet, sets, depth + 1)
                if inner == "accept" or (inner == "drop" and certain):
                    return inner
                if verdict == "goto" and certain:
                    return "continue"
    return "continue"


def _verdict(objects: Objects, packet: Packet) -> str:
    """Return ``drop`` if the table certainly drops the packet; else ``accept``."""
    tables = [entry["table"] for entry in objects if "table" in entry]
    if tables and tables[0]["family"] in ADDRESS and ADDRESS[tables[0]["family"]] != packet.family:
        return "accept"  # a table of the other family does not see the packet
    sets = named_sets(objects)
    rules: dict[str, list[t.Any]] = {}
    for entry in objects:
        if "rule" in entry:
            rules.setdefault(entry["rule"]["chain"], []).append(entry["rule"].get("expr", []))
    for entry in objects:
        chain = entry.get("chain", {})
        if chain.get("hook") in packet.hooks:
            outcome = _walk(chain["name"], rules, packet, sets)
            if outcome == "drop" or (outcome == "continue" and chain.get("policy") == "drop"):
                return "drop"
    return "accept"


def stranger_verdict(objects: Objects, family: str, port: int, bridge: str = "") -> str:
    """Return ``drop`` if the table certainly drops a stranger's packets to a TCP port over a family (``ipv4``, ``ipv6``); else ``accept``."""
    return _verdict(objects, Packet(family, port, bridge=bridge))


def server_verdict(objects: Objects, family: str, port: int, users: t.Sequence[str], bridge: str = "") -> str:
    """Return ``drop`` if the table certainly drops or rejects what a user (as rules may name it) sends to a stranger's port; else ``accept``."""
    return _verdict(objects, Packet(family, port, tuple(users), bridge))


def container_verdict(objects: Objects, family: str, port: int, bridge: str, to_host: bool = False) -> str:
    """Return ``drop`` if the table certainly drops or rejects what a container behind an interface sends to a stranger's port, or to one of the host's."""
    return _verdict(objects, Packet(family, port, bridge=bridge, inside=True, to_host=to_host))


# --- whom the sets name ------------------------------------------------------------------------------------------------

Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def networks(elements: t.Iterable[str]) -> list[Network]:
    """Return addresses, networks and ranges as the fewest networks that hold the same addresses; IPv4 first."""
    found: dict[int, list[t.Any]] = {4: [], 6: []}
    for element in elements:
        first, _dash, last = element.partition("-")
        several = ipaddress.summarize_address_range(ipaddress.ip_address(first), ipaddress.ip_address(last)) if last else [ipaddress.ip_network(element)]
        for network in several:
            found[network.version].append(network)
    return [network for version in (4, 6) for network in ipaddress.collapse_addresses(found[version])]


def beside(sets: t.Mapping[str, t.Sequence[str]], named: t.Mapping[str, t.Sequence[str]]) -> dict[str, list[str]]:
    """Return where the table's sets differ from whom the inventory names, by ``peers`` and ``clients``: {missing, unwanted}, as "peers ADDRESS"."""
    result: dict[str, list[str]] = {"missing": [], "unwanted": []}
    for kind, addresses in sorted(named.items()):
        live = networks([element for family in ("4", "6") for element in sets.get(kind + family, ())])
        wanted = networks(addresses)
        result["missing"] += [f"{kind} {network}" for network in wanted if network not in live]
        result["unwanted"] += [f"{kind} {network}" for network in live if network not in wanted]
    return result
