#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_secrets
short_description: Write the file that holds a Qdrant node's API keys
version_added: 0.1.0
description:
  - Writes the API keys into a file that root alone can read, in one step, quoted so that no key is read as a number.
  - The unit hands the file to Qdrant as a credential of systemd.
  - Never shows the content, in no mode. In diff mode it says which part of the file differed.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
options:
  path:
    description: The file. Its folder must exist, except in check mode.
    type: path
    default: /etc/qdrant/secrets.yaml
  api_key:
    description: The key with full rights.
    type: str
    required: true
  alt_api_key:
    description: A second key with full rights, for the time of a rotation. Empty for none. Qdrant has it from 1.17.0 on.
    type: str
    default: ""
  read_only_api_key:
    description: The key that may only read. Empty for none.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Write the API keys
  hardened.qdrant.qdrant_secrets:
    api_key: "{{ qdrant_api_key }}"
    read_only_api_key: "{{ qdrant_read_only_api_key }}"
"""

RETURN = r"""
differed:
  description: What was not as it should be.
  returned: always
  type: list
  elements: str
  sample: ["content", "mode"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _secrets


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/etc/qdrant/secrets.yaml"},
            "api_key": {"type": "str", "required": True, "no_log": True},
            "alt_api_key": {"type": "str", "default": "", "no_log": True},
            "read_only_api_key": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    keys = {name: module.params[name] for name in ("api_key", "alt_api_key", "read_only_api_key")}
    if not keys["api_key"]:
        module.fail_json(msg="api_key is empty, and Qdrant would run open. Set qdrant_api_key in the vault.")
    try:
        text = _secrets.render(keys)
        differed = _secrets.differs(path, text)
        if differed and not module.check_mode:
            _secrets.replace(path, text)
    except OSError as error:
        module.fail_json(msg="Cannot write the secrets to %s: %s" % (path, error.strerror))
    diff = {"before": "secrets: %s\n" % (", ".join(differed) + " differ" if differed else "as wanted"), "after": "secrets: as wanted\n"}
    module.exit_json(changed=bool(differed), differed=differed, diff=diff)


if __name__ == "__main__":
    main()
