#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_controller_file
short_description: Write or remove a file on the controller, safely
version_added: 0.1.0
description:
  - Writes or removes a file on the controller, also in a task of another host. It connects to no host, and needs no delegation.
  - The file is whole or as it was, and has its mode from the first byte on. Folders that are missing are made.
  - A file that is a symlink is refused, and so is one in a folder that others than root and the running user may write. Of the folders above, one may be a
    symlink of root's or the running user's, and one such as C(/tmp), in which others may add but not replace.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.action
options:
  path:
    description: The file, or with O(name) its folder.
    type: path
    required: true
  name:
    description:
      - The name of the file in the folder O(path), for a name that holds a host's.
      - One that would lead elsewhere, as with V(/) or a dot in front, is refused.
    type: str
    default: ""
  content:
    description: The text of the file, or a list or mapping that is written as JSON. Required with O(state=present).
    type: raw
  mode:
    description: The mode of the file, as a text. It lets nobody else write. Of a file that nobody else may read, no content is shown in diff mode.
    type: str
    default: "0600"
  state:
    description: Whether the file is to be there.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Publish the CA bundle for clients
  hardened.qdrant.qdrant_controller_file:
    path: /srv/clients/trust.pem
    content: "{{ bundle }}"
    mode: "0644"
  run_once: true

- name: Remove the signed certificate
  hardened.qdrant.qdrant_controller_file:
    path: /srv/qdrant-certificates
    name: "{{ inventory_hostname }}.crt"
    state: absent
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
"""
