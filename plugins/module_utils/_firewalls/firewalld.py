# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What firewalld says of Qdrant's ports, and which rules it is to have. Reads only."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils._firewalls.base import Backend, Json, names_port
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

PRIORITY = -6335
RICH_OWN = re.compile(r'rule priority="%d" family="ipv[46]" source address="([^"]+)" port port="(\d+)" protocol="tcp" accept' % PRIORITY)


def rich_rule(address: str, port: int) -> str:
    """Return the rule that lets an address to a port, word by word as firewalld lists it."""
    family = "ipv6" if ":" in address else "ipv4"
    return 'rule priority="%d" family="%s" source address="%s" port port="%d" protocol="tcp" accept' % (PRIORITY, family, address, port)


def parse_zones(text: str) -> dict[str, Json]:
    """Return the output of ``firewall-cmd --list-all-zones``: by zone whether it is active, its ports, and its rich rules."""
    zones: dict[str, Json] = {}
    zone: Json = {}
    for line in text.splitlines():
        head = re.fullmatch(r"(\S+)(?: \(([a-z, ]+)\))?", line)
        if head and not line[:1].isspace():
            zone = zones.setdefault(head[1], {"active": "active" in (head[2] or ""), "ports": [], "rules": []})
        elif line.startswith("\trule ") and zone:
            zone["rules"].append(line.strip())
        elif line.startswith("  ports:") and zone:
            zone["ports"] = line.partition(":")[2].split()
    return zones


def own_rich_rules(zones: t.Mapping[str, Json]) -> list[Json]:
    """Return the collection's rules in some zones, as [{zone, address, port, rule}]."""
    found = []
    for name, zone in sorted(zones.items()):
        for rule in zone["rules"]:
            match = RICH_OWN.fullmatch(rule)
            if match:
                found.append({"zone": name, "address": match[1], "port": int(match[2]), "rule": rule})
    return found


def foreign_rich_rules(zones: t.Mapping[str, Json], ports: t.Collection[int]) -> list[str]:
    """Return the rules of others that admit to the ports, or keep from them, in words."""
    found = []
    for name, zone in sorted(zones.items()):
        found += [f"zone {name}: port {port}" for port in zone["ports"] if names_port(port.replace("-", ":"), ports)]
        for rule in zone["rules"]:
            named = " ".join(re.findall(r'(?<!source-)port port="([0-9-]+)"', rule)).replace("-", ":")
            if not RICH_OWN.fullmatch(rule) and names_port(named, ports):
                found.append(f"zone {name}: {rule}")
    return found


class Firewalld(Backend):
    """firewalld. Its rules have no comments; the collection's are known again by their priority."""

    name = "firewalld"
    program = "firewall-cmd"

    def observe(self, ports: t.Collection[int], run: Run) -> Json:
        """Return whether firewalld filters, the zones that packets come in by, and its rules: {active, zones, own, halves, foreign}.

        ``own`` are rules that hold now and after a reload, ``halves`` those that hold in only one of both.
        """
        code, _output, _error = run(["firewall-cmd", "--state"])
        if code != 0:
            return {"active": False, "zones": [], "own": [], "halves": [], "foreign": []}
        _code, default, _error = run(["firewall-cmd", "--get-default-zone"])
        _code, now, _error = run(["firewall-cmd", "--list-all-zones"])
        _code, later, _error = run(["firewall-cmd", "--permanent", "--list-all-zones"])
        zones = parse_zones(now)
        running, permanent = own_rich_rules(zones), own_rich_rules(parse_zones(later))
        return {
            "active": True,
            "zones": sorted({default.strip()} | {name for name, zone in zones.items() if zone["active"]}),
            "own": [rule for rule in running if rule in permanent],
            "halves": [rule for rule in running + permanent if not (rule in running and rule in permanent)],
            "foreign": foreign_rich_rules(zones, ports),
        }

    def wanted(self, passes: t.Sequence[t.Mapping[str, t.Any]], seen: t.Mapping[str, t.Any]) -> list[Json]:
        """Return one entry a zone, address and port, in this order; each with its rule, word by word as firewalld lists it."""
        return [
            {"zone": zone, "address": entry["address"], "port": port, "rule": rich_rule(entry["address"], port)}
            for zone in seen.get("zones") or []
            for entry in passes
            for port in entry["ports"]
        ]

    def speaks_for(self, table: str, chain: str) -> bool:
        return table.partition(" ")[2] == "firewalld"
