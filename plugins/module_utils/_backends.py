# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which firewalls a host has, which of them filter, and what they say of Qdrant's ports. Reads only."""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils._firewall import element_text
from ansible_collections.hardened.qdrant.plugins.module_utils._firewalls import base
from ansible_collections.hardened.qdrant.plugins.module_utils._firewalls.firewalld import Firewalld
from ansible_collections.hardened.qdrant.plugins.module_utils._firewalls.ufw import Ufw
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

# All there are, in the order in which an active one is told. A module is sent what it imports by name, so they are named here, and here alone.
BACKENDS: tuple[base.Backend, ...] = (Firewalld(), Ufw())
FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")
OWN = re.compile(r"^(inet|ip|ip6) hardened_qdrant$")


def installed(program: str, folders: t.Iterable[str] = FOLDERS) -> bool:
    """Return whether a program is there."""
    return any(os.access(os.path.join(folder, program), os.X_OK) for folder in folders)


def foreign_rules(objects: t.Sequence[t.Mapping[str, t.Any]], ports: t.Collection[int]) -> list[str]:
    """Return rules of other tables that name one of the ports, in words. ``objects`` is "nftables" of ``nft --json list ruleset``."""
    found = []
    for entry in objects:
        rule = entry.get("rule", {})
        table = "{} {}".format(rule.get("family"), rule.get("table"))
        if not rule or OWN.match(table) or any(backend.speaks_for(table, str(rule.get("chain"))) for backend in BACKENDS):
            continue
        named = False
        for part in rule.get("expr", []):
            left = part.get("match", {}).get("left") if isinstance(part, dict) else None
            if isinstance(left, dict) and left.get("payload", {}).get("field") == "dport":
                right = part["match"]["right"]
                elements = right["set"] if isinstance(right, dict) and "set" in right else right if isinstance(right, list) else [right]
                named = named or base.names_port(" ".join(element_text(element).replace("-", ":") for element in elements), ports)
        if named:
            verdicts = [name for part in rule["expr"] if isinstance(part, dict) for name in part if name in VERDICTS]
            found.append("table {}, chain {}: {}".format(table, rule["chain"], ", ".join(verdicts) or "no verdict"))
    return found


VERDICTS = ("accept", "drop", "reject", "redirect", "dnat", "jump", "goto", "queue", "return", "xt")


def observe(ports: t.Collection[int], run: Run) -> base.Json:
    """Return the host's firewalls: by name what each says, null where it is not installed, and ``foreign`` rules in other tables."""
    foreign: list[str] = []
    if installed("nft"):
        code, output, _error = run(["nft", "--json", "list", "ruleset"])
        if code == 0 and output.strip():
            foreign = foreign_rules(json.loads(output).get("nftables", []), ports)
    return {
        **{backend.name: backend.observe(ports, run) if installed(backend.program) else None for backend in BACKENDS},
        "foreign": foreign,
    }
