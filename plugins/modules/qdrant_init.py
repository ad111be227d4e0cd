#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_init
short_description: Make the first files of a deployment of Qdrant
version_added: 0.1.0
description:
  - Makes an inventory, a file of settings, and a vault with new secrets, in a folder on the controller. API keys have 256 bits; the
    CA's key is made here and kept in the vault alone.
  - Never overwrites a file. A run that is killed is finished by the next one.
  - Asks upstream for its newest release and pins that in C(release.yml), by version, SHA-256 for each architecture and the image's digest. Where upstream
    cannot be asked, nothing is pinned, the collection's own version is deployed, and RV(release) says which weaknesses that has.
  - Encrypts with the vault password that the run was given, and refuses to work without.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
  - hardened.qdrant.attributes.action
  - hardened.qdrant.upstream
attributes:
  check_mode:
    description: Can run in C(check_mode) and says which files it would make.
options:
  dir:
    description: The folder, on the controller.
    type: path
    required: true
  group:
    description: The inventory group that holds the nodes.
    type: str
    default: qdrant
  vault_id:
    description: The vault id to encrypt with. Left out, the first one that the run was given.
    type: str
    default: ""
  common_name:
    description: The CA's name. Left out, C(Qdrant cluster CA), followed by the day for the next one.
    type: str
  what:
    description:
      - V(deployment) makes all that a deployment starts from.
      - V(next_ca) adds a vault with the CA that shall replace the one in use, C(vault_next_ca.yml), and touches no other file.
      - V(client_ca) adds a vault with a CA for certificates that clients show to proxies, C(vault_client_ca.yml), and touches no other file.
    type: str
    choices: [deployment, next_ca, client_ca]
    default: deployment
  release:
    description: >-
      The version that a new deployment starts with; V(newest) for upstream's newest; V(none) to ask nobody and leave it to the collection. A folder of
      settings that holds anything is no new deployment.
    type: str
    default: newest
"""

EXAMPLES = r"""
- name: Start a deployment
  hardened.qdrant.qdrant_init:
    dir: ./inventory
"""

RETURN = r"""
created:
  description: The files that were, or in check mode would be, made.
  returned: success
  type: list
  elements: str
release:
  description: The pinned release and its known weaknesses, for a person. Empty where the deployment is not new.
  returned: success
  type: list
  elements: str
kept:
  description: The files that were there and stay as they are.
  returned: success
  type: list
  elements: str
"""
