# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a node's file of secrets, from the variables of its host. Read where it is sent: what is an option of a task is shown."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible_collections.hardened.qdrant.plugins.module_utils import _keys, _secrets
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _secret_settings, _variables


def text(templar: t.Any, variables: t.Mapping[str, t.Any]) -> str:
    """Return the text.

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
