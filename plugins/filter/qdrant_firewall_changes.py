# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: qdrant_firewall_changes
short_description: Compute the changes of the host's own firewalls
version_added: 0.1.0
description:
  - Takes addresses and the ports that they may reach, and returns for each firewall of the host the rules to add and the rules to remove.
  - A firewall that is not the one to be told is to have none of this collection's rules. Others' stay.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
positional: backend, there
options:
  _input:
    description: A list of C(address) and C(ports).
    type: list
    elements: dict
    required: true
  backend:
    description: Which of them is to be told; V(nftables) for none.
    type: str
    required: true
  there:
    description: C(firewalls) of M(hardened.qdrant.qdrant_node_info) or M(hardened.qdrant.qdrant_firewall_info).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the changes of ufw's rules
  ansible.builtin.debug:
    msg: "{{ [{'address': '192.0.2.11', 'ports': [6333, 6335]}] | hardened.qdrant.qdrant_firewall_changes('ufw', node.firewalls) }}"
"""

RETURN = r"""
_value:
  description: A list of C(backend), and the rules to C(add) and to C(remove), in the form of its C(own). Firewalls that are as they should be are left out.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _backends


def qdrant_firewall_changes(passes: t.Sequence[t.Mapping[str, t.Any]], backend: str, there: t.Mapping[str, t.Any] | None) -> list[dict[str, t.Any]]:
    """Return what each firewall is to be told, [{backend, add, remove}], where there is anything."""
    return _backends.base.changes(_backends.BACKENDS, backend, passes, there or {})


class FilterModule:
    """The filter, by its name."""

    def filters(self) -> dict[str, t.Callable]:
        return {"qdrant_firewall_changes": qdrant_firewall_changes}
