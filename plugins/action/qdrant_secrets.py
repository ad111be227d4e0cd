# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of qdrant_secrets: asks by a digest whether the node has its secrets, and sends them only if it has not."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail

from ansible_collections.hardened.qdrant.plugins.module_utils import _digests, _keys, _secrets
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _secret_settings, _variables

MODULE = "hardened.qdrant.qdrant_secrets"


class ActionModule(_action.HostAction):
    """Module with a digest, and, where something differs, module with the secrets. In check mode, and where nothing differs, the first call is all."""

    set_here = ("salt", "digest", "content")
    sends_secrets = True

    def act(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        arguments = self._arguments()
        content = self._content(variables)
        salt = _digests.salt()
        question = {**arguments, "salt": salt, "digest": _digests.digest(content.encode(), salt)}
        compared = self._execute_module(module_name=MODULE, module_args=question, task_vars=variables)
        if compared.get("failed") or not compared.get("changed") or self._task.check_mode:
            return compared
        written = self._execute_module(module_name=MODULE, module_args={**arguments, "content": content}, task_vars=variables)
        if not written.get("failed"):
            written.update({name: compared.get(name) for name in ("differed", "diff")})
        return written

    def _content(self, variables: dict[str, t.Any]) -> str:
        """Return the file that is wanted, from the variables that hold the secrets."""
        try:
            keys = {name: _variables.read(self._templar, variables, "qdrant_" + name, "") for name in _keys.NAMES}
            further = _secret_settings.of_config(_variables.read(self._templar, variables, "qdrant_config", {}))
        except _variables.VariableError as error:
            raise AnsibleActionFail(str(error)) from None
        for name, key in keys.items():
            if key is not None and not isinstance(key, str):
                raise AnsibleActionFail("qdrant_%s is not a text. Put it in quotes: without, YAML changes keys such as 00123." % name)
        if not keys["api_key"]:
            raise AnsibleActionFail("qdrant_api_key is empty, and Qdrant would run open. Set it in the vault.")
        return _secrets.render(keys, further)
