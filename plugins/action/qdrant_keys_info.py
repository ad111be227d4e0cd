# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of qdrant_keys_info: asks with salted digests of the wanted keys, so that no key travels to be compared."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible_collections.hardened.qdrant.plugins.module_utils import _digests, _keys
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _variables

MODULE = "hardened.qdrant.qdrant_keys_info"


class ActionModule(_action.HostAction):
    """One call of the module, with digests of the keys that the variables hold."""

    set_here = ("salt", "digests")

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        arguments = self._arguments()
        try:
            keys = {name: _variables.read(self._templar, variables, "qdrant_" + name, "") for name in _keys.NAMES}
        except _variables.VariableError as error:
            raise AnsibleActionFail(str(error)) from None
        salt = _digests.salt()
        digests = {name: _digests.digest(str(key).encode(), salt) for name, key in keys.items() if key}
        return self._execute_module(module_name=MODULE, module_args={**arguments, "salt": salt, "digests": digests}, task_vars=variables)
