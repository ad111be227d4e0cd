#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_proxy_evidence
short_description: Observe a proxy before Qdrant, from its own host
version_added: 0.1.0
description:
  - Looks at the unit, process, files, settings and certificate of a proxy that the role C(qdrant_proxy) made, asks its ports with each
    credential, and asks the nodes whether their certificates verify. Returns all of it as one document of plain data.
  - Has no opinion and changes nothing. M(hardened.qdrant.qdrant_verify) judges the document.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
options:
  address:
    description: The proxy's address.
    type: str
    required: true
  http_port:
    description: The port of the REST API.
    type: int
    default: 6333
  grpc_port:
    description: The port of the gRPC API. V(0) if there is none.
    type: int
    default: 6334
  server_name:
    description: The name by which clients verify the proxy. Empty for its address.
    type: str
    default: ""
  closed_paths:
    description: The paths of REST that should be closed. From the calls of all known versions of Qdrant, and C(qdrant_proxy_open).
    type: list
    elements: str
    required: true
  closed_methods:
    description: The methods of gRPC that should be closed. As O(closed_paths).
    type: list
    elements: str
    required: true
  user:
    description: The user that the proxy should run as.
    type: str
    default: qdrant-proxy
  install_dir:
    description: The folder of its confined root.
    type: path
    default: /opt/qdrant-proxy
  config_dir:
    description: The folder of its settings and certificates.
    type: path
    default: /etc/qdrant-proxy
"""

EXAMPLES = r"""
- name: Observe the proxy
  hardened.qdrant.qdrant_proxy_evidence:
    address: 192.0.2.21
    closed_paths: [/metrics, /dashboard/]
    closed_methods: [/qdrant.StorageRead/ListFiles]
  register: proxy
"""

RETURN = r"""
proxy:
  description: The document. docs/evidence.md describes its parts.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _run
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import proxy
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Place


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "http_port": {"type": "int", "default": 6333},
            "grpc_port": {"type": "int", "default": 6334},
            "server_name": {"type": "str", "default": ""},
            "closed_paths": {"type": "list", "elements": "str", "required": True},
            "closed_methods": {"type": "list", "elements": "str", "required": True},
            "user": {"type": "str", "default": "qdrant-proxy"},
            "install_dir": {"type": "path", "default": "/opt/qdrant-proxy"},
            "config_dir": {"type": "path", "default": "/etc/qdrant-proxy"},
        },
        supports_check_mode=True,
    )
    params = module.params
    place = Place(
        unit="qdrant-proxy.service",
        data_dir="/",
        snapshots_dir="/",
        p2p_port=None,
        **{name: params[name] for name in ("user", "install_dir", "config_dir", "address", "http_port", "grpc_port", "server_name")},
    )
    module.exit_json(changed=False, proxy=proxy.observe(place, params["closed_paths"], params["closed_methods"], _run.ask))


if __name__ == "__main__":
    main()
