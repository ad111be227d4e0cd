#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_tls_info
short_description: Read the expiry of a Qdrant node's certificates, on disk and on every port
version_added: 0.1.0
description:
  - Reads the certificate in use and the CAs that the node trusts, asks every port for the certificate that it serves, and says how many
    days each has left.
  - Warns, and fails, when the first of them ends too soon.
  - Can wait until every port serves the certificate on disk. A renewed one is served only after a restart.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
options:
  dir:
    description: The folder of the node's certificates.
    type: path
    default: /etc/qdrant/tls
  address:
    description: The node's address.
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
  p2p_port:
    description: The port that peers talk to each other on. V(0) if there is none.
    type: int
    default: 0
  warn_days:
    description: Warn if a certificate, or a trusted CA, has less than this many days left.
    type: int
    default: 30
  fail_days:
    description: Fail if a certificate has no more than this many days left.
    type: int
    default: 7
  served:
    description: Whether to fail unless every port serves the certificate that is on disk.
    type: bool
    default: false
  wait:
    description: Seconds to wait for that.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: See how long the certificates are valid
  hardened.qdrant.qdrant_tls_info:
    address: 192.0.2.11
    p2p_port: 6335
  register: certificates

- name: Wait until every port serves the certificate on disk
  hardened.qdrant.qdrant_tls_info:
    address: 192.0.2.11
    p2p_port: 6335
    served: true
    wait: 30
"""

RETURN = r"""
days_left:
  description: Days until the first of the certificates on disk and on the ports ends.
  returned: always
  type: float
disk:
  description: The certificate in use on disk.
  returned: always
  type: dict
  contains:
    sha256: {description: Fingerprint., type: str}
    issuer: {description: Issuer., type: str}
    days_left: {description: Days until the end of validity., type: float}
trusted:
  description: The CAs that the node trusts, with the same keys.
  returned: always
  type: list
  elements: dict
served:
  description: By port (C(rest), C(grpc), C(p2p)) the certificate that it serves, and C(on_disk), whether it is the one in use; or C(error).
  returned: always
  type: dict
not_served:
  description: The ports that serve another certificate than the one on disk, or none.
  returned: always
  type: list
  elements: str
"""

import time
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate, _expiry, _wire

PAUSE = 0.25  # seconds between two looks


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "dir": {"type": "path", "default": "/etc/qdrant/tls"},
            "address": {"type": "str", "required": True},
            "http_port": {"type": "int", "default": 6333},
            "grpc_port": {"type": "int", "default": 6334},
            "p2p_port": {"type": "int", "default": 0},
            "warn_days": {"type": "int", "default": 30},
            "fail_days": {"type": "int", "default": 7},
            "served": {"type": "bool", "default": False},
            "wait": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    if _certificate.CRYPTOGRAPHY_ERROR is not None:
        module.fail_json(msg=missing_required_lib("cryptography"), exception=_certificate.CRYPTOGRAPHY_ERROR)
    params = module.params
    ports = {name: params[option] for name, option in (("rest", "http_port"), ("grpc", "grpc_port"), ("p2p", "p2p_port")) if params[option]}
    targets = {name: _wire.Target(params["address"], port) for name, port in ports.items()}
    deadline = time.monotonic() + params["wait"]
    while True:
        try:
            result = _expiry.observe(_certificate.Store(params["dir"]), targets, datetime.now(timezone.utc))
        except (OSError, _certificate.CertificateError) as error:
            module.fail_json(msg="The certificate in {} cannot be read: {}. Run hardened.qdrant.site.".format(params["dir"], error))
        if not params["served"] or not result["not_served"] or time.monotonic() >= deadline:
            break
        time.sleep(PAUSE)
    if params["served"] and result["not_served"]:
        module.fail_json(
            msg="{} on {}: not the certificate that is on disk. Run hardened.qdrant.rotate_certificates again; it restarts nodes with an old one.".format(
                ", ".join(result["not_served"]), params["address"]
            ),
            **result,
        )
    problems, warnings = _expiry.judge(result, params["warn_days"], params["fail_days"])
    for warning in warnings:
        module.warn(warning)
    if problems:
        module.fail_json(msg="{} Run hardened.qdrant.rotate_certificates.".format(" ".join(problems)), **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
