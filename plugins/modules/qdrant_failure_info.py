#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_failure_info
short_description: Find the cause of a failed start of a Qdrant node
version_added: 0.1.0
description:
  - Reads the journal of the unit's last start, and returns the culprit (the server itself, its gate, or systemd), its words, and a remedy.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.info
options:
  unit:
    description: The systemd unit of the node.
    type: str
    default: qdrant.service
  secrets_file:
    description: The file on the node that holds its secrets, as M(hardened.qdrant.qdrant_files) writes it. None of them is part of the result.
    type: path
    default: /etc/qdrant/secrets.yaml
"""

EXAMPLES = r"""
- name: See why the node did not start
  hardened.qdrant.qdrant_failure_info:
  register: failure
"""

RETURN = r"""
who:
  description: The culprit, V(server), V(gate) or V(systemd).
  returned: always
  type: str
line:
  description: The line of the journal that says why.
  returned: always
  type: str
cause:
  description: The same as a sentence.
  returned: always
  type: str
  sample: "The server ended by itself (exit code 101, a panic). Its last words: ..."
remedy:
  description: The remedy.
  returned: always
  type: str
text:
  description: The last lines of that start.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _failure, _node, _run, _secret_names


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "default": "qdrant.service"},
            # The file's path is no secret.
            "secrets_file": {"type": "path", "default": "/etc/qdrant/secrets.yaml", "no_log": False},
        },
        supports_check_mode=True,
    )
    # A server that does not take a value may say which.
    secrets = _secret_names.sought(_secret_names.texts(_node.load_json(module.params["secrets_file"])))
    unit, run = module.params["unit"], _run.ask
    try:
        _code, journal, _error = run(["journalctl", "--no-pager", "--output=json", "--lines=400", "--unit", unit])
        _code, shown, _error = run(["systemctl", "show", "--property=ExecMainCode,ExecMainStatus", "--", unit])
    except OSError as error:
        module.fail_json(msg=f"Cannot read the journal: {error}. The host must run systemd.")
    found = _failure.of_last_start(_failure.lines(journal, secrets))
    properties = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    text = "\n".join(line.text for line in found[-_failure.LINES :])
    module.exit_json(changed=False, text=text, **_failure.cause(found, properties))


if __name__ == "__main__":
    main()
