#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_preflight
short_description: Refuse bad input for a Qdrant node before any host is changed
version_added: 0.1.0
description:
  - Checks the variables of the roles C(qdrant), C(qdrant_tls) and C(qdrant_firewall) for one node and its cluster, on the controller.
  - Has no options. It reads the variables by name, secrets among them, so that no output shows them.
  - Fails with one message that names every problem, its place, and its remedy.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
  - hardened.qdrant.attributes.action
options: {}
"""

EXAMPLES = r"""
- name: Refuse bad input
  hardened.qdrant.qdrant_preflight:
  register: preflight
"""

RETURN = r"""
settings:
  description: The node's settings of Qdrant, the hardened defaults with the variable C(qdrant_config) merged in, without secrets.
  returned: success
  type: dict
internal_auth_waits:
  description:
    - The nodes that must be upgraded before any node asks others for a key, while they are not. C(settings) leave it out then.
    - A node that is no part of the run is among them, unless this one asks for keys already.
  returned: success
  type: list
  elements: str
peers:
  description: The other nodes of the cluster.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: The host's name in the inventory., type: str}
    address: {description: Its address., type: str}
outbound:
  description: The CAs that the server's outgoing connections trust.
  returned: success
  type: dict
  contains:
    credential: {description: "The credential that holds the CAs, V(ca.crt) or V(outbound-ca.crt).", type: str}
    pem: {description: The CAs of C(qdrant_outbound_ca_file) in PEM form; empty without., type: str}
uri:
  description: The URI by which peers reach the node.
  returned: success
  type: str
  sample: https://192.0.2.11:6335
bootstrap:
  description: The URI of the node that it joins the cluster through; empty for none.
  returned: success
  type: str
tls:
  description: State of the certificates, by those of all nodes.
  returned: success
  type: dict
  contains:
    phase: {description: "The phase that the cluster is in on its way from one CA to the next: current, trust, reissue or drop.", type: str}
    steps: {description: The phases that a replacement of the CA that was asked for goes through., type: list, elements: str}
    bundles: {description: "By phase the CAs that clients should trust, in PEM form.", type: dict}
accepted:
  description: The risks that the user accepts, with the reasons.
  returned: success
  type: list
  elements: dict
warnings_found:
  description: Input that is allowed but not wise. Printed as warnings, too.
  returned: success
  type: list
  elements: str
"""
