# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation of the collection's modules and actions has in common."""

from __future__ import annotations


class ModuleDocFragment:
    """What the collection's modules promise about check mode, diff mode and hosts, worded once."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and returns the changes to come, without changing the host.
    support: full
  diff_mode:
    description: Shows its changes in diff mode, also those to come. Secrets are never part of it.
    support: full
  platform:
    description: The systems that the module runs on.
    platforms: posix
    support: full
"""

    # For modules that only look: there is nothing to show a difference of.
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode). Since it never changes anything, it does the same there.
    support: full
  diff_mode:
    description: There is nothing to show, since it never changes anything.
    support: N/A
"""

    # For what runs on the controller, as an action plugin.
    ACTION = r"""
options: {}
attributes:
  action:
    description: Runs on the controller, as an action plugin.
    support: full
"""

    # The option that the action plugins of qdrant_files and qdrant_plan_info make of the wanted state (module_utils/_entries.py).
    ENTRIES = r"""
options:
  entries:
    description: The entries. Set by the action plugin.
    type: list
    elements: dict
    suboptions:
      path: {description: The path., type: path, required: true}
      kind: {description: Its kind., type: str, choices: [folder, file, link, absent], required: true}
      owner: {description: The user., type: str}
      group: {description: The group., type: str}
      mode: {description: The mode in octal., type: str}
      text: {description: The content of a file., type: str}
      salt: {description: The salt of the digest in hex., type: str}
      digest: {description: The salted digest of a secret file., type: str}
      target: {description: The target of a link., type: str}
      staged: {description: The link that takes a link's place., type: path}
"""
