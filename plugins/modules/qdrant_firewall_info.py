#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_firewall_info
short_description: Read the guard's sets and counters, and the rules of the host's other firewalls
version_added: 0.1.0
description:
  - Reads the guard's table, its sets and its counters, and the rules of ufw and firewalld for the ports, where they are installed.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
options:
  table:
    description: The table, as family and name.
    type: str
    default: inet hardened_qdrant
  ports:
    description: Qdrant's ports.
    type: list
    elements: int
    default: [6333, 6334, 6335]
"""

EXAMPLES = r"""
- name: Read the counters
  hardened.qdrant.qdrant_firewall_info:
  register: firewall

- name: Say how many packets strangers sent to the cluster port
  ansible.builtin.debug:
    var: firewall.counters.dropped_p2p.packets
"""

RETURN = r"""
table:
  description: Whether the guard's table is there.
  returned: always
  type: bool
backend:
  description: The firewall of the host that is active beside the guard, V(firewalld), V(ufw), or V(nftables) for none.
  returned: always
  type: str
counters:
  description: By name (C(dropped_p2p), C(dropped_api), C(dropped_egress)) the C(packets) and C(bytes) since the table was loaded.
  returned: always
  type: dict
sets:
  description: By name (C(peers4), C(peers6), C(clients4), C(clients6)) the addresses and networks.
  returned: always
  type: dict
rollback:
  description: Whether a rollback is on its way, which nobody confirmed yet.
  returned: always
  type: bool
firewalls:
  description:
    - Of C(ufw) and C(firewalld), null where it is not installed, whether it is C(active), this collection's C(own) rules in it, and C(foreign)
      ones that name a port. In C(foreign), rules of other tables that do.
  returned: always
  type: dict
"""

import json

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _backends, _firewall, _run


def observe(table: str, ports: list[int], run: _run.Run) -> dict:
    """Collect the module's result; shapes as in RETURN."""
    code, output, _error = run(["nft", "--json", "list", "table", *table.split()]) if _backends.installed("nft") else (1, "", "")
    objects = json.loads(output)["nftables"] if code == 0 else []
    firewalls = _backends.observe(ports, run)
    return {
        "table": code == 0,
        "backend": next((backend.name for backend in _backends.BACKENDS if (firewalls[backend.name] or {}).get("active")), "nftables"),
        "counters": _firewall.counters(objects),
        "sets": _firewall.named_sets(objects),
        "rollback": _firewall.armed(run),
        "firewalls": firewalls,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "table": {"type": "str", "default": "inet hardened_qdrant"},
            "ports": {"type": "list", "elements": "int", "default": [6333, 6334, 6335]},
        },
        supports_check_mode=True,
    )
    try:
        result = observe(module.params["table"], module.params["ports"], _run.ask)
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"Cannot look at the firewall: {error}. This task must be root's (become: true).")
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
