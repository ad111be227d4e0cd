# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which firewalls a host has, which of them filter, and what they say of Qdrant's ports. Reads only.

ufw and firewalld are told whom to let pass, by rules that carry a mark, so that the collection knows its own again and leaves others'
alone: in ufw a comment, in firewalld, whose rules have none, an unusual priority.
"""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _read
from ansible_collections.hardened.qdrant.plugins.module_utils._firewall import element_text
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

COMMENT = "hardened.qdrant"
PRIORITY = -6335
FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")

Json = t.Dict[str, t.Any]


def installed(program: str, folders: t.Iterable[str] = FOLDERS) -> bool:
    """Return whether a program is there."""
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in folders)


# --- ufw ---------------------------------------------------------------------------------------------------------------

UFW_OWN = re.compile(r"ufw allow from (\S+) to any port ([0-9,]+) proto tcp comment '%s'" % re.escape(COMMENT))
UFW_SETTINGS = "/etc/default/ufw"
UFW_PORT = re.compile(r"\b(\d+)(?::(\d+))?(?=[,/ ]|$)")


def parse_ufw(text: str, ports: t.Collection[int]) -> Json:
    """Return the output of ``ufw show added``: own rules as [{address, ports}], and the lines of others that name one of the ports."""
    own, foreign = [], []
    for line in text.splitlines():
        match = UFW_OWN.fullmatch(line.strip())
        if match:
            own.append({"address": match[1], "ports": sorted(map(int, match[2].split(",")))})
        elif line.startswith("ufw ") and _names_port(_without_addresses(line), ports):
            foreign.append(line.strip())
    return {"own": own, "foreign": foreign}


def _without_addresses(line: str) -> str:
    """Return a rule of ufw without comment and addresses, whose digits are no ports."""
    return re.sub(r"\b(from|to) \S+", "", line.split(" comment ")[0])


def _names_port(text: str, ports: t.Collection[int]) -> bool:
    for match in UFW_PORT.finditer(text):
        first, last = int(match[1]), int(match[2] or match[1])
        if any(first <= port <= last for port in ports):
            return True
    return False


def ufw_ipv6(text: str) -> bool:
    """Return whether ufw lets anything of IPv6 in at all: its settings, /etc/default/ufw, say so. The last line counts, as in a shell."""
    values = re.findall(r"^\s*IPV6=[\"']?(\w*)", text, re.MULTILINE)
    return bool(values) and values[-1].lower() == "yes"


def ufw(ports: t.Collection[int], run: Run, settings: str = UFW_SETTINGS) -> Json:
    """Return whether ufw filters, whether it can let IPv6 in, and its rules. {active, ipv6, own, foreign}"""
    _code, status, _error = run(["ufw", "status"])
    _code, added, _error = run(["ufw", "show", "added"])
    try:
        ipv6 = ufw_ipv6(_read.text(settings))
    except OSError:
        ipv6 = False
    return {"active": status.startswith("Status: active"), "ipv6": ipv6, **parse_ufw(added, ports)}


# --- firewalld ---------------------------------------------------------------------------------------------------------

RICH_OWN = re.compile(
    r'rule priority="%d" family="ipv[46]" source address="([^"]+)" port port="(\d+)" protocol="tcp" accept' % PRIORITY
)


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
        found += ["zone %s: port %s" % (name, port) for port in zone["ports"] if _names_port(port.replace("-", ":"), ports)]
        for rule in zone["rules"]:
            named = " ".join(re.findall(r'(?<!source-)port port="([0-9-]+)"', rule)).replace("-", ":")
            if not RICH_OWN.fullmatch(rule) and _names_port(named, ports):
                found.append("zone %s: %s" % (name, rule))
    return found


def firewalld(ports: t.Collection[int], run: Run) -> Json:
    """Return whether firewalld filters, the zones that packets come in by, and its rules. {active, zones, own, halves, foreign}

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


# --- others ------------------------------------------------------------------------------------------------------------

# ufw and firewalld are asked themselves.
SPOKEN_FOR = re.compile(r"^(inet|ip|ip6) (hardened_qdrant|firewalld)$")


def foreign_rules(objects: t.Sequence[t.Mapping[str, t.Any]], ports: t.Collection[int]) -> list[str]:
    """Return rules of other tables that name one of the ports, in words. ``objects`` is "nftables" of ``nft --json list ruleset``."""
    found = []
    for entry in objects:
        rule = entry.get("rule", {})
        table = "%s %s" % (rule.get("family"), rule.get("table"))
        if not rule or SPOKEN_FOR.match(table) or str(rule.get("chain")).startswith("ufw"):
            continue
        named = False
        for part in rule.get("expr", []):
            left = part.get("match", {}).get("left") if isinstance(part, dict) else None
            if isinstance(left, dict) and left.get("payload", {}).get("field") == "dport":
                right = part["match"]["right"]
                elements = right["set"] if isinstance(right, dict) and "set" in right else right if isinstance(right, list) else [right]
                named = named or _names_port(" ".join(element_text(element).replace("-", ":") for element in elements), ports)
        if named:
            verdicts = [name for part in rule["expr"] if isinstance(part, dict) for name in part if name in VERDICTS]
            found.append("table %s, chain %s: %s" % (table, rule["chain"], ", ".join(verdicts) or "no verdict"))
    return found


VERDICTS = ("accept", "drop", "reject", "redirect", "dnat", "jump", "goto", "queue", "return", "xt")


def observe(ports: t.Collection[int], run: Run) -> Json:
    """Return the host's firewalls: {ufw, firewalld} as above, null where it is not installed, and ``foreign`` rules in other tables."""
    foreign: list[str] = []
    if installed("nft"):
        code, output, _error = run(["nft", "--json", "list", "ruleset"])
        if code == 0 and output.strip():
            foreign = foreign_rules(json.loads(output).get("nftables", []), ports)
    return {
        "ufw": ufw(ports, run) if installed("ufw") else None,
        "firewalld": firewalld(ports, run) if installed("firewall-cmd") else None,
        "foreign": foreign,
    }
