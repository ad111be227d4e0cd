# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: qdrant_value
short_description: A value of one kind, written anew
version_added: 0.1.0
description:
  - Takes a value of a user or a host, and returns it as a value of one kind, in characters without a meaning for the file that it goes into.
  - Templates of this collection insert nothing else. A value of another kind fails the task. The preflight has refused it by then, by name.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
positional: kind
options:
  _input:
    description: The value.
    type: raw
    required: true
  kind:
    description: Kind of the value.
    type: str
    required: true
    choices:
      - address
      - bracketed
      - calendar
      - dns_name
      - host_name
      - image
      - memory
      - network
      - node_name
      - number
      - path
      - port
      - rate
      - uri
      - user_name
      - word
"""

EXAMPLES = r"""
- name: Show a network in its one notation
  ansible.builtin.debug:
    msg: "{{ '2001:DB8:0:0::/64' | hardened.qdrant.qdrant_value('network') }}"
"""

RETURN = r"""
_value:
  description: The value. Numbers and ports are numbers, all others texts.
  type: raw
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _values


def qdrant_value(given: t.Any, kind: str) -> str | int | float:
    """Return the value as its parser writes it. Raises AnsibleFilterError for what is none of its kind, and for a kind that there is not."""
    if kind not in _values.KINDS:
        raise AnsibleFilterError("There is no kind of value {!r}. There are: {}".format(kind, ", ".join(sorted(_values.KINDS))))
    try:
        return _values.KINDS[kind](given)
    except _values.BadValue as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filter, by its name."""

    def filters(self) -> dict[str, t.Callable]:
        return {"qdrant_value": qdrant_value}
