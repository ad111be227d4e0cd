# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: qdrant_controller_file
short_description: Text of a protected file on the controller
version_added: 0.1.0
description:
  - Reads a file of M(hardened.qdrant.qdrant_controller_file). A file that is a symlink, that others than root and the running user may write, or that is in a
    folder that they may write, is refused.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
options:
  _terms:
    description: The names of files in the folder O(folder). One that would lead elsewhere, as with V(/) or a dot in front, is refused.
    required: true
  folder:
    description: The folder of the files.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Show the challenges that are answered at this moment
  ansible.builtin.debug:
    msg: "{{ lookup('hardened.qdrant.qdrant_controller_file', inventory_hostname ~ '.challenges.json', folder='/srv/qdrant-certificates') | from_json }}"
"""

RETURN = r"""
_raw:
  description: The texts of the files.
  type: list
  elements: str
"""

import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _files


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms: list[str], variables: dict[str, t.Any] | None = None, **kwargs: t.Any) -> list[str]:
        folder = str(kwargs.get("folder") or "")
        if not folder:
            raise AnsibleLookupError("folder is empty. Name the folder on the controller that the file is in.")
        texts = []
        for name in terms:
            try:
                path = _files.inside(folder, str(name))
                content = _files.read(path)
            except _files.FileError as error:
                raise AnsibleLookupError(str(error)) from None
            if content is None:
                raise AnsibleLookupError(f"There is no file {path} on the controller.")
            texts.append(content.decode("utf-8", "replace"))
        return texts
