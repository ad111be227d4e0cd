#!/usr/bin/python
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of the same name does the work; this file is its documentation.
from __future__ import annotations

DOCUMENTATION = r"""
module: qdrant_on_host
short_description: Call a module on a host without trusting its answer
version_added: 0.1.0
description:
  - Calls a module of another collection on the task's host, as a task with that module would, and lets its answer pass the border between controller and host.
  - A host may be hostile. Ansible makes variables of the C(ansible_facts) that any module returns, and by default they outrank the inventory's. An answer that
    would set a variable, or have Ansible act, ends the task, and names the host. Neither C(failed_when) nor C(ignore_errors) let that pass.
  - Texts of the answer are shown without control characters and marks of writing direction, which steer terminals.
  - The module and its arguments go by the interpreter's standard input (pipelining), never through a file of the host.
  - The roles of this collection call all modules that are not its own by this one.
author:
  - The hardened.qdrant authors (@hardened-qdrant)
extends_documentation_fragment:
  - hardened.qdrant.attributes
  - hardened.qdrant.attributes.action
attributes:
  check_mode:
    support: partial
    details: As the module that is called.
  diff_mode:
    support: partial
    details: As the module that is called.
options:
  module:
    description: The module's full name.
    type: str
    required: true
  options:
    description: The module's options.
    type: dict
    default: {}
  deadline:
    description: Seconds that the host has for all of it.
    type: float
    default: 900
seealso:
  - name: The threat model of this collection
    description: The limits of a hostile host.
    link: https://github.com/hardened-qdrant/hardened.qdrant/blob/main/docs/developer/threat-model.md
"""

EXAMPLES = r"""
- name: Create the folder
  hardened.qdrant.qdrant_on_host:
    module: ansible.builtin.file
    options:
      path: /opt/qdrant
      state: directory
      mode: "0755"
"""

RETURN = r"""
facts:
  description: Facts of M(ansible.builtin.setup), without the prefix C(ansible_). Not as variables.
  returned: the module is M(ansible.builtin.setup)
  type: dict
"""
