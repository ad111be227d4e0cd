#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_client_certificate
short_description: Make a client's key and certificate for a proxy
version_added: 0.1.0
description:
  - Makes both in the controller's memory and writes them into a folder on the controller, C(NAME.key) and C(NAME.crt), readable by their owner alone.
  - The CA is read from the variables C(qdrant_client_ca_certificate) and C(qdrant_client_ca_private_key), so that no output shows its key. It
    must not be the nodes' CA nor come from it, since the cluster port accepts every client's certificate from there. The playbook
    C(hardened.qdrant.client_ca) makes one.
  - An existing certificate is kept until a third of its life is left, or CA or key type change.
  - Needs the Python library cryptography on the controller.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.action
options:
  name:
    description: The client's name, which the proxy's log shows.
    type: str
    required: true
  dir:
    description: The folder on the controller. It must not lie in the inventory's.
    type: path
    required: true
  validity_days:
    description: Days that the certificate is valid.
    type: int
    default: 90
  key_type:
    description: The private key's type.
    type: str
    choices: [ecdsa-p256, ecdsa-p384, rsa-3072, rsa-4096]
    default: ecdsa-p256
  force:
    description: Whether certificates that still fit are made anew.
    type: bool
    default: false
  nodes_group:
    description: The inventory group of the nodes, whose CA must be another.
    type: str
    default: qdrant
"""

EXAMPLES = r"""
- name: Make the certificate of an application
  hardened.qdrant.qdrant_client_certificate:
    name: shop
    dir: /srv/deploy/qdrant-clients
"""

RETURN = r"""
reasons:
  description: Why a certificate was, or in check mode would be, made; empty if nothing was due.
  returned: always
  type: list
  elements: str
files:
  description: The files of certificate and key.
  returned: always
  type: list
  elements: str
serial:
  description: The certificate's serial number in hex, by which C(qdrant_proxy_client_revoked) ends it.
  returned: always
  type: str
not_after:
  description: When it ends.
  returned: always
  type: str
"""
