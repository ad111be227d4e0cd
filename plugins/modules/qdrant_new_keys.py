#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_new_keys
short_description: Make new API keys in a vault file, for a rotation
version_added: 0.1.0
description:
  - Makes keys of 256 bits in a new file on the controller, encrypted with the vault password that the run was given.
  - Never overwrites a file and never shows a key.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.action
options:
  file:
    description: The file that is to be made.
    type: path
    required: true
  names:
    description: The variables that it sets, V(qdrant_api_key), V(qdrant_alt_api_key) or V(qdrant_read_only_api_key).
    type: list
    elements: str
    default: [qdrant_api_key, qdrant_read_only_api_key]
  vault_id:
    description: The vault id to encrypt with. Left out, the first one that the run was given.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Make new keys
  hardened.qdrant.qdrant_new_keys:
    file: new-keys.yml
"""

RETURN = r"""
file:
  description: The file that was, or in check mode would be, made.
  returned: success
  type: str
names:
  description: The variables that it sets.
  returned: success
  type: list
  elements: str
"""
