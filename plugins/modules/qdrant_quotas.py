#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_quotas
short_description: Set the quotas of disk and memory of a Qdrant cluster
version_added: 0.1.0
description:
  - Compares the quotas that the server enforces with the wanted ones, over verified TLS, and sets them where they differ.
  - A server begins with C(storage.quotas) of its settings. Once quotas were set by C(PUT /quotas), the settings have no effect for ever.
  - Quotas are the whole cluster's, so one node is asked. Runs on the node. The API key is read there.
  - Servers before 1.19 have no quotas. There is nothing to be done, and RV(quotas) is null.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.node_api
options:
  quotas:
    description:
      - The wanted quotas by their names in C(storage.quotas), C(enabled), C(max_disk_usage_percent), C(max_resident_memory_percent) and
        C(release_margin_percent). One that is left out, or null, is not set.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Set the quotas
  hardened.qdrant.qdrant_quotas:
    address: 192.0.2.11
    quotas: {enabled: true, max_disk_usage_percent: 90}
"""

RETURN = r"""
quotas:
  description: The quotas that the server enforced before; null if it has none.
  returned: always
  type: dict
  sample: {enabled: true, max_disk_usage_percent: 95}
"""

import json

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _cluster, _keys, _quotas, _wire


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **_cluster.OPTIONS,
            "quotas": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    keys = _keys.main_keys(params["unit"], params["secrets_file"])
    if not keys:
        module.fail_json(msg="There is no API key in {}. Is the node deployed?".format(params["secrets_file"]))
    node = _cluster.Node(_wire.Target(params["address"], params["http_port"]), _wire.Tls(ca_file=params["ca_path"]), keys[0])
    wanted = _quotas.plain(params["quotas"])
    try:
        there = _quotas.read(node)
        changed = there is not None and there != wanted
        if changed and not module.check_mode:
            node.put("/quotas?wait=true", wanted)
    except _cluster.ClusterError as error:
        module.fail_json(msg="The quotas of {} are not known: {}.".format(params["address"], error))
    texts = {name: json.dumps(value or {}, indent=2, sort_keys=True) + "\n" for name, value in (("before", there), ("after", wanted))}
    module.exit_json(changed=changed, quotas=there, diff={"before_header": "quotas", "after_header": "quotas", **texts} if changed else {})


if __name__ == "__main__":
    main()
