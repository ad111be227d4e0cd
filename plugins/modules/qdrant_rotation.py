#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_rotation
short_description: Plan a rotation of a Qdrant cluster's API keys
version_added: 0.1.0
description:
  - Announces the effect of a rotation to the keys of the vault on every node, its cost, and the tokens that end. Changes nothing.
  - The plan comes from the keys of the running processes, so an interrupted rotation goes on where it stopped.
  - Fails where there is a better way, or none, and names the remedy.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
  - hardened.qdrant.attributes.action
options:
  nodes:
    description: By host name, the results of M(hardened.qdrant.qdrant_keys_info).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Plan the rotation
  hardened.qdrant.qdrant_rotation:
    nodes: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'keys'))) }}"
  run_once: true
"""

RETURN = r"""
step:
  description: The step that the rotation is at, V(none), V(start), V(deploy), V(promote), V(retire) or V(cut-over).
  returned: success
  type: str
steps:
  description: The step by host name.
  returned: success
  type: dict
read_only:
  description: The nodes whose read-only key changes.
  returned: success
  type: list
  elements: str
lines:
  description: The announcement.
  returned: success
  type: list
  elements: str
dying_tokens:
  description: The applications whose tokens end, with their files.
  returned: success
  type: list
  elements: str
token_key:
  description: The name of the variable with the key that tokens are signed with from now on.
  returned: success
  type: str
"""
