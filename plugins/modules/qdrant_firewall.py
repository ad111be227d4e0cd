#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_firewall
short_description: Keep one table of nftables in file and kernel
version_added: 0.1.0
description:
  - Writes a table's file and loads it, in one transaction of nft, after loading it for trial into a network namespace of its own.
  - Compares the kernel's table with the wanted one rule by rule, so rules that somebody flushed or changed are put back.
  - Touches no other table. A table or a file of the same name that somebody else made is refused, and stays as it is. A table is this collection's if
    it has a chain of the rules, of its file or of the role qdrant_firewall; a file, if it speaks of the table, or the guard's unit loads it.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
options:
  table:
    description: The table, as family and name.
    type: str
    default: inet hardened_qdrant
  path:
    description: The file. It loads the rules at boot as well. Its folder must exist, except in check mode.
    type: path
    default: /etc/qdrant/firewall.nft
  rules:
    description:
      - The file's text, which must replace the table as a whole.
      - Required for O(state=present).
    type: str
  rollback:
    description:
      - Seconds after which systemd puts back the rules that were in force before, and their file, unless a task with O(state=confirmed)
        comes first, over a connection that was made anew. V(0) for no rollback.
      - Where there was no table before, the rollback stops Qdrant as well.
    type: int
    default: 0
  state:
    description:
      - Whether the table should be there.
      - V(confirmed) keeps the rules that were loaded with O(rollback), and fails where they were rolled back meanwhile.
    type: str
    choices: [present, absent, confirmed]
    default: present
"""

EXAMPLES = r"""
- name: Guard the ports
  hardened.qdrant.qdrant_firewall:
    rules: "{{ lookup('ansible.builtin.template', 'firewall.nft.j2') }}"
    rollback: 60

- name: Connect anew
  ansible.builtin.meta: reset_connection

- name: Keep the rules
  hardened.qdrant.qdrant_firewall:
    state: confirmed
"""

RETURN = r"""
differed:
  description: The parts that differed, V(file) and V(kernel).
  returned: always
  type: list
  elements: str
  sample: ["kernel"]
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _files, _firewall, _run


def present(module: AnsibleModule, run: _run.Run) -> dict:
    """Make file and kernel hold the rules."""
    table, path, rules = (module.params[name] for name in ("table", "path", "rules"))
    before = _firewall.read(path)
    if module.check_mode and (module.get_bin_path("nft") is None or not os.path.isdir(os.path.dirname(path))):
        # A clean host: there is neither a tool to compare with, nor a folder for a draft.
        return {"differed": ["file", "kernel"], "diff": {"before": before, "after": rules}}
    draft = _files.draft(path, rules.encode("utf-8"), 0o644)
    try:
        wanted = _firewall.rehearse(table, draft, run)
        live = _firewall.listing(table, run)
        _firewall.refuse_foreign(table, path, live, rules)
        differed = [name for name, differs in (("file", before != rules), ("kernel", live != wanted)) if differs]
        if not module.check_mode:
            if "kernel" in differed:
                if module.params["rollback"]:
                    _firewall.arm(table, path, module.params["rollback"], run)
                _firewall.load(draft, run)
            if "file" in differed:
                os.replace(draft, path)
    finally:
        if os.path.exists(draft):
            os.unlink(draft)
    if differed == ["kernel"]:
        return {"differed": differed, "diff": {"before": live, "after": wanted}}
    return {"differed": differed, "diff": {"before": before, "after": rules}}


def absent(module: AnsibleModule, run: _run.Run) -> dict:
    """Remove the table from the kernel, and the file."""
    table, path = module.params["table"], module.params["path"]
    live = _firewall.listing(table, run) if module.get_bin_path("nft") else ""
    _firewall.refuse_foreign(table, path, live)
    before = _firewall.read(path)
    differed = [name for name, there in (("file", before), ("kernel", live)) if there]
    if not module.check_mode:
        # One that an interrupted run left would bring the table back.
        if module.get_bin_path("systemctl"):
            _firewall.disarm(run)
        if live:
            run(["nft", "delete", "table", *table.split()])
        if before:
            os.unlink(path)
    return {"differed": differed, "diff": {"before": before, "after": ""}}


def confirmed(module: AnsibleModule, run: _run.Run) -> dict:
    """Keep what was loaded."""
    if not module.check_mode and not _firewall.disarm(run):
        module.fail_json(
            msg="The firewall was rolled back to the rules before, because no connection was made in time. Run again; see qdrant_firewall_rollback."
        )
    return {"differed": []}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "table": {"type": "str", "default": "inet hardened_qdrant"},
            "path": {"type": "path", "default": "/etc/qdrant/firewall.nft"},
            "rules": {"type": "str"},
            "rollback": {"type": "int", "default": 0},
            "state": {"type": "str", "choices": ["present", "absent", "confirmed"], "default": "present"},
        },
        required_if=[("state", "present", ["rules"])],
        supports_check_mode=True,
    )
    try:
        result = {"present": present, "absent": absent, "confirmed": confirmed}[module.params["state"]](module, _run.change)
    except _firewall.ForeignError as error:
        module.fail_json(msg=f"Nothing was changed: {error}.")
    except _firewall.FirewallError as error:
        module.fail_json(msg=f"nft refused the rules, and the ones in force stay: {error}")
    except OSError as error:
        module.fail_json(msg="Cannot work on {}: {}".format(module.params["path"], error))
    module.exit_json(changed=bool(result["differed"]), **result)


if __name__ == "__main__":
    main()
