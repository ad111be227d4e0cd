#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_unit_addresses
short_description: Update the allowed addresses of a running unit of Qdrant or of its proxy
version_added: 0.1.0
description:
  - A node that joins, or a client that is added, changes C(IPAddressAllow=) in the unit's file. systemd tells a running unit of it when it reads its
    files anew, but for some versions (257 for instance), which do so at the unit's next start alone.
  - Tells systemd of them, without a restart, where the running unit was started with others and not told since. Other lines of the file are not
    looked at. The new addresses are added to the record of the unit's start.
  - Leaves no drop-in, so the unit's file alone decides at its next start.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
options:
  unit:
    description: The unit, which must have its file in C(/etc/systemd/system).
    type: str
    default: qdrant.service
  copy:
    description: The copy of its file that the unit was started with, where it keeps one. Without it, Qdrant's own record of its start.
    type: path
  addresses:
    description: The addresses. They are written into the unit's file first, and nothing else of it is changed. Without it, those of the file.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Let a node that joins talk to the nodes that run
  hardened.qdrant.qdrant_unit_addresses:

- name: Let a new client use the proxy
  hardened.qdrant.qdrant_unit_addresses:
    unit: qdrant-proxy.service
    copy: /run/qdrant-proxy/started/unit
"""

RETURN = r"""
addresses:
  description: The running unit's addresses after the task.
  returned: always
  type: list
  elements: str
  sample: ["127.0.0.0/8", "192.0.2.11"]
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _node, _run, _unit_addresses


def main() -> None:
    options = {"unit": {"type": "str", "default": "qdrant.service"}, "copy": {"type": "path"}, "addresses": {"type": "list", "elements": "str"}}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    unit, copy, run = module.params["unit"], module.params["copy"], _run.change
    try:
        state, record = _node.unit_state(unit, _run.ask), _node.load_json(_node.RECORD)
        if copy:
            told = _unit_addresses.of_file(copy) if os.path.exists(copy) else None
        else:
            told = _unit_addresses.told_of_record(state, record)
        file, wanted = _unit_addresses.file_of(unit), module.params["addresses"]
        if wanted is None:
            wanted = _unit_addresses.of_file(file)
        due = _unit_addresses.due(unit, state, told, wanted)
        if due and not module.check_mode:
            if module.params["addresses"] is not None:
                _unit_addresses.put_into_file(file, wanted)
            _unit_addresses.tell(unit, state, run)
            if told is not None and copy:
                _unit_addresses.note_in_copy(copy, wanted)
            elif told is not None:
                _unit_addresses.note_in_record(_node.RECORD, record, wanted)
    except OSError as error:
        module.fail_json(msg=f"Cannot tell {unit} its addresses: {error}. A restart of the unit tells it as well.")
    before = (told or []) if due else wanted
    diff = {"before": "".join(entry + "\n" for entry in before), "after": "".join(entry + "\n" for entry in wanted)}
    module.exit_json(changed=due, addresses=wanted, diff=diff)


if __name__ == "__main__":
    main()
