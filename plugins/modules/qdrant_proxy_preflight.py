#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_proxy_preflight
short_description: Refuse bad input for a proxy before Qdrant, before any host is changed
version_added: 0.1.0
description:
  - Checks the variables of the role C(qdrant_proxy) for one proxy, against the result of M(hardened.qdrant.qdrant_preflight) for the nodes in
    the same run, on the controller.
  - Has no options. It reads the variables by name, so that no output shows a secret.
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
  hardened.qdrant.qdrant_proxy_preflight:
  register: plan
"""

RETURN = r"""
nodes:
  description: The nodes that the proxy stands before.
  returned: success
  type: list
  elements: dict
  contains:
    name: {description: The host's name in the inventory., type: str}
    address: {description: Its address., type: str}
    bracketed: {description: Its address as it stands before a port., type: str}
    http_port: {description: The port of its REST API., type: int}
    grpc_port: {description: The port of its gRPC API., type: int}
    server_name: {description: The name by which its certificate is verified., type: str}
clients:
  description: The addresses and networks that may use the proxy.
  returned: success
  type: list
  elements: str
addresses:
  description: All addresses and networks that the proxy may talk to.
  returned: success
  type: list
  elements: str
listen:
  description: The proxy's address as it stands before a port.
  returned: success
  type: str
body_mb:
  description: How large the body of a request may be, in megabytes, as for the nodes.
  returned: success
  type: int
client_ca:
  description: The CA of clients' certificates, in PEM form; empty for none.
  returned: success
  type: str
revoked:
  description: Serial numbers of clients' certificates that are not accepted, as nginx writes them.
  returned: success
  type: list
  elements: str
tls:
  description:
    - The C(provider) of the proxy's certificate, the C(phase) of the cluster, the C(steps) that a replacement of its CA has left, and by phase the
      C(bundles) of CAs that the proxy trusts.
  returned: success
  type: dict
warnings_found:
  description: Input that is allowed but not wise. Printed as warnings, too.
  returned: success
  type: list
  elements: str
"""
