# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's table as the kernel has it."""

from __future__ import annotations

import json
import os
import pwd
import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _firewall
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import asking
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Json, Place
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

# A port on which strangers serve: HTTPS.
STRANGERS_PORT = 443


def server_names(user: str) -> list[str]:
    """Return how rules may name the server's user: by name and by number."""
    try:
        return [user, str(pwd.getpwnam(user).pw_uid)]
    except KeyError:
        return [user]


def server_verdict(place: Place, objects: t.Any, family: str) -> str:
    """Return the guard's verdict on a connection of the server's to a stranger: by its user, or by the interface of its network."""
    if place.bridge:
        return _firewall.container_verdict(objects, family, STRANGERS_PORT, place.bridge)
    return _firewall.server_verdict(objects, family, STRANGERS_PORT, server_names(place.user))


def observe(place: Place, run: Run, named: t.Mapping[str, t.Sequence[str]]) -> Json:
    """Return the guard's table as the kernel has it, against its file and those whom the inventory names, and whether boot brings it back."""
    table, path = "inet hardened_qdrant", os.path.join(place.config_dir, "firewall.nft")
    code, output, error = run(["nft", "--json", "list", "table", *table.split()])
    if code != 0:
        return {"table": False, "why": error.strip().splitlines()[0] if error.strip() else "nft failed"}
    objects = json.loads(output)["nftables"]
    chains = [entry["chain"] for entry in objects if "chain" in entry]
    ports = [target.port for target in place.ports().values()]
    code, enabled, error = run(["systemctl", "show", "--property=UnitFileState", "--value", "qdrant-firewall.service"])
    if code != 0:
        raise OSError(error.strip() or "systemctl failed")
    return {
        "table": True,
        "hooks": [{"name": chain["name"], "hook": chain.get("hook"), "priority": chain.get("prio")} for chain in chains],
        "sets": _firewall.named_sets(objects),
        # The ports on which a stranger's packets are not certain to be dropped.
        "open_to_strangers": {
            family: [port for port in ports if _firewall.stranger_verdict(objects, family, port, place.bridge) != "drop"] for family in ("ipv4", "ipv6")
        },
        # The families over which the server can connect to a stranger.
        "open_from_server": [family for family in ("ipv4", "ipv6") if server_verdict(place, objects, family) != "drop"],
        # The families over which a container can connect to the host's own ports.
        "open_to_host": [
            family
            for family in ("ipv4", "ipv6")
            if place.bridge and _firewall.container_verdict(objects, family, STRANGERS_PORT, place.bridge, to_host=True) != "drop"
        ],
        "beside_inventory": _firewall.beside(_firewall.named_sets(objects), named),
        "differences": asking.attempt(lambda: _firewall.differences(table, path, run)),
        "at_boot": enabled.strip() == "enabled",
    }
