#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_keys_info
short_description: Compare the API keys of a Qdrant node with the wanted ones
version_added: 0.1.0
description:
  - Compares the keys on the node's disk, and those of its running process, with the wanted ones. Returns names, never keys.
  - So a rotation is planned from the keys of files and processes, and an interrupted one goes on where it stopped.
  - The wanted keys are read from the variables C(qdrant_api_key), C(qdrant_alt_api_key) and C(qdrant_read_only_api_key), on the controller. The
    node is handed salted digests of them, and never a key.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
  - hardened.qdrant.attributes.action
options:
  path:
    description: The file of the node's keys, as M(hardened.qdrant.qdrant_files) writes it. The settings are read beside it.
    type: path
    default: /etc/qdrant/secrets.yaml
  unit:
    description: The systemd unit of the node.
    type: str
    default: qdrant.service
  salt:
    description: Salt of the digests, in hex. Set by the action plugin.
    type: str
  digests:
    description: Salted digests of the wanted keys, by C(api_key), C(alt_api_key) and C(read_only_api_key). Set by the action plugin.
    type: dict
"""

EXAMPLES = r"""
- name: See which keys the node runs
  hardened.qdrant.qdrant_keys_info:
  register: keys
"""

RETURN = r"""
disk:
  description:
    - By key the name that the node's key on disk has among the wanted ones, V(other) for one that is not wanted, null for none.
    - Null where there is no such file.
  returned: always
  type: dict
  sample: {"api_key": "api_key", "alt_api_key": null, "read_only_api_key": "other"}
  contains: &keys
    api_key: {description: "A name, or null.", type: str}
    alt_api_key: {description: "A name, or null.", type: str}
    read_only_api_key: {description: "A name, or null.", type: str}
running:
  description: The same of the keys that the process was started with; null where none runs.
  returned: always
  type: dict
  contains: *keys
enforces:
  description: Whether the settings on disk make the node ask other nodes for a key.
  returned: always
  type: bool
staying:
  description: The key that the first phase of a rotation noted as the one that stays; null without a note, and if the node does not have that key.
  returned: always
  type: dict
  sample: {"key": "alt_api_key", "since": 1764192000.0}
  contains:
    key: {description: "Its name among the wanted ones, or V(other).", type: str}
    since: {description: "When it was noted, in seconds since 1970.", type: float}
outage:
  description: Seconds between the unit's last stop and its last start; null if it was not stopped since the host booted.
  returned: always
  type: float
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _keys, _node, _run


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/etc/qdrant/secrets.yaml"},
            "unit": {"type": "str", "default": "qdrant.service"},
            "salt": {"type": "str"},
            "digests": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    params = module.params
    salt, wanted = params["salt"], params["digests"]
    if not salt or wanted is None:
        module.fail_json(msg="The digests are missing. Call this module as hardened.qdrant.qdrant_keys_info: its action plugin sets them.")
    run = _run.ask
    try:
        active = _node.unit_state(params["unit"], run).get("ActiveState") == "active"
        show = ["systemctl", "show", "--property=ActiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic", "--", params["unit"]]
        code, output, _error = run(show)
    except OSError as error:
        module.fail_json(msg=f"Cannot look at the node: {error}. It must run systemd.")
    times = dict(line.split("=", 1) for line in output.splitlines() if "=" in line) if code == 0 else {}
    service, folder = _keys.load(params["path"]), os.path.dirname(params["path"])
    disk = _keys.identify(service, salt, wanted)
    module.exit_json(
        changed=False,
        disk=disk,
        running=_keys.identify(_keys.load(_keys.running_file(params["unit"])), salt, wanted) if active else None,
        enforces=_keys.enforces(os.path.join(folder, "config.yaml")),
        staying=_keys.staying(os.path.join(folder, _keys.NOTE), service, disk),
        outage=_keys.outage(times),
    )


if __name__ == "__main__":
    main()
