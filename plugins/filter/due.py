# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: due
short_description: Files and folders that differ from the wanted ones
version_added: 0.1.0
description:
  - Compares wanted files and folders with the result of M(hardened.qdrant.qdrant_node_info), and returns the different ones.
  - So tasks run only where they have work, and a run that changes nothing asks each host once instead of once a file.
  - A file that was not read counts as different. The modules that act compare again.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
positional: observed
options:
  _input:
    description:
      - Files and folders, each with C(path) and its wanted C(owner), C(group), C(mode), C(kind) (C(file) or C(folder)), and
        C(content) or C(sha256).
    type: list
    elements: dict
    required: true
  observed:
    description: C(files) of M(hardened.qdrant.qdrant_node_info).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Create the folders
  ansible.builtin.file:
    path: "{{ item.path }}"
    state: directory
    owner: "{{ item.owner }}"
    mode: "{{ item.mode }}"
  loop: "{{ folders | hardened.qdrant.due(node.files) }}"
"""

RETURN = r"""
_value:
  description: The entries that differ, as they were given.
  type: list
  elements: dict
"""

import hashlib
import typing as t

COMPARED = ("kind", "owner", "group", "mode", "sha256")


def differs(wanted: t.Mapping[str, t.Any], observed: t.Mapping[str, t.Any] | None) -> bool:
    """Return whether something that is wanted of one path is not so."""
    if not observed:
        return True
    expected = dict(wanted)
    if "content" in expected:
        expected["sha256"] = hashlib.sha256(str(expected["content"]).encode()).hexdigest()
    return any(str(expected[name]) != str(observed.get(name)) for name in COMPARED if name in expected)


def due(wanted: t.Iterable[t.Mapping[str, t.Any]], observed: t.Mapping[str, t.Any] | None) -> list[t.Mapping[str, t.Any]]:
    """Return the entries of ``wanted`` that differ from ``observed``, states by path."""
    seen = observed or {}
    return [entry for entry in wanted if differs(entry, seen.get(entry["path"]))]


class FilterModule:
    """The filter, by its name."""

    def filters(self) -> dict[str, t.Callable]:
        return {"due": due}
