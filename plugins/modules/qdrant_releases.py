#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_releases
short_description: Compare the inventory's release of Qdrant with upstream's, and pin another
version_added: 0.1.0
description:
  - Asks upstream which releases there are, says which of them are newer than the inventory's and which known weaknesses they mend.
  - With O(release) writes version, SHA-256 for each architecture and the image's digest into C(release.yml) of the group's variables, and a list of known
    weaknesses of today beside it. The pin before stays in the file, as a comment.
  - Refuses an answer that contradicts a digest that this collection, or the inventory, has pinned.
  - Checks the signature of upstream's image by C(cosign) where that is installed, and says where it was not checked.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.action
  - hardened.qdrant.upstream
attributes:
  check_mode:
    description: Can run in C(check_mode), asks, and writes nothing.
  diff_mode:
    description: The lines of the pin before are returned as RV(before).
    support: none
options:
  dir:
    description: The folder of the inventory, on the controller.
    type: path
    required: true
  group:
    description: The inventory group that holds the nodes.
    type: str
    default: qdrant
  release:
    description: >-
      The version to pin; V(newest) for the newest that an upgrade of one step reaches; V(before) for the pin before, for which nobody is asked. Left
      out, nothing is changed.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Compare the pinned release with upstream's
  hardened.qdrant.qdrant_releases:
    dir: ./inventory

- name: Pin a release
  hardened.qdrant.qdrant_releases:
    dir: ./inventory
    release: 1.20.0
"""

RETURN = r"""
newer:
  description: Releases that are newer than the lowest version of the inventory.
  returned: success
  type: list
  elements: dict
  contains:
    version:
      description: The release's version.
      type: str
    published:
      description: The day of its publication; empty if it is not known.
      type: str
    architectures:
      description: Architectures for which it has a digest.
      type: list
      elements: str
    mends:
      description: Known weaknesses of the inventory's version that it has no more.
      type: list
      elements: str
    has:
      description: Known weaknesses that it has.
      type: list
      elements: str
lines:
  description: The same for a person, and warnings.
  returned: success
  type: list
  elements: str
file:
  description: The pin's file.
  returned: success
  type: str
pinned:
  description: The version that is, or in check mode would be, pinned.
  returned: with a release
  type: str
before:
  description: The lines of the pin before, which stay in the file as a comment.
  returned: success
  type: list
  elements: str
"""
