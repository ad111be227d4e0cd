#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_rotation
short_description: Plan a change of a Qdrant cluster's API keys
version_added: 0.1.0
description:
  - Announces the effect of a change to the keys of the vault on every node, its cost, and the tokens that end. Changes nothing.
  - The plan comes from the keys of the running processes, so an interrupted rotation goes on where it stopped.
  - Fails where there is a better way, or none, and names the remedy. So it does where nodes that ask each other for a key
    (C(service.enforce_internal_auth)) would refuse each other on the way.
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
  deploys:
    description:
      - Whether the run takes settings into use as well, and makes nodes where there are none, as the playbook C(site) does.
      - Nothing is said then unless a key changes.
    type: bool
    default: false
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
remake_tokens:
  description: Whether the tokens of C(qdrant_access) are to be made anew, since the key that signs them changes, or changed in a run that was killed.
  returned: success
  type: bool
note:
  description:
    - In the first phase, the content of a file beside each node's keys that notes which key stays, by a salted digest. Empty otherwise.
    - M(hardened.qdrant.qdrant_keys_info) reads it.
  returned: success
  type: str
"""
