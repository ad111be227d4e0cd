#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_network_policy
short_description: Render NetworkPolicies and security contexts for Qdrant in Kubernetes
version_added: 0.1.0
description:
  - Renders, on the controller, NetworkPolicies that deny all to and from Qdrant's pods but named peers, and the security context of these pods.
  - Writes them into a folder, and returns them. It talks to no cluster.
  - Bad input is refused in one message, before anything is written.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.action
options:
  dir:
    description: The folder on the controller that gets C(network-policies.yaml), C(values.yaml) and C(statefulset-patch.yaml). Empty for none.
    type: path
    default: ""
  namespace:
    description: The namespace of Qdrant's pods.
    type: str
    default: qdrant
  name:
    description: Prefix of the names of the NetworkPolicies.
    type: str
    default: qdrant
  labels:
    description: The labels that Qdrant's pods have and no others.
    type: dict
    default: {app.kubernetes.io/name: qdrant, app.kubernetes.io/instance: qdrant}
  statefulset:
    description: The name of Qdrant's StatefulSet, for the patch.
    type: str
    default: qdrant
  container:
    description: The name of Qdrant's container in it.
    type: str
    default: qdrant
  http_port:
    description: The port of REST, for clients and for peers, which fetch snapshots by it.
    type: int
    default: 6333
  grpc_port:
    description: The port of gRPC, for clients.
    type: int
    default: 6334
  p2p_port:
    description: The port of the cluster, for peers alone.
    type: int
    default: 6335
  clients:
    description:
      - Clients of the API. Each entry has C(namespace) (a name) or C(namespaces) (labels), or C(pods) (labels), or both of them, or C(cidr), and may
        have C(ports), a list of V(http) and V(grpc).
      - C(pods) alone are those of Qdrant's own namespace.
    type: list
    elements: dict
    default: []
  targets:
    description: Where else Qdrant may connect to, as C({host, port}), of which the controller resolves names, or as C({namespace, pods, port}).
    type: list
    elements: dict
    default: []
  dns:
    description: The name servers that Qdrant may ask, as in O(clients), without C(ports).
    type: list
    elements: dict
    default: [{namespace: kube-system, pods: {k8s-app: kube-dns}}]
  accepted_risks:
    description: Risks that were accepted, as in C(qdrant_accepted_risks). V(clients-everyone) lets O(clients) name everyone.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Write the files
  hardened.qdrant.qdrant_network_policy:
    dir: kubernetes
    clients:
      - {namespace: shop, pods: {app: shop}}
      - {cidr: 192.0.2.0/24, ports: [http]}
    targets: [{host: s3.example.com, port: 443}]
"""

RETURN = r"""
policies:
  description: The NetworkPolicies.
  returned: success
  type: list
  elements: dict
chart_values:
  description: Values for the official Helm chart.
  returned: success
  type: dict
patch:
  description: A strategic merge patch of the StatefulSet.
  returned: success
  type: dict
files:
  description: The files, written or up to date.
  returned: success
  type: list
  elements: str
warnings_given:
  description: The warnings.
  returned: success
  type: list
  elements: str
"""
