# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of the actions that take a document of wanted state: they read it, and the secrets that it only marks, in one way."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible_collections.hardened.qdrant.plugins.module_utils import _keys, _secrets
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _secret_settings, _variables, _wanted


class WantedAction(_action.HostAction):
    """An action with the options ``wanted`` and ``parts``."""

    def _wanted(self, variables: t.Mapping[str, t.Any]) -> tuple[_wanted.Wanted, str]:
        """Return the wanted state, and the text of its file of secrets; empty where none is wanted.

        :raises AnsibleActionFail: the document is none, or a key is missing.
        """
        given = self._task.args
        try:
            wanted = _wanted.parse(given.get("wanted")).of(given.get("parts"))
        except _wanted.WantedError as error:
            raise AnsibleActionFail(f"wanted is no document of wanted state. {error}.") from None
        return wanted, secrets_text(self._templar, variables) if wanted.secret else ""


def secrets_text(templar: t.Any, variables: t.Mapping[str, t.Any]) -> str:
    """Return the text of a node's file of secrets. It is read where it is sent: options of a task are shown.

    :raises AnsibleActionFail: a key is missing, or no text; the message names it, and shows nothing of it.
    """
    try:
        keys = {name: _variables.read(templar, variables, "qdrant_" + name, "") for name in _keys.NAMES}
        further = _secret_settings.of_config(_variables.read(templar, variables, "qdrant_config", {}))
    except _variables.VariableError as error:
        raise AnsibleActionFail(str(error)) from None
    for name, key in keys.items():
        if key is not None and not isinstance(key, str):
            raise AnsibleActionFail(f"qdrant_{name} is not a text. Put it in quotes: without, YAML changes keys such as 00123.")
    if not keys["api_key"]:
        raise AnsibleActionFail("qdrant_api_key is empty, and Qdrant would run open. Set it in the vault.")
    return _secrets.render(keys, further)
