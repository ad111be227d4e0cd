#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_image
short_description: Record the server of an image
version_added: 0.1.0
description:
  - Takes the digest of the server in a container image that the engine has, without running anything of it, and writes the manifest of a release.
  - M(hardened.qdrant.qdrant_node_info) reads the manifest, and M(hardened.qdrant.qdrant_evidence) compares it with the running server.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  image:
    description: The image's id.
    type: str
    required: true
  path:
    description: The manifest's file. Its folder must be there.
    type: path
    required: true
  version:
    description: The server's version.
    type: str
    required: true
  artefact_sha256:
    description: The digest by which the image was verified, its own or that of the archive that it was loaded from.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Write the release's manifest
  hardened.qdrant.qdrant_image:
    image: sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    path: /opt/qdrant/releases/1.19.0-2c26b46b/release.json
    version: 1.19.0
    artefact_sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
"""

RETURN = r"""
manifest:
  description: Content of the file, C(version), C(artefact_sha256), C(binary_sha256) and C(image_id).
  returned: always
  type: dict
"""

import json

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hardened.qdrant.plugins.module_utils import _files, _image, _node, _run


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "image": {"type": "str", "required": True},
            "path": {"type": "path", "required": True},
            "version": {"type": "str", "required": True},
            "artefact_sha256": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    before = _node.load_json(params["path"])
    try:
        server = _image.server_digest(params["image"], _run.within(_run.IMAGE), module.tmpdir)
        manifest = _image.manifest(params["image"], params["version"], params["artefact_sha256"], server)
        if manifest != before and not module.check_mode:
            # It is what makes a release count as installed, so it is there as a whole or not at all.
            text = json.dumps(manifest, indent=4, sort_keys=True) + "\n"
            _files.atomic_write(params["path"], text.encode("utf-8"), 0o644)
    except _image.ImageError as error:
        module.fail_json(msg="Cannot look into the image {}: {}.".format(params["image"], error))
    except OSError as error:
        module.fail_json(msg="Cannot write {}: {}.".format(params["path"], error))
    module.exit_json(changed=manifest != before, manifest=manifest)


if __name__ == "__main__":
    main()
