# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: qdrant_resolved
short_description: Address of a host, as resolved by the controller
version_added: 0.1.0
description:
  - Resolves a name on the controller. An address stays the same.
  - Empty where the name has no address, or several, or one of loopback. Then the inventory has to say which one it is.
  - IPv4 goes before IPv6.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
options:
  _input:
    description: A name or an address.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Name the node by its address
  ansible.builtin.debug:
    msg: "{{ ansible_host | default(inventory_hostname) | hardened.qdrant.qdrant_resolved }}"
"""

RETURN = r"""
_value:
  description: The address.
  type: str
"""

from ansible_collections.hardened.qdrant.plugins.plugin_utils import _variables


class FilterModule:
    """The filter qdrant_resolved."""

    @staticmethod
    def filters() -> dict:
        return {"qdrant_resolved": _variables.resolved}
