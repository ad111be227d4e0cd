#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_old_releases
short_description: Remove releases of Qdrant that a node needs no more
version_added: 0.1.0
description:
  - Removes releases from a node, and of containers their images, but for the one in use, the one that the process was started with, and the
    latest of the others.
  - Decides on the node, by the link to the release in use and by the record of the last start. No name of a release comes from elsewhere.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
options:
  unit:
    description: The systemd unit of the node.
    type: str
    default: qdrant.service
  install_dir:
    description: The folder that holds the releases.
    type: path
    default: /opt/qdrant
  keep:
    description: The number of releases that stay, the one in use included. At least one.
    type: int
    default: 2
"""

EXAMPLES = r"""
- name: Remove old releases
  hardened.qdrant.qdrant_old_releases:
"""

RETURN = r"""
removed:
  description: The names of the releases that were removed, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: ["1.17.1-0a1b2c3d"]
"""

import os
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _node, _run


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "default": "qdrant.service"},
            "install_dir": {"type": "path", "default": "/opt/qdrant"},
            "keep": {"type": "int", "default": 2},
        },
        supports_check_mode=True,
    )
    params = module.params
    if params["keep"] < 1:
        module.fail_json(msg="keep is %d, and the release in use stays: write 1 or more." % params["keep"])
    layout = _node.Layout(unit=params["unit"], install_dir=params["install_dir"], config_dir="", data_dir="")
    try:
        state = _node.unit_state(layout.unit, _run.ask)
        old = _node.old_releases(layout, state, _node.load_json(_node.RECORD), params["keep"])
        if not module.check_mode:
            images = _node.images_of(layout, old)
            for name in old:
                shutil.rmtree(os.path.join(layout.releases, name))
            for image in images:
                # One that somebody else uses stays; the engine says so, and it is no failure.
                _run.change(["docker", "image", "rm", "--", image])
    except OSError as error:
        module.fail_json(msg=f"Cannot remove an old release: {error}. This task must be root's (become: true).")
    diff = {"before_header": layout.releases, "after_header": layout.releases, "before": "".join(f"{name}\n" for name in old), "after": ""}
    module.exit_json(changed=bool(old), removed=old, diff=diff if old else {})


if __name__ == "__main__":
    main()
