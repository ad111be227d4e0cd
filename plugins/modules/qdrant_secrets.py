#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_secrets
short_description: Write a Qdrant node's file of secrets
version_added: 0.1.0
description:
  - Writes the API keys, and the secrets among other settings of Qdrant's, into a file that root alone can read, in one step, quoted so that nothing
    is read as a number.
  - The unit hands the file to Qdrant as a credential of systemd.
  - The API keys are read from the variables C(qdrant_api_key), C(qdrant_alt_api_key) and C(qdrant_read_only_api_key), the other secrets from
    C(qdrant_config), all of them on the controller.
  - The node is first asked with a salted digest whether it has that file, and is sent the secrets only if it has not. In check mode it never is.
  - Never shows the content, in no mode. In diff mode it says which part of the file differed.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.action
options:
  path:
    description: The file. Its folder must exist, except in check mode.
    type: path
    default: /etc/qdrant/secrets.yaml
  salt:
    description: Salt of O(digest), in hex. Set by the action plugin.
    type: str
  digest:
    description: The salted digest of the file that is wanted. Set by the action plugin.
    type: str
  content:
    description: The file that is wanted. Set by the action plugin.
    type: str
"""

EXAMPLES = r"""
- name: Write the secrets
  hardened.qdrant.qdrant_secrets:
    path: /etc/qdrant/secrets.yaml
"""

RETURN = r"""
differed:
  description: The parts that differed.
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
            "salt": {"type": "str"},
            "digest": {"type": "str"},
            "content": {"type": "str", "no_log": True},
        },
        required_together=[("salt", "digest")],
        mutually_exclusive=[("digest", "content")],
        supports_check_mode=True,
    )
    path, digest, content = (module.params[name] for name in ("path", "digest", "content"))
    if digest is None and content is None:
        module.fail_json(msg="The wanted secrets are missing. Call this module as hardened.qdrant.qdrant_secrets: its action plugin sets it.")
    try:
        if content is not None:
            differed = ["content"]
            if not module.check_mode:
                _secrets.replace(path, content)
        else:
            differed = _secrets.differs(path, module.params["salt"], digest)
    except OSError as error:
        module.fail_json(msg="Cannot read or write the secrets in %s: %s" % (path, error.strerror))
    diff = {"before": "secrets: %s\n" % (", ".join(differed) + " differ" if differed else "as wanted"), "after": "secrets: as wanted\n"}
    module.exit_json(changed=bool(differed), differed=differed, diff=diff)


if __name__ == "__main__":
    main()
