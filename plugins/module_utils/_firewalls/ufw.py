# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ufw says of Qdrant's ports, and which rules it is to have. Reads only."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _read
from ansible_collections.hardened.qdrant.plugins.module_utils._firewalls.base import Backend, Json, names_port
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

COMMENT = "hardened.qdrant"
OWN = re.compile(rf"ufw allow from (\S+) to any port ([0-9,]+) proto tcp comment '{re.escape(COMMENT)}'")
SETTINGS = "/etc/default/ufw"


def parse(text: str, ports: t.Collection[int]) -> Json:
    """Return the output of ``ufw show added``: own rules as [{address, ports}], and the lines of others that name one of the ports."""
    own, foreign = [], []
    for line in text.splitlines():
        match = OWN.fullmatch(line.strip())
        if match:
            own.append({"address": match[1], "ports": sorted(map(int, match[2].split(",")))})
        elif line.startswith("ufw ") and names_port(_without_addresses(line), ports):
            foreign.append(line.strip())
    return {"own": own, "foreign": foreign}


def _without_addresses(line: str) -> str:
    """Return a rule of ufw without comment and addresses, whose digits are no ports."""
    return re.sub(r"\b(from|to) \S+", "", line.split(" comment ")[0])


def takes_ipv6(text: str) -> bool:
    """Return whether ufw lets anything of IPv6 in at all: its settings, /etc/default/ufw, say so. The last line counts, as in a shell."""
    values = re.findall(r"^\s*IPV6=[\"']?(\w*)", text, re.MULTILINE)
    return bool(values) and values[-1].lower() == "yes"


class Ufw(Backend):
    """ufw. Its rules are known again by their comment."""

    name = "ufw"
    program = "ufw"

    def __init__(self, settings: str = SETTINGS) -> None:
        self.settings = settings

    def observe(self, ports: t.Collection[int], run: Run) -> Json:
        """Return whether ufw filters, whether it can let IPv6 in, and its rules: {active, ipv6, own, foreign}."""
        _code, status, _error = run(["ufw", "status"])
        _code, added, _error = run(["ufw", "show", "added"])
        try:
            ipv6 = takes_ipv6(_read.text(self.settings))
        except OSError:
            ipv6 = False
        return {"active": status.startswith("Status: active"), "ipv6": ipv6, **parse(added, ports)}

    def wanted(self, passes: t.Sequence[t.Mapping[str, t.Any]], seen: t.Mapping[str, t.Any]) -> list[Json]:
        return [dict(entry) for entry in passes]

    def cannot_tell(self, passes: t.Sequence[t.Mapping[str, t.Any]], seen: t.Mapping[str, t.Any]) -> tuple[str, str] | None:
        over_ipv6 = [entry["address"] for entry in passes if ":" in entry["address"]]
        if not over_ipv6 or seen.get("ipv6", True):
            return None
        what = "ufw drops all of IPv6 (IPV6=no), and takes no rule for {}".format(", ".join(over_ipv6[:3]))
        return what, "Write IPV6=yes in the host's /etc/default/ufw and run ufw reload, or name addresses of IPv4 alone"

    def speaks_for(self, table: str, chain: str) -> bool:
        return chain.startswith("ufw")
