# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: rich_rules
short_description: Rich rules of firewalld for addresses and ports
version_added: 0.2.0
description:
  - Takes addresses with their ports, and returns a rule for each zone, address and port.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
positional: zones
options:
  _input:
    description: A list of C(address) and C(ports).
    type: list
    elements: dict
    required: true
  zones:
    description: The zones that packets come in by.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show the rules
  ansible.builtin.debug:
    msg: "{{ [{'address': '192.0.2.11', 'ports': [6333, 6335]}] | hardened.qdrant.rich_rules(['public']) }}"
"""

RETURN = r"""
_value:
  description: A list of C(zone), C(address), C(port) and C(rule).
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.hardened.qdrant.plugins.module_utils import _backends


def rich_rules(passes: t.Sequence[t.Mapping[str, t.Any]], zones: t.Sequence[str]) -> list[dict[str, t.Any]]:
    """Return one entry a zone, address and port, in this order; each with its rule, word by word as firewalld lists it."""
    return [
        {"zone": zone, "address": entry["address"], "port": port, "rule": _backends.rich_rule(entry["address"], port)}
        for zone in zones
        for entry in passes
        for port in entry["ports"]
    ]


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, t.Callable]:
        return {"rich_rules": rich_rules}
