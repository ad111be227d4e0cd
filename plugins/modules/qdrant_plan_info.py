#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_plan_info
short_description: Compare a Qdrant node with its wanted state
version_added: 0.1.0
description:
  - Says which files of a node are not as wanted, and why its process has to be restarted once they are. Changes nothing, so that a run knows every restart
    before the first one, also in check mode.
  - The running process is known by the record of the unit's start. A restart that a killed run owes is seen as well.
  - Secrets are compared by a salted digest, as in M(hardened.qdrant.qdrant_files).
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
  - hardened.qdrant.attributes.action
  - hardened.qdrant.attributes.entries
options:
  wanted:
    description: The document of wanted state, as for M(hardened.qdrant.qdrant_files).
    type: dict
    required: true
  parts:
    description: Compare the entries of these parts alone. Without it, all. The other files count as they are on disk.
    type: list
    elements: str
  unit:
    description: The systemd unit of the node.
    type: str
    default: qdrant.service
  install_dir:
    description: The folder of the releases.
    type: path
    default: /opt/qdrant
  config_dir:
    description: The folder of settings, secrets and certificates.
    type: path
    default: /etc/qdrant
  data_dir:
    description: The folder of the data.
    type: path
    default: /var/lib/qdrant/storage
"""

EXAMPLES = r"""
- name: Compare the node with its wanted state
  hardened.qdrant.qdrant_plan_info:
    wanted: "{{ wanted }}"
  register: plan

- name: Show why the node has to be restarted
  ansible.builtin.debug:
    var: plan.restart_reasons
"""

RETURN = r"""
active:
  description: Whether the unit runs.
  returned: always
  type: bool
state:
  description: The unit's state in systemd's words.
  returned: always
  type: str
  sample: active (running)
enabled:
  description: Whether the unit is started at boot.
  returned: always
  type: bool
reload:
  description: Whether systemd has yet to read the unit's files.
  returned: always
  type: bool
initialised:
  description: Whether the node has data of a cluster.
  returned: always
  type: bool
differed:
  description: The differences from the wanted state, by path.
  returned: always
  type: dict
  sample: {"/etc/qdrant/config.yaml": ["content"]}
restart_reasons:
  description: The reasons for a restart; empty where the process is as wanted, or where nothing runs.
  returned: always
  type: list
  elements: str
  sample: ["/etc/qdrant/config.yaml changed", "another release is installed"]
addresses:
  description: The addresses that the unit may talk to, from the wanted unit, or from its file.
  returned: always
  type: list
  elements: str
addresses_due:
  description: Whether the running unit was told others.
  returned: always
  type: bool
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _entries, _files, _keys, _node, _run, _unit_addresses


def observe(layout: _node.Layout, entries: list, run: _run.Run) -> dict:
    """Return the module's result; shapes as in RETURN."""
    state, record = _node.unit_state(layout.unit, run), _node.load_json(_node.RECORD)
    coming = _node.staged(layout, entries, record, _keys.running_file(layout.unit))
    addresses = _unit_addresses.of_file(layout.unit_file) if coming.unit is None else _unit_addresses.of_text(coming.unit)
    return {
        "active": state.get("ActiveState") == "active",
        "state": "{} ({})".format(state.get("ActiveState", "unknown"), state.get("SubState", "unknown")),
        "enabled": state.get("UnitFileState") == "enabled",
        "reload": state.get("NeedDaemonReload") == "yes",
        "initialised": os.path.exists(os.path.join(layout.data_dir, "raft_state.json")),
        "differed": {entry.path: wrong for entry, wrong in ((entry, _files.differences(entry)) for entry in entries) if wrong},
        "restart_reasons": _node.restart_reasons(layout, state, record, coming),
        "addresses": addresses,
        "addresses_due": _unit_addresses.due(layout.unit, state, _unit_addresses.told_of_record(state, record), addresses),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "wanted": {"type": "dict", "required": True},
            "parts": {"type": "list", "elements": "str"},
            "unit": {"type": "str", "default": "qdrant.service"},
            "install_dir": {"type": "path", "default": "/opt/qdrant"},
            "config_dir": {"type": "path", "default": "/etc/qdrant"},
            "data_dir": {"type": "path", "default": "/var/lib/qdrant/storage"},
            "entries": {"type": "list", "elements": "dict", "options": _entries.options()},
        },
        # Texts of whole files would fill the journal.
        no_log=True,
        supports_check_mode=True,
    )
    if module.params["entries"] is None:
        module.fail_json(msg="The entries are missing. Call this module as hardened.qdrant.qdrant_plan_info: its action plugin makes them of wanted.")
    try:
        layout = _node.Layout(**{name: module.params[name] for name in ("unit", "install_dir", "config_dir", "data_dir")})
        result = observe(layout, [_entries.entry_of(entry) for entry in module.params["entries"]], _run.ask)
    except _files.FilesError as error:
        module.fail_json(msg=f"{error}.")
    except OSError as error:
        module.fail_json(msg=f"Cannot look at the node: {error}. It must run systemd and this task must be root's (become: true).")
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
