#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_evidence
short_description: Observe a Qdrant node, from itself and from other hosts
version_added: 0.1.0
description:
  - Looks at a node's unit, process, files, release, settings, certificate, firewall and cluster, asks its ports with each
    credential, and tries to reach other nodes' ports. Returns all of it as one document of plain data.
  - Has no opinion and changes nothing. M(hardened.qdrant.qdrant_verify) judges the document.
  - API keys are read on the node, from the file that it uses itself, and are not part of the document.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
options:
  node:
    description: Whether the host is a node. If not, it only tries to reach O(targets), as a vantage.
    type: bool
    default: true
  role:
    description: Role of the host towards the targets.
    type: str
    choices: [peer, client, outsider]
    default: peer
  targets:
    description:
      - The hosts whose ports are tried from this one, each with C(name), C(address) and C(ports), numbers by name.
      - C(further) are other addresses of the host, at which the same ports are tried.
    type: list
    elements: dict
    default: []
  peers:
    description: The addresses that the firewall should know as peers.
    type: list
    elements: str
    default: []
  clients:
    description: The addresses and networks that the firewall should know as clients.
    type: list
    elements: str
    default: []
  authorities:
    description:
      - SHA-256, in hex, of the CAs that the server should trust for its peers. Without any, those of the trust bundle on the node's disk.
    type: list
    elements: str
    default: []
  outbound_authorities:
    description:
      - SHA-256, in hex, of the CAs that the server's outgoing connections should trust. Without any, the same as for its peers.
    type: list
    elements: str
    default: []
  names:
    description: The names by which the server should find other hosts, each with a list of addresses.
    type: dict
    default: {}
  unit:
    description: The systemd unit of the node.
    type: str
    default: qdrant.service
  user:
    description: The user that the node should run as.
    type: str
    default: qdrant
  install_dir:
    description: The folder that holds the releases.
    type: path
    default: /opt/qdrant
  config_dir:
    description: The folder that holds settings, secrets, certificates and firewall table.
    type: path
    default: /etc/qdrant
  data_dir:
    description: The folder that holds the data.
    type: path
    default: /var/lib/qdrant/storage
  snapshots_dir:
    description: The folder that holds the snapshots.
    type: path
    default: /var/lib/qdrant/snapshots
  address:
    description: The node's address. Required for a node.
    type: str
  http_port:
    description: The port of the REST API.
    type: int
    default: 6333
  grpc_port:
    description: The port of the gRPC API.
    type: int
    default: 6334
  p2p_port:
    description: The port of the cluster. Left out for a single node.
    type: int
  deployment:
    description: How the node runs Qdrant.
    type: str
    choices: [systemd, docker]
    default: systemd
  bind_address:
    description: The address that the server listens on, if that is not O(address), as of one in a container.
    type: str
  bridge:
    description: The interface of the container's network on the host. Left out without a container, or on the host's network.
    type: str
    default: ""
  container_network:
    description: The pattern that the container's network should have.
    type: str
    choices: [published, internal, host]
  publish:
    description: The addresses of the host that the container's ports should be published on.
    type: list
    elements: str
    default: []
  settings:
    description: The wanted settings among the ones that a server shows, by dotted name. They are part of the document.
    type: dict
    default: {}
  audit_bytes:
    description: The number of bytes that the server's audit log may have. It is part of the document.
    type: int
  io_uring:
    description: Whether the server may use io_uring. It is part of the document.
    type: bool
    default: false
  limits:
    description: The limits that the server should have, as C(open_files), C(tasks), and C(memory) in bytes. They are part of the document.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Observe the node
  hardened.qdrant.qdrant_evidence:
    address: 192.0.2.11
    p2p_port: 6335
    targets:
      - name: node2
        address: 192.0.2.12
        further: ["2001:db8::12"]
        ports: {rest: 6333, grpc: 6334, p2p: 6335}
  register: evidence
"""

RETURN = r"""
evidence:
  description: The document. docs/evidence.md describes its parts.
  returned: always
  type: dict
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _container, _run
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence import asking, document, vantage
from ansible_collections.hardened.qdrant.plugins.module_utils._evidence.place import Place

PLACE = ("unit", "user", "install_dir", "config_dir", "data_dir", "snapshots_dir", "address", "http_port", "grpc_port", "p2p_port", "deployment",
         "bind_address", "bridge")  # fmt: skip

WANTED = ("publish", "settings", "audit_bytes", "io_uring", "limits")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "node": {"type": "bool", "default": True},
            "role": {"type": "str", "choices": ["peer", "client", "outsider"], "default": "peer"},
            "targets": {"type": "list", "elements": "dict", "default": []},
            "peers": {"type": "list", "elements": "str", "default": []},
            "clients": {"type": "list", "elements": "str", "default": []},
            "authorities": {"type": "list", "elements": "str", "default": []},
            "outbound_authorities": {"type": "list", "elements": "str", "default": []},
            "names": {"type": "dict", "default": {}},
            "unit": {"type": "str", "default": "qdrant.service"},
            "user": {"type": "str", "default": "qdrant"},
            "install_dir": {"type": "path", "default": "/opt/qdrant"},
            "config_dir": {"type": "path", "default": "/etc/qdrant"},
            "data_dir": {"type": "path", "default": "/var/lib/qdrant/storage"},
            "snapshots_dir": {"type": "path", "default": "/var/lib/qdrant/snapshots"},
            "address": {"type": "str"},
            "http_port": {"type": "int", "default": 6333},
            "grpc_port": {"type": "int", "default": 6334},
            "p2p_port": {"type": "int"},
            "deployment": {"type": "str", "choices": ["systemd", "docker"], "default": "systemd"},
            "bind_address": {"type": "str"},
            "bridge": {"type": "str", "default": ""},
            "container_network": {"type": "str", "choices": ["published", "internal", "host"]},
            "publish": {"type": "list", "elements": "str", "default": []},
            "settings": {"type": "dict", "default": {}},
            "audit_bytes": {"type": "int"},
            "io_uring": {"type": "bool", "default": False},
            "limits": {"type": "dict", "default": {}},
        },
        required_if=[("node", True, ["address"])],
        supports_check_mode=True,
    )
    params = module.params
    started = time.time()
    if params["node"]:
        place = Place(**{name: params[name] for name in PLACE})
        named = {name: params[name] for name in ("peers", "clients")}
        wanted = {name: params[name] for name in ("authorities", "outbound_authorities", "names")}
        seen = document.observe(place, params["targets"], _run.ask, named, wanted)
        if "network" in seen.get("container", {}):
            network = seen["container"]["network"]
            network["published_elsewhere"] = _container.elsewhere(network["published"], params["publish"])
        wanted = {"network": params["container_network"], **{name: params[name] for name in WANTED}}
        seen.update(deployment=params["deployment"], wanted=wanted)
    else:
        seen = asking.ask(vantage.questions(params["targets"]))
    seen.update(
        schema=document.SCHEMA, node=params["node"], role=params["role"], time=started, seconds=round(time.time() - started, 2), address=params["address"]
    )
    module.exit_json(changed=False, evidence=seen)


if __name__ == "__main__":
    main()
