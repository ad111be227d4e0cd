#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_token
short_description: Make a token of least privilege for an application
version_added: 0.1.0
description:
  - Makes a JSON Web Token (HS256) on the controller, signed with the API key, which it reads from a variable by name.
  - Puts it into a file of its owner's alone, into a vault file, or on the screen. It is never part of the result.
  - A token that is there and still fits is kept. A new one is made when another key signed it, when access differs, or when less than a third
    of its life is left.
  - Needs the Python library PyJWT on the controller.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.action
options:
  application:
    description: The token's application. Without O(access) and O(lifetime), the entry of that name in the variable C(qdrant_access) says the rest.
    type: str
    required: true
  access:
    description: V(r) to read everything, V(m) to manage everything, or rights by collection, V(r), V(rw) or V(prw) (points alone).
    type: raw
  lifetime:
    description: How long the token lives, such as V(30d) or V(12h), from V(1m) to V(366d).
    type: str
  value_exists:
    description: A condition, C({collection, matches}) with matches of C({key, value}), that a point must fulfil for the token to be good.
    type: dict
  file:
    description: The file on the controller, outside of an inventory's folder, which Ansible reads as a whole.
    type: path
  vault:
    description: Whether to encrypt the file with the run's vault secret. It holds the token as C(qdrant_token) then.
    type: bool
    default: false
  vault_id:
    description: The vault id to encrypt with. Left out, the first one that the run was given.
    type: str
    default: ""
  show:
    description: Whether to write the token on the screen, and not into Ansible's log.
    type: bool
    default: false
  force:
    description: Whether to make a new token even if the one that is there fits.
    type: bool
    default: false
  key_variable:
    description: The name of the variable that holds the key.
    type: str
    default: qdrant_api_key
  nodes:
    description:
      - By host name, the results of M(hardened.qdrant.qdrant_keys_info). The key that stays signs then, instead of O(key_variable).
      - While a rotation is between its first phase and its second, that is C(qdrant_alt_api_key), and else C(qdrant_api_key).
    type: dict
  known_collections:
    description: The collections that the server has. Others that the token names are warned of.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Make the token that the inventory describes
  hardened.qdrant.qdrant_token:
    application: shop

- name: Make a token of its own
  hardened.qdrant.qdrant_token:
    application: dashboard
    access: {products: r}
    lifetime: 12h
    file: tokens/dashboard
"""

RETURN = r"""
application:
  description: The token's application.
  returned: success
  type: str
reasons:
  description: Why a new token was, or in check mode would be, made.
  returned: success
  type: list
  elements: str
  sample: ["the key did not sign it"]
file:
  description: Where it is; empty for nowhere.
  returned: success
  type: str
expires:
  description: When it ends, in UTC.
  returned: success
  type: str
  sample: "2026-12-24T09:30:00+00:00"
may:
  description: Its rights, by class of operations, as C(everywhere), names of collections, or nothing.
  returned: success
  type: dict
unknown_collections:
  description: Collections that it names and the server does not have.
  returned: success
  type: list
  elements: str
"""
